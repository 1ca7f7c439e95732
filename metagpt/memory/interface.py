"""The memory interface.

A plugin opens one recollection per role and run. What a handler remembers is held back until its outcome is in the
journal, in the same transaction; then it is added here. So a recollection only ever holds what is durable. What it recalls
is journaled before it is used: a run that is resumed recalls the same, whatever became of the memory meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal, Protocol, runtime_checkable

__all__ = ["Attending", "Attention", "Lasting", "Memory", "MemoryEntry", "Recollection", "is_lasting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryEntry:
    """One thing remembered."""

    text: str
    kind: Literal["note", "exchange", "summary"] = "note"
    """A note of the role's own, an exchange with its model, or a summary of earlier entries."""
    answer: str = ""
    """Of an exchange: what the model answered to `text`."""
    key: str = ""
    """What it is kept under: it takes the place of the earlier entry with this key. Empty: it stands by itself."""
    shared: bool = False
    """Whether other roles recall it, too, where the memory is a `Lasting` one."""
    time: float = 0.0
    """When it was remembered, in seconds since 1970 UTC; 0 where nobody said."""
    folded: tuple[str, ...] = ()
    """Of a summary: digests of the entries that it stands for."""

    @property
    def content(self) -> str:
        """All its text."""
        return f"{self.text}\n{self.answer}" if self.kind == "exchange" else self.text

    @property
    def digest(self) -> str:
        """What tells it from others: the same for the same thing remembered twice."""
        parts = "\0".join((self.kind, self.key, "shared" if self.shared else "", self.text, self.answer, *self.folded))
        return blake2b(parts.encode(errors="replace"), digest_size=16).hexdigest()


@runtime_checkable
class Recollection(Protocol):
    """One role's memory in one run. Nothing here may block: what takes long is done off the event loop."""

    def add(self, entry: MemoryEntry) -> None:
        """Take in an entry that the journal holds."""
        ...

    async def recall(self, query: str, limit: int) -> list[MemoryEntry]:
        """The entries that fit the query best, the best first."""
        ...

    def window(self) -> Sequence[MemoryEntry]:
        """The entries that stand in every chat, the oldest first; always the same for the same entries."""
        ...


class Attention(Protocol):
    """What an `Attending` recollection has at hand while a chat is made."""

    prompt: str
    """What the model is about to be asked."""

    @property
    def pending(self) -> Sequence[MemoryEntry]:
        """What this handler has remembered so far: not durable yet, so not in the recollection."""
        ...

    async def ask(self, prompt: str, *, model: str | None = None, max_tokens: int | None = None) -> str:
        """The answer of the role's model, or of the one named: journaled, and never bought twice."""
        ...

    def remember(self, entry: MemoryEntry) -> None:
        """Keep an entry with this handler's outcome; from now on it is among `pending`."""
        ...


@runtime_checkable
class Attending(Recollection, Protocol):
    """A recollection whose window depends on what is asked, or takes work to make. `window` is then not called."""

    async def attend(self, attention: Attention) -> Sequence[MemoryEntry]:
        """The entries that stand in this chat, those of `attention.pending` included; journaled before it is used."""
        ...


@runtime_checkable
class Lasting(Recollection, Protocol):
    """A recollection that keeps its entries beyond the run, so that it is told of every one, asked or not."""

    async def settle(self) -> None:
        """Return when everything added is kept; awaited before the run ends.

        Raises:
            JournalError: it could not be kept.
        """
        ...


@runtime_checkable
class Memory(Protocol):
    """A plugin of the entry point group `metagpt.memory`.

    One whose recollections are `Lasting` says so with an attribute `lasting = True`.
    """

    exchanges: bool
    """Whether every `ask` is remembered by itself."""

    def open(self, role: str, entries: Iterable[MemoryEntry]) -> Recollection:
        """The role's memory, with what its session remembers already."""
        ...


def is_lasting(memory: Memory) -> bool:
    """Whether what it keeps outlives the run, so that several roles may share it."""
    return bool(getattr(memory, "lasting", False))
