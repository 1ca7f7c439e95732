"""Death on purpose, at every write of the journal in turn."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Any

from metagpt.journal.interface import Codec, Journal, RunLog
from metagpt.testing.wrapping import WrappedJournal

__all__ = ["Crash", "CrashingJournal", "crash_at"]


class Crash(BaseException):  # it stands for the death of the process, which is no error of anything
    """What a crash on purpose raises: nothing in the package catches it."""


class CrashingJournal(WrappedJournal):
    """A journal that dies at its n-th append, counted over all runs, before or after it is written.

    Args:
        journal: The journal that keeps what is written.
        at: Which append crashes, from 1; 0 never.
        after_writing: Whether the entries of that append are kept.
    """

    def __init__(self, journal: Journal, at: int, *, after_writing: bool = False) -> None:
        super().__init__(journal)
        self.appends = 0
        """How many appends were tried so far."""
        self._at = at
        self._after = after_writing

    def wrap(self, log: RunLog, codec: Codec) -> RunLog:
        return _CrashingLog(self, log)

    def count(self) -> bool:
        """Whether this append is the one that crashes."""
        self.appends += 1
        return self.appends == self._at

    @property
    def keeps_last(self) -> bool:
        """Whether the crashing append is written first."""
        return self._after


class _CrashingLog:
    def __init__(self, journal: CrashingJournal, log: RunLog) -> None:
        self._journal = journal
        self._log = log

    def append(
        self, entries: Sequence[Any], *, time: float, status: str | None = None, memories: Sequence[tuple[str, str]] = ()
    ) -> Awaitable[None] | None:
        if not self._journal.count():
            return self._log.append(entries, time=time, status=status, memories=memories)
        if not self._journal.keeps_last:
            raise Crash(f"crash at append {self._journal.appends}")
        written = self._log.append(entries, time=time, status=status, memories=memories)
        if written is None:
            raise Crash(f"crash after append {self._journal.appends}")
        return _die_after(written, self._journal.appends)

    def read(self) -> list[Any]:
        return self._log.read()

    def past(self, role: str) -> list[str]:
        return self._log.past(role)

    def close(self) -> None:
        self._log.close()


async def _die_after(written: Awaitable[None], number: int) -> None:
    await written
    raise Crash(f"crash after append {number}")


def crash_at(n: int, journal: Journal, *, after_writing: bool = False) -> CrashingJournal:
    """A journal on top of `journal` that crashes the run at its n-th append."""
    return CrashingJournal(journal, n, after_writing=after_writing)
