"""The memory that outlives runs, sessions and processes: one file, for each role and for all."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from metagpt.errors import ConfigError
from metagpt.masking import Mask, known_secrets
from metagpt.memory.interface import Attention, MemoryEntry
from metagpt.memory.store import SHARED, Store

if TYPE_CHECKING:
    from metagpt.memory.vector.encoder import Encoder
    from metagpt.memory.vector.stored import StoredVectors

__all__ = ["LongTermMemory"]

T = TypeVar("T")

_DEEPEST = 50
"""How far down the rankings by meaning and by words are merged."""


class LongTermMemory:
    """Keeps what roles remember in a file, and recalls what is a role's own and what is shared.

    What a role remembers reaches the file when the journal has it. Runs and processes may use one file at the same time. The
    values of secret environment variables are masked. Roles are known by their names: teams that are not to know of each
    other get files of their own.

    Args:
        path: The file; made at the first use, mode 0600.
        best: How many of the entries that fit a prompt best stand in its chat, 0 or more.
        last: How many of those that the role remembered last, 0 or more.
        encoder: What finds entries by their meaning: `minilm`, a folder, or an `Encoder`; by their words alone if left out.
        least: With an encoder: least cosine for an entry to be found by its meaning.
        most: Most entries of one role, and most shared ones; beyond that the oldest without a key are forgotten.
        exchanges: Whether every `ask` is remembered by itself, prompt and answer; else only what the role remembers.
        clock: Where the time comes from, in seconds since 1970 UTC.
    """

    lasting = True

    def __init__(
        self,
        path: str | Path = ".metagpt/memory.db",
        *,
        best: int = 5,
        last: int = 5,
        encoder: str | Encoder | None = None,
        least: float = 0.2,
        most: int = 100_000,
        exchanges: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if best < 0 or last < 0 or most < 1:
            raise ConfigError(
                f"LongTermMemory: found best={best!r}, last={last!r} and most={most!r}; expected 0 or more, and most above 0. Mend them."
            )
        self.path = Path(path)
        self.best = best
        self.last = last
        self.least = least
        self.most = most
        self.exchanges = exchanges
        self._clock = clock
        self._encoder = encoder
        self._mask = Mask(known_secrets())
        self._start = threading.Lock()
        self._thread: ThreadPoolExecutor | None = None
        self._store: Store | None = None
        self._vectors: StoredVectors | None = None

    def open(self, role: str, entries: Iterable[MemoryEntry]) -> _LongTerm:
        opened = _LongTerm(self, role)
        opened.take_up(entries)
        return opened

    # what an application does with it

    def remember(self, text: str, *, role: str | None = None, key: str = "") -> None:
        """Keep a note for a role, or one for all roles.

        Raises:
            JournalError: it could not be kept.
        """
        entry = MemoryEntry(text=text, key=key, shared=role is None, time=self._clock())
        self.submit(lambda store: store.put(role or SHARED, [self.masked(entry)], entry.time)).result()

    def recall(self, query: str, limit: int = 5, *, role: str | None = None) -> list[MemoryEntry]:
        """What fits the query best, of the role's own and of what is shared; of that alone without a role."""
        return self.submit(lambda store: store.numbered(self.found(store, role or SHARED, query, limit))).result()

    def forget(self, *, role: str | None = None, key: str | None = None, older_than: timedelta | None = None) -> int:
        """Delete the entries that fit all that is given, from the file and its log; returns how many.

        Journals of runs keep what was remembered in them until they are pruned; it does not come back from there.

        Args:
            role: Whose; `""` is what is shared. None: everybody's.
            key: What they are kept under.
            older_than: Not remembered again since then.

        Raises:
            ConfigError: nothing is given.
            JournalError: the file cannot be written, or is being read for so long that its log still holds the bytes.
        """
        if role is None and key is None and older_than is None:
            raise ConfigError(
                "LongTermMemory.forget: found no condition; expected role, key or older_than. To forget everything, pass"
                " older_than=timedelta(days=-1)."
            )
        before = None if older_than is None else self._clock() - older_than.total_seconds()
        return self.submit(lambda store: store.forget(scope=role, key=key, before=before)).result()

    def export(self, path: str | Path) -> int:
        """Write every entry as a line of JSON to a new file, mode 0600; returns how many.

        Fields: role (null: shared), kind, key, text, answer, time, kept, times.
        """
        lines = self.submit(lambda store: [_line(row) for row in store.rows()]).result()
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.writelines(lines)
        return len(lines)

    def close(self) -> None:
        """Finish what is being written and close the file; it opens again at the next use."""
        with self._start:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=True)
        if self._store is not None:
            self._store.close()
            self._store = self._vectors = None

    # what its recollections use

    def submit(self, work: Callable[[Store], T]) -> Future[T]:
        """Have it done with the file, in the one thread that has it, after all that was submitted before."""
        with self._start:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="metagpt-memory")
            return self._thread.submit(lambda: work(self._opened()))

    def _opened(self) -> Store:
        if self._store is None:
            self._store = Store(self.path, most=self.most)
        return self._store

    def masked(self, entry: MemoryEntry) -> MemoryEntry:
        """The entry without secrets."""
        mask = self._mask.text
        return replace(entry, text=mask(entry.text), answer=mask(entry.answer), key=mask(entry.key))

    def put(self, store: Store, role: str, entries: Sequence[MemoryEntry], *, only_unknown: bool) -> None:
        """Keep a role's entries; in the thread. Summaries are of a session's chats and stay with it."""
        for scope in (role, SHARED):
            own = [self.masked(entry) for entry in entries if entry.shared == (scope == SHARED) and entry.kind != "summary"]
            if own:
                store.put(scope, own, self._clock(), only_unknown=only_unknown)

    def found(self, store: Store, role: str, query: str, limit: int) -> list[int]:
        """Numbers of what fits the query best; in the thread."""
        scopes = dict.fromkeys((role, SHARED))
        if limit < 1:
            return []
        if self._encoder is None:
            return list(store.by_words(query, limit, *scopes))
        from metagpt.memory.vector.index import merged
        from metagpt.memory.vector.stored import StoredVectors

        if self._vectors is None:
            self._vectors = StoredVectors(store, self._encoder)
        deep = max(limit, _DEEPEST)
        named = store.by_words(query, deep, *scopes)
        near = self._vectors.nearest(query, deep, *scopes, least=self.least, also=named)
        return merged(near, named, limit)


