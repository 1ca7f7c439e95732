"""The memory of as much as fits into a number of tokens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from metagpt.memory.interface import MemoryEntry
from metagpt.memory.notebook import Notebook

__all__ = ["TokenBudgetMemory", "estimated_tokens", "newest_within"]


def estimated_tokens(text: str) -> int:
    """At least as many as common tokenizers make of it: one for three bytes of UTF-8."""
    return (len(text.encode(errors="replace")) + 2) // 3


def newest_within(entries: Sequence[MemoryEntry], tokens: int, count: Callable[[str], int]) -> Sequence[MemoryEntry]:
    """The longest run of the newest entries that has at most so many tokens."""
    first = len(entries)
    for entry in reversed(entries):
        tokens -= count(entry.content)
        if tokens < 0:
            break
        first -= 1
    return entries[first:]


class TokenBudgetMemory:
    """Puts the newest entries into every chat, as many as fit into a number of tokens; recalls from all of them by their words.

    Args:
        tokens: Room for entries in each chat, 1 or more.
        count: How many tokens a text has; estimated from its bytes if left out.
        exchanges: Whether every `ask` is remembered by itself, prompt and answer; else only what the role remembers.
    """

    def __init__(self, tokens: int = 2000, *, count: Callable[[str], int] = estimated_tokens, exchanges: bool = False) -> None:
        if tokens < 1:
            raise ValueError(f"TokenBudgetMemory: found tokens={tokens!r}; expected 1 or more.")
        self.tokens = tokens
        self.count = count
        self.exchanges = exchanges

    def open(self, role: str, entries: Iterable[MemoryEntry]) -> _Budgeted:
        return _Budgeted(self, entries)


class _Budgeted:
    def __init__(self, memory: TokenBudgetMemory, entries: Iterable[MemoryEntry]) -> None:
        self._memory = memory
        self._notebook = Notebook(entries)
        self._window: Sequence[MemoryEntry] | None = None

    def add(self, entry: MemoryEntry) -> None:
        self._notebook.add(entry)
        self._window = None

    def window(self) -> Sequence[MemoryEntry]:
        if self._window is None:
            self._window = tuple(newest_within(tuple(self._notebook), self._memory.tokens, self._memory.count))
        return self._window

    async def recall(self, query: str, limit: int) -> list[MemoryEntry]:
        return [self._notebook.entries[number] for number in self._notebook.by_words(query, limit)]
