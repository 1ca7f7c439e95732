"""A journal that lives as long as the process: the default of `Team`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from metagpt.errors import RunExistsError, RunLockedError, UnknownRunError, did_you_mean
from metagpt.journal.interface import Codec, Record, RunHeader, check_run_id

__all__ = ["InMemoryJournal"]

_Memories = dict[tuple[str, str], list[str]]
"""By role and session."""


class InMemoryJournal:
    """Keeps entries as they are, encoding none before somebody asks for records."""

    durable = False

    def __init__(self) -> None:
        self._logs: dict[str, _Log] = {}
        self._memories: _Memories = defaultdict(list)

    def create(self, header: RunHeader, codec: Codec) -> _Log:
        if check_run_id(header.run_id) in self._logs:
            raise RunExistsError(f"journal: found run {header.run_id!r} already there; expected a new id. Resume it, or choose another.")
        log = self._logs[header.run_id] = _Log(header, codec, self._memories)
        log.is_held = True
        return log

    def open(self, run_id: str, codec: Codec) -> _Log:
        log = self._log(run_id)
        if log.is_held:
            raise RunLockedError(f"run {run_id!r}: found it running in this process; expected it to rest. Wait for it, or cancel it.")
        log.is_held = True
        log.codec = codec
        return log

    def runs(self) -> list[RunHeader]:
        return sorted((log.header for log in reversed(self._logs.values())), key=lambda header: header.created, reverse=True)

    def records(self, run_id: str) -> Iterator[Record]:
        log = self._log(run_id)
        for sequence, entry in enumerate(list(log.entries)):
            yield Record(sequence, *log.codec.encode(entry))

    def memories(self, role: str, session: str) -> list[str]:
        return list(self._memories.get((role, session), ()))

    def prune(self, *, before: float) -> int:
        old = [run_id for run_id, log in self._logs.items() if not log.is_held and log.status != "waiting" and log.updated < before]
        for run_id in old:
            del self._logs[run_id]
        return len(old)

    def _log(self, run_id: str) -> _Log:
        if run_id not in self._logs:
            raise UnknownRunError(f"journal: found no run {run_id!r}; expected one of this process. {did_you_mean(run_id, self._logs)}")
        return self._logs[run_id]


class _Log:
    def __init__(self, header: RunHeader, codec: Codec, memories: _Memories) -> None:
        self.codec = codec
        self.status = header.status
        self.updated = header.created
        self.entries: list[Any] = []  # Any: entries are opaque to a journal
        self.is_held = False
        self._header = header
        self._memories = memories
        session = header.session
        self._known = {} if session is None else {role: len(texts) for (role, of), texts in list(memories.items()) if of == session}

    @property
    def header(self) -> RunHeader:
        return replace(self._header, status=self.status, updated=self.updated)

    def append(self, entries: Sequence[Any], *, time: float, status: str | None = None, memories: Sequence[tuple[str, str]] = ()) -> None:
        self.entries.extend(entries)
        self.updated = time
        self.status = status or self.status
        if self._header.session is not None:
            for role, memory in memories:
                self._memories[role, self._header.session].append(memory)

    def read(self) -> list[Any]:
        return list(self.entries)

    def past(self, role: str) -> list[str]:
        session = self._header.session
        return [] if session is None else self._memories.get((role, session), [])[: self._known.get(role, 0)]

    def close(self) -> None:
        self.is_held = False
