"""Limits without isolation, for whoever asks for it by name."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from metagpt.actions.sandbox.interface import SandboxResult
from metagpt.actions.sandbox.launcher import launcher, limit_options
from metagpt.actions.sandbox.limits import DEFAULT_LIMITS, Limits
from metagpt.actions.sandbox.ownership import lent, uid_options
from metagpt.actions.sandbox.supervisor import Launch, supervise
from metagpt.actions.sandbox.surroundings import LAUNCHER, environment, interpreter_folders, workspace_folder
from metagpt.errors import SandboxError

__all__ = ["BareProcess"]


class BareProcess:
    """A process with limits and a clean environment that can read, reach and (but for root) change what its user can.

    Memory and the number of processes are limited on Linux only.
    """

    name = "process"

    def __init__(self) -> None:
        if os.name != "posix":
            raise SandboxError(f"Sandbox process: this is {os.name!r}; limits need a POSIX system. Use one, or WSL under Windows.")

    async def run(self, argv: Sequence[str], *, workspace: Path, stdin: bytes = b"", limits: Limits = DEFAULT_LIMITS) -> SandboxResult:
        folder = workspace_folder(workspace)
        mark = f"SANDBOX_RUN={secrets.token_hex(8)}"
        temporary = tempfile.mkdtemp(prefix=".tmp-", dir=folder)
        try:
            with lent(folder) as uid:
                options = uid_options(uid, [*interpreter_folders(), str(folder.parent)])
                options += [*limit_options(limits, uid=uid), "dies-with-parent=1"]
                launch = Launch(
                    backend=self.name,
                    argv=lambda status: launcher(str(LAUNCHER), status, options, argv),
                    env=environment(home=str(folder), temporary=temporary) | dict([mark.split("=")]),
                    cwd=str(folder),
                    mark=mark,
                )
                return await supervise(launch, stdin=stdin, limits=limits)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
