"""The entries of one role in order, found by their words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from metagpt.memory.interface import MemoryEntry
from metagpt.memory.words import WordIndex

__all__ = ["Notebook"]


class Notebook:
    """Entries by number, the oldest first; one with a key takes the place of the earlier one with that key.

    Args:
        entries: What is in it to begin with.
        words: Whether entries can be found by their words; reading them takes some 10 µs each.
    """

    def __init__(self, entries: Iterable[MemoryEntry] = (), *, words: bool = True) -> None:
        self.entries: dict[int, MemoryEntry] = {}
        self._index = WordIndex() if words else None
        self._keys: dict[str, int] = {}
        self._next = 0
        for entry in entries:
            self.add(entry)

    def __iter__(self) -> Iterator[MemoryEntry]:
        return iter(self.entries.values())

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, entry: MemoryEntry) -> int:
        """Write an entry at the end; returns its number."""
        number, self._next = self._next, self._next + 1
        if entry.key:
            earlier = self._keys.get(entry.key)
            if earlier is not None:
                self._discard(earlier)
            self._keys[entry.key] = number
        self.entries[number] = entry
        if self._index is not None and entry.kind != "summary":
            self._index.add(number, entry.content)
        return number

    def _discard(self, number: int) -> None:
        entry = self.entries.pop(number)
        if self._index is not None and entry.kind != "summary":
            self._index.discard(number)

    def by_words(self, query: str, limit: int) -> dict[int, float]:
        """Scores of notes and exchanges that share words with the query by number, the best first; summaries are never found."""
        return {} if self._index is None else self._index.best(query, limit)
