"""A journal that lives as long as the process: the default of `Team`."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from metagpt.errors import RunExistsError, RunLockedError, UnknownRunError, did_you_mean
from metagpt.journal.interface import Codec, Record, RunHeader, check_run_id

__all__ = ["InMemoryJournal"]


class InMemoryJournal:
    """Keeps entries as they are, encoding none before somebody asks for records."""

    durable = False

    def __init__(self) -> None:
        self._logs: dict[str, _Log] = {}
        self._memories: dict[tuple[str, str], list[str]] = defaultdict(list)

    def create(self, header: RunHeader, codec: Codec) -> _Log:
        if header.run_id in self._logs:
            raise RunExistsError(f"journal: found run {header.run_id!r} already there; expected a new id. Resume it, or choose another.")
        log = self._logs[check_run_id(header.run_id)] = _Log(header, codec, self._memories)
        log.is_held = True
        return log

    def open(self, run_id: str, codec: Codec) -> _Log:
        log = self._log(run_id)
        if log.is_held:
            raise RunLockedError(f"run {run_id!r}: found it running in this process; expected it to rest. Wait for it, or cancel it.")
        log.is_held = True
        return log

    def runs(self) -> list[RunHeader]:
        return sorted((log.header for log in self._logs.values()), key=lambda header: header.created, reverse=True)

    def records(self, run_id: str) -> Iterator[Record]:
        log = self._log(run_id)
        for sequence, entry in enumerate(list(log.entries)):
            yield Record(sequence, *log.codec.encode(entry))

    def memories(self, role: str, session: str) -> list[str]:
        return list(self._memories[role, session])

    def prune(self, *, before: float) -> int:
        old = [run_id for run_id, log in self._logs.items() if not log.is_held and log.header.updated < before]
        for run_id in old:
            del self._logs[run_id]
        return len(old)

    def _log(self, run_id: str) -> _Log:
        if run_id not in self._logs:
            raise UnknownRunError(f"journal: found no run {run_id!r}; expected one of this process. {did_you_mean(run_id, self._logs)}")
        return self._logs[run_id]


class _Log:
    def __init__(self, header: RunHeader, codec: Codec, memories: dict[tuple[str, str], list[str]]) -> None:
        self.header = header
        self.codec = codec
        self.entries: list[Any] = []  # Any: entries are opaque to a journal
        self.is_held = False
        self._memories = memories

    def append(self, entries: Sequence[Any], *, status: str | None = None, memories: Sequence[tuple[str, str]] = ()) -> None:
        self.entries.extend(entries)
        if status is not None:
            self.header = replace(self.header, status=status, updated=time.time())
        if self.header.session is not None:
            for role, memory in memories:
                self._memories[role, self.header.session].append(memory)

    def read(self) -> list[Any]:
        return list(self.entries)

    def close(self) -> None:
        self.is_held = False
