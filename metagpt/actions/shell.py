"""The action that runs a command in the workspace: in the sandbox, or not at all.

A command line is read by the shell inside the sandbox; nothing of it is ever read by one outside.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from metagpt.actions.clipping import clipped
from metagpt.actions.interface import ActionContext, FunctionAction, Permissions
from metagpt.actions.sandbox import DEFAULT_LIMITS, Limits, SandboxChoice, open_sandbox
from metagpt.errors import ActionError

__all__ = ["CommandRun", "run_shell", "shell_action"]

_SHELL = "/bin/sh"


@dataclass(frozen=True, kw_only=True)
class CommandRun:
    """What came of it, as a model is told."""

    exit_status: int | None
    """0 for success, 127 where there is no such program; None when a limit ended it."""
    stdout: str
    stderr: str
    killed_by: str | None
    """The limit that ended it: cpu, wall, memory, processes or output."""


def shell_action(choice: SandboxChoice = "auto", *, limits: Limits = DEFAULT_LIMITS) -> FunctionAction:
    """Make the action `run_shell` for one choice of sandbox, which is opened when the action is first performed."""

    async def run_shell(command: str | list[str], context: ActionContext, stdin: str = "") -> CommandRun:  # noqa: D417 - the docstring is for the model, which does not see the context
        """Run a command in the workspace, without network, and report its exit status and output.

        Args:
            command: words, as ["wc", "-l", "notes.txt"], which run as they stand; or a line for sh, as "grep -c x *.txt | sort".
            stdin: what the program reads from standard input.
        """
        argv = [_SHELL, "-c", command] if isinstance(command, str) else command
        if not command or not argv[0] or any("\0" in word for word in (*argv, stdin)):
            raise ActionError(
                f"action 'run_shell': found command {command!r}; expected a program's name and its arguments, as ['ls', '-l'],"
                " without NUL characters."
            )
        sandbox = await asyncio.to_thread(open_sandbox, choice)
        result = await sandbox.run(argv, workspace=Path(context.workspace), stdin=stdin.encode(), limits=limits)
        return CommandRun(
            exit_status=result.exit_status,
            stdout=clipped(result.stdout.decode(errors="replace")),
            stderr=clipped(result.stderr.decode(errors="replace")),
            killed_by=result.killed_by,
        )

    return FunctionAction(run_shell, permissions=Permissions(reads=True, writes=True, executes=True), idempotent=False)


run_shell = shell_action()
"""In the strongest sandbox that works here."""
