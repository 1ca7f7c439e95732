"""A journal round another one: what crashing and watched journals share."""

from __future__ import annotations

from collections.abc import Iterator

from metagpt.journal.interface import Codec, Journal, Record, RunHeader, RunLog

__all__ = ["WrappedJournal"]


class WrappedJournal:
    """Hands everything on; a subclass says what becomes of the logs."""

    def __init__(self, journal: Journal) -> None:
        self.durable = journal.durable
        self._journal = journal

    def wrap(self, log: RunLog, codec: Codec) -> RunLog:
        """What a caller gets in the place of `log`."""
        raise NotImplementedError

    def create(self, header: RunHeader, codec: Codec) -> RunLog:
        return self.wrap(self._journal.create(header, codec), codec)

    def open(self, run_id: str, codec: Codec) -> RunLog:
        return self.wrap(self._journal.open(run_id, codec), codec)

    def runs(self) -> list[RunHeader]:
        return self._journal.runs()

    def records(self, run_id: str) -> Iterator[Record]:
        return self._journal.records(run_id)

    def memories(self, role: str, session: str) -> list[str]:
        return self._journal.memories(role, session)

    def prune(self, *, before: float) -> int:
        return self._journal.prune(before=before)
