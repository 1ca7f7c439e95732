"""The memory interface.

A plugin opens one recollection per role and run. What a handler remembers is held back until its outcome is in the
journal, in the same transaction; then it is added here. So a recollection only ever holds what is durable.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

__all__ = ["Memory", "MemoryEntry", "Recollection"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEntry:
    """One thing remembered."""

    text: str
    kind: Literal["note", "exchange"] = "note"
    """A note of the role's own, or an exchange with its model."""
    answer: str = ""
    """Of an exchange: what the model answered to `text`."""


@runtime_checkable
class Recollection(Protocol):
    """One role's memory in one run."""

    def add(self, entry: MemoryEntry) -> None:
        """Take in an entry that the journal holds."""
        ...

    async def recall(self, query: str, limit: int) -> list[MemoryEntry]:
        """The entries that fit the query best, the best first."""
        ...

    def window(self) -> Sequence[MemoryEntry]:
        """The entries that stand in every chat, the oldest first."""
        ...


@runtime_checkable
class Memory(Protocol):
    """A plugin of the entry point group `metagpt.memory`."""

    exchanges: bool
    """Whether every `ask` is remembered by itself."""

    def open(self, role: str, entries: Iterable[MemoryEntry]) -> Recollection:
        """The role's memory, with what its session remembers already."""
        ...
