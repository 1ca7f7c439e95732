"""Commands in a terminal of their own, with a person's keys typed at what they show."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["END", "INTERRUPT", "at_terminal"]

INTERRUPT, END = "\x03", "\x04"
_SILENCE_S = 10.0
_MOST_SILENCES = 12


def at_terminal(folder: Path, arguments: Sequence[str], typed: Sequence[tuple[str, str]], **environ: str) -> tuple[str, int]:
    """What `metagpt ARGUMENTS` shows when each text is typed once what stands before it was shown, and its exit status.

    In a long silence Ctrl-C and Ctrl-D are typed again, as a person would: readline overlooks them between its prompt and its wait.
    """
    import pty

    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.environ.update({"TERM": "xterm", **environ})
        os.execv(sys.executable, [sys.executable, "-c", "from metagpt.cli import main; main()", *arguments])
    left, last, seen, shown, silences = list(typed), "", "", "", 0
    try:
        while silences < _MOST_SILENCES:
            if not select.select([terminal], [], [], _SILENCE_S)[0]:
                silences += 1
                if last in (INTERRUPT, END):
                    os.write(terminal, last.encode())
                continue
            piece = os.read(terminal, 4096).decode(errors="replace")
            if not piece:
                break
            seen, shown = seen + piece, shown + piece
            if left and left[0][0] in seen:
                last, seen = left.pop(0)[1], ""
                os.write(terminal, last.encode())
    except OSError:  # the other end closed
        pass
    os.close(terminal)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert not left, f"never shown: {left[0][0]!r}; shown were {shown!r}"
    return shown, status
