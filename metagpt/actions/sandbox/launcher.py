"""The command line of the launcher (launch.py), which turns itself into the program."""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Sequence

from metagpt.actions.sandbox.census import count_tasks
from metagpt.actions.sandbox.limits import Limits
from metagpt.actions.sandbox.ownership import NOBODY
from metagpt.actions.sandbox.surroundings import interpreter
from metagpt.errors import SandboxError

__all__ = ["launcher", "limit_options"]

_OPEN_FILES = 256
_USERNS_COUNTS_SINCE = (5, 14)
_OTHERS_MAY_START = 512
"""Where a run shares its uid with others, whose tasks must not use up its limit; the supervisor then counts for itself."""


def launcher(script: str, status: int, options: Sequence[str], argv: Sequence[str]) -> list[str]:
    """The launcher on a bare interpreter, for one command.

    Raises:
        SandboxError: When the command is empty or not made of strings without NUL.
    """
    if not argv or isinstance(argv, str) or not all(isinstance(word, str) and "\0" not in word for word in argv):
        raise SandboxError(f"Sandbox: argv={argv!r}; a command is a sequence of one or more strings without NUL. Pass it word by word.")
    return [interpreter(), "-I", "-S", "-B", script, f"status={status}", *options, "--", *argv]


def limit_options(limits: Limits, *, uid: int | None, own_user_namespace: bool = False) -> list[str]:
    """Resource limits as soft:hard; the hard CPU limit is a second later, so that the first can be told from a crash."""
    cpu_s = math.ceil(limits.cpu_s)
    same = {
        "AS": limits.memory_bytes,
        "FSIZE": limits.file_bytes,
        "NPROC": limits.processes + _room(uid, own_user_namespace=own_user_namespace),
        "NOFILE": _OPEN_FILES,
        "CORE": 0,
    }
    held = {"CPU": (cpu_s, cpu_s + 1)} | {name: (value, value) for name, value in same.items()}
    return [f"limit={name}:{soft}:{hard}" for name, (soft, hard) in held.items()]


def _room(uid: int | None, *, own_user_namespace: bool) -> int:
    """What is added to the process limit, since the kernel counts the tasks of a user and not of a run."""
    if own_user_namespace and _kernel() >= _USERNS_COUNTS_SINCE:
        return 1  # the namespace's first process
    if uid is not None and uid != NOBODY:
        return count_tasks(uid)  # of other runs in the same workspace
    return count_tasks(os.geteuid() if uid is None else uid) + _OTHERS_MAY_START


def _kernel() -> tuple[int, ...]:
    found = re.match(r"(\d+)\.(\d+)", platform.release())
    return tuple(map(int, found.groups())) if found else (0, 0)
