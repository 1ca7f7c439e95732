"""The reward of a spec: whether the program that follows from it is right."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from metagpt.actions.sandbox import Sandbox, SandboxChoice, open_sandbox
from metagpt.lab.alignment.rewards import passed_share
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
    _known: dict[tuple[str, str, str], float] = field(default_factory=dict, init=False)
    __name__ = "program_of_spec"

    @cached_property
    def _engineer(self) -> SmallModel:
        return SmallModel(self.base)

    @cached_property
    def _opened(self) -> Sandbox:
        return open_sandbox(self.sandbox)

    def __call__(self, *, completions: Sequence[str], tests: Sequence[str], **_: Any) -> list[float | None]:
        """The rewards of a batch; a program met before is not run again on the same tests."""
        specs = [read_spec(answer) if cases else None for answer, cases in zip(completions, tests, strict=True)]
        asked = [spec for spec in specs if spec is not None and spec.in_scope]
        programs = iter(self._engineer.programs(asked) if asked else [])
        keys = [
            (next(programs), spec.signature.partition("(")[0].strip(), cases) if spec is not None and spec.in_scope else None
            for spec, cases in zip(specs, tests, strict=True)
        ]
        new = [key for key in dict.fromkeys(keys) if key is not None and key not in self._known]
        with ThreadPoolExecutor(1) as thread:  # a loop of its own, whether or not the caller runs in one
            found = thread.submit(asyncio.run, self._run(new)).result() if new else []
        self._known.update(zip(new, found, strict=True))
        earned = [0.0 if key is None else self._known[key] for key in keys]
        return [reward if cases else None for reward, cases in zip(earned, tests, strict=True)]

    async def _run(self, keys: Sequence[tuple[str, str, str]]) -> list[float]:
        sandbox = self._opened
        shares = await asyncio.gather(*(passed_share(sandbox, code, name, json.loads(cases)) for code, name, cases in keys))
        return [float(share == 1.0) for share in shares]
