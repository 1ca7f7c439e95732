"""The memory of the last few things: the default."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Sequence

from metagpt.memory.interface import MemoryEntry

__all__ = ["WindowMemory"]


class WindowMemory:
    """Keeps the last entries and puts them all into every chat.

    Args:
        last: How many entries are kept, 1 or more.
        exchanges: Whether every `ask` is remembered by itself, prompt and answer; else only what the role remembers.
    """

    def __init__(self, last: int = 20, *, exchanges: bool = False) -> None:
        if last < 1:
            raise ValueError(f"WindowMemory: found last={last!r}; expected 1 or more.")
        self.last = last
        self.exchanges = exchanges

    def open(self, role: str, entries: Iterable[MemoryEntry]) -> _Window:
        opened = _Window(self.last)
        for entry in entries:
            opened.add(entry)
        return opened


class _Window:
    def __init__(self, last: int) -> None:
        self._entries: deque[MemoryEntry] = deque(maxlen=last)

    def add(self, entry: MemoryEntry) -> None:
        if entry.key:
            others = [each for each in self._entries if each.key != entry.key]
            self._entries = deque(others, maxlen=self._entries.maxlen)
        self._entries.append(entry)

    def window(self) -> Sequence[MemoryEntry]:
        return tuple(self._entries)

    async def recall(self, query: str, limit: int) -> list[MemoryEntry]:
        """Entries that share words with the query, most shared first, then newest; those that share none are left out."""
        wanted = _words(query)
        scored = [(len(wanted & _words(f"{e.text} {e.answer}")), index, e) for index, e in enumerate(self._entries)]
        return [e for score, _, e in sorted(scored, key=lambda item: item[:2], reverse=True) if score][:limit]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))
