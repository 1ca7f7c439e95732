"""Proof that nothing that stands in a journal was changed afterwards.

Messages are frozen, but a list inside one is not: a handler that changes it changes what every other hearer sees, and
makes a resumed run differ from the one that was cut.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from metagpt.journal.in_memory import InMemoryJournal
from metagpt.journal.interface import Codec, Journal, RunLog
from metagpt.testing.wrapping import WrappedJournal

__all__ = ["MutationError", "WatchedJournal", "forbid_mutation"]


class MutationError(AssertionError):
    """A message, or something else in the journal, was changed after it was recorded."""


class WatchedJournal(WrappedJournal):
    """A journal that remembers how each entry was encoded, when it was recorded or read back."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self._seen: list[tuple[Any, Codec, tuple[str, bytes]]] = []

    def wrap(self, log: RunLog, codec: Codec) -> RunLog:
        return _WatchedLog(self, log, codec)

    def watch(self, entries: Sequence[Any], codec: Codec) -> None:
        """Remember how the entries look now."""
        self._seen += [(entry, codec, codec.encode(entry)) for entry in entries]

    def check(self) -> None:
        """Encode every entry again.

        Raises:
            MutationError: one looks different now.
        """
        for entry, codec, (kind, body) in self._seen:
            now = codec.encode(entry)[1]
            if now != body:
                raise MutationError(
                    f"journal: found a {kind} changed after it was recorded, from {body.decode()} to {now.decode()};"
                    " expected messages to stay as they were. Copy what a message holds before changing it."
                )


class _WatchedLog:
    def __init__(self, journal: WatchedJournal, log: RunLog, codec: Codec) -> None:
        self._journal = journal
        self._log = log
        self._codec = codec

    def append(
        self, entries: Sequence[Any], *, time: float, status: str | None = None, memories: Sequence[tuple[str, str]] = ()
    ) -> Awaitable[None] | None:
        self._journal.watch(entries, self._codec)
        return self._log.append(entries, time=time, status=status, memories=memories)

    def read(self) -> list[Any]:
        entries = self._log.read()
        self._journal.watch(entries, self._codec)
        return entries

    def past(self, role: str) -> list[str]:
        return self._log.past(role)

    def close(self) -> None:
        self._log.close()


@contextmanager
def forbid_mutation(journal: Journal | None = None) -> Iterator[WatchedJournal]:
    """A journal for the block's teams, on top of `journal` or one in memory; leaving the block checks it.

    Raises:
        MutationError: a message was changed after it was published.
    """
    watched = WatchedJournal(InMemoryJournal() if journal is None else journal)
    yield watched
    watched.check()