class _LongTerm:
    def __init__(self, memory: LongTermMemory, role: str) -> None:
        self._memory = memory
        self._role = role
        self._written: list[Future[None]] = []

    def take_up(self, entries: Iterable[MemoryEntry]) -> None:
        """Keep what the journal holds and the file does not: a process that was killed may not have come to it."""
        known = list(entries)
        if known:
            self._submit(known, only_unknown=True)

    def add(self, entry: MemoryEntry) -> None:
        self._submit([entry], only_unknown=False)

    def _submit(self, entries: list[MemoryEntry], *, only_unknown: bool) -> None:
        memory, role = self._memory, self._role
        self._written = [each for each in self._written if not (each.done() and each.exception() is None)]
        self._written.append(memory.submit(lambda store: memory.put(store, role, entries, only_unknown=only_unknown)))

    async def settle(self) -> None:
        written, self._written = self._written, []
        for each in written:
            await asyncio.wrap_future(each)

    def window(self) -> Sequence[MemoryEntry]:
        """Nothing: a chat gets `attend` instead."""
        return ()

    async def recall(self, query: str, limit: int) -> list[MemoryEntry]:
        await self.settle()
        memory, role = self._memory, self._role
        return await asyncio.wrap_future(memory.submit(lambda store: store.numbered(memory.found(store, role, query, limit))))

    async def attend(self, attention: Attention) -> Sequence[MemoryEntry]:
        await self.settle()
        memory, role = self._memory, self._role

        def chosen(store: Store) -> list[MemoryEntry]:
            fitting = memory.found(store, role, attention.prompt, memory.best)
            return store.numbered(sorted({*fitting, *store.newest(role, memory.last)}))

        return [*await asyncio.wrap_future(memory.submit(chosen)), *attention.pending]


def _line(row: dict[str, object]) -> str:
    role = row.pop("scope")
    return json.dumps({"role": role or None, **row}, ensure_ascii=False) + "\n"
