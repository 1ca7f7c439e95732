"""Isolation without namespaces: Landlock for files and signals, seccomp for system calls.

Source: Linux, Documentation/userspace-api/landlock.rst and include/uapi/linux/landlock.h.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from metagpt.actions.sandbox.interface import SandboxResult
from metagpt.actions.sandbox.launcher import launcher, limit_options
from metagpt.actions.sandbox.limits import DEFAULT_LIMITS, Limits
from metagpt.actions.sandbox.ownership import lent, uid_options
from metagpt.actions.sandbox.seccomp import machine, shared_filter
from metagpt.actions.sandbox.supervisor import Launch, supervise
from metagpt.actions.sandbox.surroundings import (
    DEVICES,
    LAUNCHER,
    environment,
    etc_files,
    interpreter_folders,
    journal_folders,
    system_folders,
    workspace_folder,
)
from metagpt.errors import SandboxError

__all__ = ["Landlock", "landlock_abi"]

_CREATE_RULESET = 444
_READ = 1 << 0 | 1 << 2 | 1 << 3  # execute, read a file, list a folder
_MEND = "Linux 5.13 or later with Landlock among its security modules (`lsm=landlock,…`) is needed"


def landlock_abi() -> int:
    """The version of Landlock that the kernel speaks.

    Raises:
        SandboxError: When it speaks none.
    """
    if sys.platform != "linux":
        raise SandboxError(f"Sandbox landlock: this is {sys.platform!r}; {_MEND}.")
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    abi: int = libc.syscall(ctypes.c_long(_CREATE_RULESET), None, ctypes.c_size_t(0), ctypes.c_uint(1))
    if abi < 1:
        raise SandboxError(f"Sandbox landlock: the kernel has none ({os.strerror(ctypes.get_errno())}); {_MEND}.")
    return abi


class Landlock:
    """Reads system folders and the interpreter, writes the workspace; no sockets, and no other process in reach.

    Args:
        abi: Use no more of Landlock than this version has; what an older one lacks, the filter makes up for.
    """

    name = "landlock"

    def __init__(self, *, abi: int | None = None) -> None:
        spoken = landlock_abi()
        abi = spoken if abi is None else min(abi, spoken)
        self._rights = _rights(abi)
        self._filter = shared_filter(machine(), scoped_signals=abi >= 6, governs_truncate=abi >= 3).hex()

    async def run(self, argv: Sequence[str], *, workspace: Path, stdin: bytes = b"", limits: Limits = DEFAULT_LIMITS) -> SandboxResult:
        folder = workspace_folder(workspace)
        _check_journals(folder)
        temporary = tempfile.mkdtemp(prefix=".tmp-", dir=folder)
        try:
            with lent(folder) as uid:
                options = [f"landlock={self._rights}", *_rules(folder), *uid_options(uid, [*interpreter_folders(), str(folder.parent)])]
                options += [*limit_options(limits, uid=uid), "dies-with-parent=1", f"filter={self._filter}"]
                launch = Launch(
                    backend=self.name,
                    argv=lambda status: launcher(str(LAUNCHER), status, options, argv),
                    env=environment(home=str(folder), temporary=temporary),
                    cwd=str(folder),
                )
                return await supervise(launch, stdin=stdin, limits=limits)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _check_journals(workspace: Path) -> None:
    """Landlock gives rights on a folder with all that is in it: a journal in the workspace could not be kept from the program."""
    for folder in journal_folders(workspace):
        raise SandboxError(
            f"sandbox landlock: found {str(folder)!r} in the workspace; expected no journals there, for it cannot hide them from a program."
            " Choose another workspace (--out FOLDER), keep the journal elsewhere (--journal FILE), or install bubblewrap."
        )


def _rules(workspace: Path) -> list[str]:
    readable = [*system_folders(), *etc_files(), *interpreter_folders()]
    devices = [path for path in DEVICES if os.path.exists(path)]
    return [*(f"read={path}" for path in readable), *(f"device={path}" for path in devices), f"write={workspace}"]


def _rights(abi: int) -> str:
    """The ruleset as the launcher wants it: size, rights on files, on the network, scopes, what reading needs."""
    newest = 12 + (abi >= 2) + (abi >= 3) + (abi >= 5)  # 13 refer, 14 truncate, 15 ioctl on devices
    files = (1 << newest + 1) - 1
    network = 0b11 if abi >= 4 else 0  # bind and connect
    scoped = 0b11 if abi >= 6 else 0  # abstract sockets and signals
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    return ":".join(f"{number:x}" for number in (size, files, network, scoped, _READ))
