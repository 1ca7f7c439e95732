"""Ticks as journal records and back. Secrets are masked on the way in."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from metagpt.errors import JournalCorruptError, JournalError
from metagpt.message import Message, tag_of, with_subclasses
from metagpt.runtime import ticks
from metagpt.runtime.ticks import Tick
from metagpt.runtime.wire import Types

__all__ = ["TickCodec", "types_by_tag"]


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
        self._secrets = tuple(secret.encode() for secret in secrets)

    def encode(self, tick: Tick) -> tuple[str, bytes]:
        """The record's kind and JSON body.

        Raises:
            JournalError: a message in it has a value that JSON cannot hold.
        """
        kind = type(tick).__name__
        try:
            body = _adapters()[kind].dump_json(tick)
        except PydanticSerializationError as error:
            raise JournalError(f"journal: found a {kind} that JSON cannot hold ({error}); expected JSON-able messages. Change the message's fields.") from error
        for secret in self._secrets:
            if secret in body:
                body = body.replace(secret, b"***")
        return kind, body

    def decode(self, kind: str, body: bytes) -> Tick:
        """The tick of a record.

        Raises:
            JournalCorruptError: the record is none of ours, or a message in it does not fit the team's types.
        """
        adapter = _adapters().get(kind)
        if adapter is None:
            raise JournalCorruptError(f"journal: found a record of kind {kind!r}; expected one of {sorted(_adapters())}. Use the version that wrote it.")
        try:
            tick: Tick = adapter.validate_json(body, context=self._context)
        except (ValidationError, KeyError, TypeError) as error:
            raise JournalCorruptError(
                f"journal: found a {kind} record that does not read back ({error}); expected what this team wrote. Resume with the team that wrote it."
            ) from error
        return tick
