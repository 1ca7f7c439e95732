"""Memory entries as the journal keeps them."""

from __future__ import annotations

from functools import cache

from pydantic import TypeAdapter

from metagpt.memory.interface import MemoryEntry

__all__ = ["decode_memory", "encode_memory"]


@cache
def _adapter() -> TypeAdapter[MemoryEntry]:
    return TypeAdapter(MemoryEntry)


def encode_memory(entry: MemoryEntry) -> str:
    """The entry as JSON text."""
    return _adapter().dump_json(entry).decode()


def decode_memory(text: str) -> MemoryEntry:
    """The entry again."""
    return _adapter().validate_json(text)
