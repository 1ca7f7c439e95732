"""The evaluator's actions: what a program does on inputs, what many do, and whether one's tests pass. All run in the sandbox."""

from __future__ import annotations

import asyncio
from typing import Any

from metagpt import action
from metagpt.actions.sandbox import Sandbox, SandboxChoice, open_sandbox
from metagpt.behaviour import Outcome, TestReport, observe, observe_each, run_tests

__all__ = ["ProgramActions"]


class ProgramActions:
    """The actions for one choice of sandbox; it is opened, and its isolation proved, when first needed."""

    def __init__(self, choice: SandboxChoice) -> None:
        async def sandbox() -> Sandbox:
            return await asyncio.to_thread(open_sandbox, choice)

        @action(executes=True, idempotent=True)
        async def observe_program(files: dict[str, str], file: str, function: str, inputs: list[list[Any]]) -> list[Outcome]:
            """Call a program's function once per input in the sandbox; each outcome is a value or an error."""
            return await observe(await sandbox(), files, file=file, function=function, inputs=inputs)

        @action(executes=True, idempotent=True)
        async def observe_programs(sources: list[tuple[str, str]], inputs: list[list[Any]]) -> list[list[Outcome]]:
            """Call the functions of many one-file programs once per input, in one process in the sandbox."""
            return await observe_each(await sandbox(), sources, inputs=inputs)

        @action(executes=True, idempotent=True)
        async def test_program(files: dict[str, str], tests: list[str]) -> TestReport:
            """Run a program's test files in the sandbox; says how many tests ran and what failed."""
            return await run_tests(await sandbox(), files, tests=tests)

        self.observe = observe_program
        self.observe_each = observe_programs
        self.test = test_program
