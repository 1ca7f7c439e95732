"""Messages and envelopes as JSON: a tag that names one of the team's own types, and the body.

Decoding looks the tag up in a table that the caller passes as validation context; nothing is ever imported or evaluated.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import PlainSerializer, PlainValidator, ValidationInfo
from pydantic_core import to_json

from metagpt.errors import JournalCorruptError
from metagpt.message import Envelope, Message, tag_of

__all__ = ["AnyEnvelope", "AnyMessage", "Types"]

Types: TypeAlias = Mapping[str, type[Message]]
"""The message types that may be decoded, by tag."""


def _dump_message(message: Message) -> dict[str, Any]:
    return {"type": tag_of(type(message)), "body": message}


def _load_message(value: Any, info: ValidationInfo) -> Message:  # Any: JSON of unknown shape
    if isinstance(value, Message):
        return value
    types: Types = (info.context or {}).get("types", {})
    tag = value["type"]
    if tag not in types:
        raise JournalCorruptError(
            f"journal: found a message of type {tag!r}; expected one of the team's types {sorted(types)}. Use the team that wrote it."
        )
    return types[tag].model_validate_json(to_json(value["body"]))  # as JSON again: bytes, sets and keys have a JSON form of their own


AnyMessage: TypeAlias = Annotated[Message, PlainSerializer(_dump_message), PlainValidator(_load_message)]


def _dump_envelope(envelope: Envelope) -> dict[str, Any]:
    fields = envelope._asdict()
    fields["message"] = _dump_message(envelope.message)
    return fields


def _load_envelope(value: Any, info: ValidationInfo) -> Envelope:
    if isinstance(value, Envelope):
        return value
    return Envelope(
        id=value["id"],
        run_id=value["run_id"],
        message=_load_message(value["message"], info),
        sender=value["sender"],
        recipients=tuple(value["recipients"]),
        causes=tuple(value["causes"]),
        branch=value["branch"],
        time=value["time"],
        counts=value["counts"],
    )


AnyEnvelope: TypeAlias = Annotated[Envelope, PlainSerializer(_dump_envelope), PlainValidator(_load_envelope)]
