"""The action that runs Python in the workspace: in the sandbox, or not at all."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

from metagpt.actions.interface import ActionContext, FunctionAction, Permissions
from metagpt.actions.sandbox import DEFAULT_LIMITS, Limits, SandboxChoice, open_sandbox
from metagpt.errors import ActionError

__all__ = ["PythonRun", "python_action", "run_python"]


@dataclass(frozen=True, kw_only=True)
class PythonRun:
    """What came of it, as a model is told."""

    exit_status: int | None
    """0 for success; None when a limit ended it."""
    stdout: str
    stderr: str
    killed_by: str | None
    """The limit that ended it: cpu, wall, memory, processes or output."""
    truncated: bool
    """Whether output is missing."""
    wall_s: float


def python_action(choice: SandboxChoice = "auto", *, limits: Limits = DEFAULT_LIMITS) -> FunctionAction:
    """Make the action `run_python` for one choice of sandbox, which is opened when the action is first performed."""

    async def run_python(arguments: list[str], context: ActionContext, stdin: str = "") -> PythonRun:  # noqa: D417 - the docstring is for the model, which does not see the context
        """Run Python in the workspace, without network, and report its exit status and output.

        Args:
            arguments: what stands behind `python`, as ["main.py", "Hello"], ["-m", "unittest"] or ["-c", "print(1)"].
            stdin: what the program reads from standard input.
        """
        if not arguments:
            raise ActionError("action 'run_python': found no arguments; expected what stands behind `python`, as ['main.py'].")
        sandbox = await asyncio.to_thread(open_sandbox, choice)
        folder = Path(context.workspace)
        result = await sandbox.run([sys.executable, *arguments], workspace=folder, stdin=stdin.encode(), limits=limits)
        return PythonRun(
            exit_status=result.exit_status,
            stdout=result.stdout.decode(errors="replace"),
            stderr=result.stderr.decode(errors="replace"),
            killed_by=result.killed_by,
            truncated=result.truncated,
            wall_s=result.wall_s,
        )

    return FunctionAction(run_python, permissions=Permissions(reads=True, writes=True, executes=True), idempotent=False)


run_python = python_action()
"""In the strongest sandbox that works here."""
