"""Ticks as journal records and back. Secrets are masked on the way in."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from metagpt.errors import JournalCorruptError
from metagpt.masking import Mask
from metagpt.message import Message, tag_of, with_subclasses
from metagpt.runtime import ticks
from metagpt.runtime.ticks import Tick
from metagpt.runtime.wire import Types

__all__ = ["TickCodec", "UnrecordableError", "types_by_tag"]


class UnrecordableError(TypeError):
    """A tick that JSON cannot hold: the fault of whoever made it, not of the journal."""

    def __init__(self, tick: Tick, reason: object) -> None:
        super().__init__(
            f"journal: found a {type(tick).__name__} that JSON cannot hold ({reason}); expected JSON-able values. Change what is said."
        )
        self.tick = tick


def types_by_tag(named: Iterable[type[Message]]) -> dict[str, type[Message]]:
    """The decodable types: those a team names first, then their subclasses, as far as their tags are free."""
    table: dict[str, type[Message]] = {}
    for cls in with_subclasses(named):
        table.setdefault(tag_of(cls), cls)
    return table


@cache
def _adapters() -> dict[str, TypeAdapter[Any]]:
    """One adapter per kind of tick, made at the first durable run."""
    kinds = [getattr(ticks, name) for name in ticks.__all__ if isinstance(getattr(ticks, name), type)]
    return {kind.__name__: TypeAdapter(kind) for kind in kinds if "time" in getattr(kind, "__slots__", ())}


class TickCodec:
    """Encodes and decodes the ticks of one team.

    Args:
        types: The team's message types by tag; no other type is ever decoded.
        secrets: Texts that are replaced by `***` wherever they stand in a record.
    """

    def __init__(self, types: Types, secrets: Iterable[str] = ()) -> None:
        self._context = {"types": types}
        self._mask = Mask(secrets)

    def encode(self, tick: Tick) -> tuple[str, bytes]:
        """The record's kind and JSON body.

        Raises:
            UnrecordableError: something in it is a value that JSON cannot hold.
        """
        kind = type(tick).__name__
        try:
            body = _adapters()[kind].dump_json(tick)
        except (PydanticSerializationError, UnicodeEncodeError) as error:
            raise UnrecordableError(tick, error) from error
        return kind, self._mask.encoded(body)

    def mask(self, text: str) -> str:
        """The text without secrets."""
        return self._mask.text(text)

    def decode(self, kind: str, body: bytes) -> Tick:
        """The tick of a record.

        Raises:
            JournalCorruptError: the record is none of ours, or a message in it does not fit the team's types.
        """
        adapter = _adapters().get(kind)
        if adapter is None:
            raise JournalCorruptError(
                f"journal: found a record of kind {kind!r}; expected one of {sorted(_adapters())}. Use the version that wrote it."
            )
        try:
            tick: Tick = adapter.validate_json(body, context=self._context)
        except (ValidationError, KeyError, TypeError) as error:
            raise JournalCorruptError(
                f"journal: found a {kind} record that does not read back ({error}); expected what this team wrote."
                " Resume with the team that wrote it."
            ) from error
        return tick
