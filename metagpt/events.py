"""Events: what a watcher of a run sees.

Each is a small frozen value with `name`, the one used in `--json`, and `as_json()`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

from pydantic_core import to_jsonable_python

from metagpt.message import Envelope, tag_of

__all__ = [
    "ActionEndedEvent",
    "ActionStartedEvent",
    "AnsweredEvent",
    "ApprovalNeededEvent",
    "DeltaEvent",
    "DeltasDiscardedEvent",
    "DroppedFromContextEvent",
    "Event",
    "HandlerEndedEvent",
    "HandlerFailedEvent",
    "HandlerStartedEvent",
    "JoinUnfilledEvent",
    "MessagePublishedEvent",
    "ModelCalledEvent",
    "ModelRepliedEvent",
    "RunEndedEvent",
    "RunStartedEvent",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What all events have."""

    name: ClassVar[str] = ""
    run_id: str
    time: float
    """Seconds since 1970 UTC."""

    def as_json(self) -> dict[str, Any]:
        """The event as JSON values, its name first."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {"event": self.name, **to_jsonable_python(values, fallback=str)}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStartedEvent(Event):
    """The run begins, or goes on after a resumption."""

    name = "run_started"
    goal: str
    resumed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePublishedEvent(Event):
    """A role, or the user, said something."""

    name = "message_published"
    envelope: Envelope

    def as_json(self) -> dict[str, Any]:
        sent = self.envelope
        return {
            "event": self.name,
            "run_id": self.run_id,
            "time": self.time,
            "id": sent.id,
            "type": tag_of(type(sent.message)),
            "sender": sent.sender,
            "recipients": list(sent.recipients),
            "branch": sent.branch,
            "message": sent.message.model_dump(mode="json"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _HandlerEvent(Event):
    role: str
    handler: str
    """`role.handler`."""
    invocation: str
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerStartedEvent(_HandlerEvent):
    """An attempt of a handler begins."""

    name = "handler_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerEndedEvent(_HandlerEvent):
    """A handler's outcome is recorded."""

    name = "handler_ended"


@dataclass(frozen=True, slots=True, kw_only=True)
class HandlerFailedEvent(_HandlerEvent):
    """An attempt of a handler raised."""

    name = "handler_failed"
    error: str
    will_retry: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _CallEvent(Event):
    role: str
    call: str
    """Name of the call: `engineer.write_program`."""
    invocation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCalledEvent(_CallEvent):
    """A model is asked."""

    name = "model_called"
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaEvent(_CallEvent):
    """A piece of an answer that is being made; it may still be discarded."""

    name = "delta"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltasDiscardedEvent(_CallEvent):
    """The deltas of this call so far are void: the call failed or is asked again."""

    name = "deltas_discarded"
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRepliedEvent(_CallEvent):
    """A model has answered."""

    name = "model_replied"
    text: str
    input_tokens: int = 0
    output_tokens: int = 0
    usd: float | None = None
    seconds: float = 0.0
    replayed: bool = False
    """Taken from the journal; nothing was bought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionStartedEvent(Event):
    """An action begins."""

    name = "action_started"
    action: str
    arguments: str
    """JSON text."""
    invocation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionEndedEvent(Event):
    """An action gave its result, or failed."""

    name = "action_ended"
    invocation: str
    result: str = ""
    """JSON text."""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalNeededEvent(Event):
    """A person must answer before this goes on."""

    name = "approval_needed"
    pending: str
    """Id to answer by."""
    role: str
    text: str
    kind: str = "approval"
    """approval, action or question."""
    schema: dict[str, Any] | None = None
    """Of a question: JSON schema of its answer; None: any text."""
    until: float | None = None
    """When the default is taken, in seconds since 1970 UTC; None: it waits for as long as it takes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredEvent(Event):
    """A person has answered, or their time was over."""

    name = "answered"
    pending: str
    role: str
    answer: str
    """`approve`, `reject: NOTE`, `edit: JSON`, or the text."""
    by_default: bool = False
    """Whether nobody answered in time and the default was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedFromContextEvent(Event):
    """The window of the model that is asked was too small for the whole chat."""

    name = "dropped_from_context"
    role: str
    call: str
    entries: int
    """How many memory entries did not fit into the model's window."""
    parts: Mapping[str, int] = field(default_factory=dict)
    """How much of each part was left out, by the names that `ContextFit.drop` has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinUnfilledEvent(Event):
    """The run ended with output, and messages still wait in this join for partners that never came."""

    name = "join_unfilled"
    role: str
    handler: str
    """`role.handler`."""
    waiting: dict[str, int]
    """How many messages of each type wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEndedEvent(Event):
    """The last event of every run."""

    name = "run_ended"
    status: str
    success: bool
    error: str = ""
    error_type: str = ""
    output: Any = None  # Any: the final message as JSON values
    usage: Any = None  # Any: the run's usage as JSON values
    workspace: str | None = None
