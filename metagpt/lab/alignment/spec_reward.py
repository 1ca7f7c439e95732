"""The reward of a spec: whether the program that follows from it is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from metagpt.actions.sandbox import SandboxChoice
from metagpt.lab.alignment.rewards import TestsReward
from metagpt.lab.embedded.speak import SmallModel, read_spec

__all__ = ["SpecReward"]


@dataclass
class SpecReward:
    """1 for an answer of `product_manager.specify` whose program passes all its row's tests, else 0; nothing for a row without tests.

    The starting model writes the program, as `engineer.write_program` and without chance. So a spec is worth what comes of it,
    however it is put. All tests, not a share of them: edge cases alone are passed by many a wrong program.
    """

    base: Path
    """The starting model; it has the calls of the embedded model."""
    sandbox: SandboxChoice = "auto"
    __name__ = "program_of_spec"

    @cached_property
    def _engineer(self) -> SmallModel:
        return SmallModel(self.base)

    @cached_property
    def _tests(self) -> TestsReward:
        return TestsReward(self.sandbox)

    def __call__(self, *, completions: Sequence[str], tests: Sequence[str], **_: Any) -> list[float | None]:
        """The rewards of a batch; a program met before is not run again on the same tests."""
        specs = [read_spec(answer) if cases else None for answer, cases in zip(completions, tests, strict=True)]
        told = [spec if spec is not None and spec.in_scope else None for spec in specs]
        written = iter(self._engineer.programs([spec for spec in told if spec is not None]))
        programs = ["" if spec is None else next(written) for spec in told]
        names = ["" if spec is None else spec.signature.partition("(")[0].strip() for spec in told]
        shares = self._tests(completions=programs, function=names, tests=tests)
        return [None if share is None else float(share == 1.0) for share in shares]
