"""Messages: what roles say to each other, and the envelope the bus carries them in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

from pydantic import BaseModel, ConfigDict

__all__ = ["SENDER_OF_CAUSE", "USER", "Addressed", "Envelope", "Goal", "Message", "reply", "tag_of", "to", "unwrap", "with_subclasses"]

USER = "user"
"""The sender of the message that starts a run."""

SENDER_OF_CAUSE = ("<sender>",)
"""The address that `reply` writes; the environment puts the sender's name in its place."""


class Message(BaseModel):
    """A frozen, typed payload that one role says to others.

    Its tag in journals and requests is the class's name, or `type_name` where that is set on the class itself.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        ser_json_bytes="base64",
        val_json_bytes="base64",
        ser_json_inf_nan="constants",
    )
    type_name: ClassVar[str | None] = None
    """The tag, where the class's name will not do; not inherited."""


class Goal(Message):
    """What a person wants, in their own words."""

    text: str


def tag_of(cls: type[Message]) -> str:
    """The name a message type has in journals, requests and diagrams."""
    return cast("str | None", cls.__dict__.get("type_name")) or cls.__name__


def with_subclasses(types: Iterable[type[Message]]) -> list[type[Message]]:
    """The types and all their present subclasses, each once, the given ones first."""
    seen = dict.fromkeys(types)
    queue = list(seen)
    while queue:
        for sub in queue.pop().__subclasses__():
            if sub not in seen:
                seen[sub] = None
                queue.append(sub)
    return list(seen)


class Envelope(NamedTuple):
    """A message with what the bus knows of it."""

    id: str
    """Derived from run, cause and index: the same in a resumed run."""
    run_id: str
    message: Message
    sender: str
    """The role that said it, or `user`."""
    recipients: tuple[str, ...]
    """The handlers that take it, as `role.handler`, chosen once when it was published."""
    causes: tuple[str, ...]
    """Ids of the envelopes its handler had heard."""
    branch: str
    """The fan-out branch it belongs to; the root is the empty string."""
    time: float
    """When it was published, in seconds since 1970 UTC."""
    counts: Mapping[str, int]
    """How often each limited handler ran in the chain of causes."""


class Addressed:
    """A message on its way to named roles only; made by `to` and `reply`, read by the environment."""

    __slots__ = ("message", "recipients")

    def __init__(self, message: Message, recipients: tuple[str, ...]) -> None:
        self.message = message
        self.recipients = recipients

    def __getattr__(self, name: str) -> Any:  # Any: whatever the message's own attribute is
        if name in Addressed.__slots__ or name.startswith("__"):  # asked by copy and pickle before there is a message
            raise AttributeError(name)
        return getattr(self.message, name)

    def __repr__(self) -> str:
        return f"to({self.message!r}, {', '.join(map(repr, self.recipients))})"


M = TypeVar("M", bound=Message)


def to(message: M, *roles: str) -> M:
    """Address `message` to the named roles: only their handlers hear it. Return the result from a handler.

    Raises:
        TypeError: no role was named, or `message` is not a Message.
    """
    if not roles:
        raise TypeError("to(): no role named; expected to(message, 'engineer', ...). Name at least one role.")
    for role in roles:
        if not isinstance(role, str):
            raise TypeError(f"to(): found {role!r}; expected the name of a role. Write to(message, 'engineer', ...).")
    return _address(message, roles)


def reply(message: M) -> M:
    """Address `message` to the sender of the message being handled. Return the result from a handler.

    Raises:
        TypeError: `message` is not a Message.
    """
    return _address(message, SENDER_OF_CAUSE)


def _address(message: M, recipients: tuple[str, ...]) -> M:
    plain, _ = unwrap(message)
    return cast("M", Addressed(plain, recipients))  # typed as the message, so that `-> Pitch` stays true for checkers


def unwrap(value: object) -> tuple[Message, tuple[str, ...]]:
    """The message and its address (empty: everybody) of what a handler returned."""
    if isinstance(value, Addressed):
        return value.message, value.recipients
    if isinstance(value, Message):
        return value, ()
    raise TypeError(f"expected a Message, found {value!r}. Return a Message, or None where the annotation allows it.")
