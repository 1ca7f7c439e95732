"""Rewards of an answer: tests passed in the sandbox, its form, its length. Each is from 0 to 1."""

from __future__ import annotations

import ast
import asyncio
import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from metagpt.actions.sandbox import Sandbox, SandboxChoice, open_sandbox
from metagpt.behaviour import observe
from metagpt.lab.from_runs.answers import pieces

__all__ = ["FormReward", "LengthReward", "TestsReward", "defines", "passed_share", "program_of"]

_FILE = "program.py"


def program_of(answer: str) -> str:
    """The program in an answer, without a fence around it."""
    found = pieces(answer)
    return f"{found[0]}\n" if found else ""


def defines(answer: str, function: str) -> bool:
    """Whether the answer is Python and defines the function; it is parsed, never run."""
    try:
        tree = ast.parse(program_of(answer))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == function for node in tree.body)


async def passed_share(sandbox: Sandbox, answer: str, function: str, tests: Sequence[tuple[list[Any], Any]]) -> float:
    """Share of the tests that the answer's program passes, run in the sandbox."""
    if not tests or not defines(answer, function):
        return 0.0
    inputs = [list(arguments) for arguments, _ in tests]
    outcomes = await observe(sandbox, {_FILE: program_of(answer)}, file=_FILE, function=function, inputs=inputs)
    return sum(outcome.same_as(wanted) for outcome, (_, wanted) in zip(outcomes, tests, strict=True)) / len(tests)


@dataclass
class TestsReward:
    """Share of its prompt's tests that an answer passes; nothing for a prompt without tests."""

    __test__ = False  # no test class, whatever its name begins with

    sandbox: SandboxChoice = "auto"
    _known: dict[tuple[str, str, str], float] = field(default_factory=dict, init=False)
    __name__ = "tests_passed"

    @cached_property
    def _opened(self) -> Sandbox:
        return open_sandbox(self.sandbox)

    def __call__(self, *, completions: Sequence[str], function: Sequence[str], tests: Sequence[str], **_: Any) -> list[float | None]:
        """The rewards of a batch; an answer met before is not run again."""
        keys = list(zip(function, tests, completions, strict=True))
        new = [key for key in dict.fromkeys(keys) if key[1] and key not in self._known]
        with ThreadPoolExecutor(1) as thread:  # a loop of its own, whether or not the caller runs in one
            shares = thread.submit(asyncio.run, self._shares(new)).result() if new else []
        self._known.update(zip(new, shares, strict=True))
        return [self._known[key] if key[1] else None for key in keys]

    async def _shares(self, keys: Sequence[tuple[str, str, str]]) -> list[float]:
        sandbox = self._opened
        return await asyncio.gather(*(passed_share(sandbox, answer, name, json.loads(cases)) for name, cases, answer in keys))


@dataclass(frozen=True)
class FormReward:
    """1 for an answer of the wanted form: it matches the pattern, or is Python that defines its prompt's function."""

    pattern: str = ""
    __name__ = "form"

    def __call__(self, *, completions: Sequence[str], function: Sequence[str], **_: Any) -> list[float]:
        """The rewards of a batch."""
        if self.pattern:
            return [float(re.fullmatch(self.pattern, answer.strip(), re.DOTALL) is not None) for answer in completions]
        return [float(defines(answer, name)) for answer, name in zip(completions, function, strict=True)]


@dataclass(frozen=True)
class LengthReward:
    """min(1, target / length): an answer up to the target has it all, one twice as long the half."""

    target: int
    """Characters."""
    __name__ = "length"

    def __call__(self, *, completions: Sequence[str], **_: Any) -> list[float]:
        """The rewards of a batch."""
        return [min(1.0, self.target / max(1, len(answer))) for answer in completions]
