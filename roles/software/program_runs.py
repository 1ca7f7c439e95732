"""The evaluator's two actions: what a program does on inputs, and whether its tests pass. Both run in the sandbox."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Any

from metagpt import action
from metagpt.actions.sandbox import Sandbox, SandboxChoice, open_sandbox
from metagpt.behaviour import observe, run_tests

__all__ = ["ProgramActions"]


class ProgramActions:
    """The actions for one choice of sandbox; it is opened, and its isolation proved, when first needed."""

    def __init__(self, choice: SandboxChoice) -> None:
        self.choice = choice

        async def sandbox() -> Sandbox:
            return await asyncio.to_thread(open_sandbox, choice)

        @action(executes=True, idempotent=True)
        async def observe_program(files: dict[str, str], file: str, function: str, inputs: list[list[Any]]) -> list[dict[str, Any]]:
            """Call a program's function once per input in the sandbox; each outcome is a value or an error."""
            return [asdict(o) for o in await observe(await sandbox(), files, file=file, function=function, inputs=inputs)]

        @action(executes=True, idempotent=True)
        async def test_program(files: dict[str, str], tests: list[str]) -> dict[str, Any]:
            """Run a program's test files in the sandbox; says how many tests ran and what failed."""
            opened = await sandbox()
            report = await run_tests(opened, files, tests=tests)
            return {"tests": report.tests, "failures": list(report.failures), "sandbox": opened.name}

        self.observe = observe_program
        self.test = test_program
