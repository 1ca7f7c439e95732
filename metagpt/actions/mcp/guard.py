"""Runs in the child before a server does: has the kernel end it with its parent, then becomes the server. Linux only.

A script that imports nothing of this package: it runs on a bare interpreter (`-I -S`).

    guard.py PARENT_PID COMMAND [ARGUMENT]...
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # and not signal: its enums are a third of the start
import ctypes
import os
import sys

__all__ = ["main"]

_PR_SET_PDEATHSIG = 1


def main(parent: int, command: list[str]) -> None:
    """Become the command, which is killed when the parent ends, however it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(_signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it has ended before this was said
        os._exit(125)
    _signal.signal(_signal.SIGPIPE, _signal.SIG_DFL)  # the interpreter ignores it, and the server would inherit that
    try:
        os.execvp(command[0], command)  # noqa: S606 - becoming the server is the purpose; there is no shell
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
