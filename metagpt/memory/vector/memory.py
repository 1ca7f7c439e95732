"""The memory that finds entries by what they mean."""

from __future__ import annotations

import asyncio
import threading
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from metagpt.errors import ConfigError
from metagpt.memory.interface import Attention, MemoryEntry
from metagpt.memory.notebook import Notebook
from metagpt.memory.vector.encoder import Encoder, encoder_of
from metagpt.memory.vector.index import VectorIndex, merged, pieces

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

__all__ = ["VectorMemory"]

_DEEPEST = 50
"""How far down the rankings by meaning and by words are merged."""
_MOST_QUERY_PIECES = 8
"""Of a long prompt: what is looked up."""
_REMEMBERED_ROWS = 50_000
"""Vectors kept for entries that are opened again; 75 MB of MiniLM's."""


class VectorMemory:
    """Puts the entries that fit a prompt best into its chat, with the newest ones; recalls by meaning and by words.

    Args:
        best: How many of the best fitting entries stand in a chat, 0 or more.
        last: How many of the newest, 0 or more.
        encoder: What turns texts into vectors: `minilm`, a folder, or an `Encoder`.
        words: Whether entries that share rare words with the query count, too: names and numbers mean little to an encoder.
        least: Least cosine between query and entry for it to be found by its meaning, -1 to 1.
        exchanges: Whether every `ask` is remembered by itself, prompt and answer; else only what the role remembers.
    """

    def __init__(
        self,
        best: int = 5,
        *,
        last: int = 5,
        encoder: str | Encoder = "minilm",
        words: bool = True,
        least: float = 0.2,
        exchanges: bool = False,
    ) -> None:
        if best < 0 or last < 0:
            raise ConfigError(f"VectorMemory: found best={best!r} and last={last!r}; expected 0 or more. Mend them.")
        if not -1 <= least <= 1:
            raise ConfigError(f"VectorMemory: found least={least!r}; expected a cosine, -1 to 1. Leave it out.")
        self.best = best
        self.last = last
        self.words = words
        self.least = least
        self.exchanges = exchanges
        self._encoder = encoder_of(encoder)
        self._rows: OrderedDict[str, NDArray[float32]] = OrderedDict()
        self._lock = threading.Lock()

    def open(self, role: str, entries: Iterable[MemoryEntry]) -> _Meant:
        return _Meant(self, entries)

    def asked(self, query: str) -> NDArray[float32]:
        """A row for each piece of a query. Slow: for threads."""
        with self._lock:
            return self._encoder.encode(pieces(query)[:_MOST_QUERY_PIECES])

    def encoded(self, texts: Sequence[str]) -> NDArray[float32]:
        """A row for each text of an entry; those encoded before are taken from there. Slow: for threads."""
        import numpy as np

        with self._lock:
            fresh = [text for text in dict.fromkeys(texts) if text not in self._rows]
            if fresh:
                self._rows.update(zip(fresh, self._encoder.encode(fresh), strict=True))
            rows = np.stack([self._rows[text] for text in texts])
            while len(self._rows) > _REMEMBERED_ROWS:
                self._rows.popitem(last=False)
        return rows


class _Meant:
    def __init__(self, memory: VectorMemory, entries: Iterable[MemoryEntry]) -> None:
        self._memory = memory
        self._notebook = Notebook(entries, words=memory.words)
        self._index = VectorIndex()
        self._indexed: set[int] = set()
        self._lock = threading.Lock()
        """Held by the thread that works on the index."""

    def add(self, entry: MemoryEntry) -> None:
        self._notebook.add(entry)

    def window(self) -> Sequence[MemoryEntry]:
        """The newest: a chat gets `attend` instead."""
        return tuple(self._notebook)[-self._memory.last :] if self._memory.last else ()

    async def recall(self, query: str, limit: int) -> list[MemoryEntry]:
        entries = self._notebook.entries
        return [entries[number] for number in await self._best(query, limit)]

    async def attend(self, attention: Attention) -> Sequence[MemoryEntry]:
        entries = self._notebook.entries
        newest = list(entries)[-self._memory.last :] if self._memory.last else []
        fitting = await self._best(attention.prompt, self._memory.best)
        return [*(entries[number] for number in sorted({*fitting, *newest})), *attention.pending]

    async def _best(self, query: str, limit: int) -> list[int]:
        if limit < 1 or not query.strip() or not self._notebook.entries:
            return []
        deep = max(limit, _DEEPEST)
        named = self._notebook.by_words(query, deep)
        near = await asyncio.to_thread(self._nearest, query, deep, dict(self._notebook.entries), named)
        return merged(near, named, limit)

    def _nearest(self, query: str, limit: int, entries: Mapping[int, MemoryEntry], also: Collection[int]) -> dict[int, float]:
        """Index what is new, in batches, and look the query up; runs in a thread."""
        memory = self._memory
        with self._lock:
            new = [(number, entry) for number, entry in entries.items() if number not in self._indexed and entry.kind != "summary"]
            fresh = [(number, piece) for number, entry in new for piece in pieces(entry.content)]
            if fresh:
                self._index.add([number for number, _ in fresh], memory.encoded([piece for _, piece in fresh]))
                self._indexed.update(number for number, _ in new)
            if gone := self._indexed - entries.keys():
                self._index.discard(gone)
                self._indexed -= gone
            return self._index.best(memory.asked(query), limit, least=memory.least, also=also)
