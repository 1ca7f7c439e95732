"""Ticks: what happened in a run. The journal is a list of them, and the state is their fold.

A tick is never changed once it is made. Times are seconds since 1970 UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from metagpt.models.interface import JsonSchema, ModelReply, ModelRequest, Price
from metagpt.runtime.budget import Budget
from metagpt.runtime.wire import AnyEnvelope, AnyMessage

__all__ = [
    "ActionEnded",
    "ActionFailed",
    "ActionStarted",
    "Answer",
    "Answered",
    "Approve",
    "CallEnded",
    "CallFailed",
    "CallRequested",
    "CancelRequested",
    "DeadlinePassed",
    "DelayElapsed",
    "Edit",
    "EditArguments",
    "ErrorRecord",
    "HandlerEnded",
    "HandlerFailed",
    "HandlerSuspended",
    "OutputProposed",
    "Pending",
    "Recalled",
    "Reject",
    "RunEnded",
    "RunResumed",
    "RunStarted",
    "Status",
    "Tick",
    "WaitLimit",
    "WhenDecided",
]

Status: TypeAlias = Literal["running", "waiting", "done", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Approve:
    """A person agrees."""


@dataclass(frozen=True, slots=True)
class Reject:
    """A person disagrees; the handler runs again with the note. As what nobody's answer counts for, it ends the run."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """A person puts a message of their own in the place of the proposed one, or answers with it."""

    message: AnyMessage
    more: tuple[AnyMessage, ...] = ()
    """Further messages, where several are to be published."""


@dataclass(frozen=True, slots=True)
class EditArguments:
    """A person lets an action run, with other arguments."""

    arguments: str
    """A JSON object."""


Answer: TypeAlias = Approve | Reject | Edit | EditArguments | str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitLimit:
    """How long a person may take to answer, and what counts as their answer when they took longer.

    The time runs on the wall's clock from when the question was recorded, whether or not a process runs meanwhile.
    """

    seconds: float
    """More than 0."""
    default: Answer = Reject("nobody answered in time")
    """A `Reject` settles the question too: of an output it ends the run with an `UnansweredError`, and nothing is asked again."""

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise ValueError(f"WaitLimit: found seconds={self.seconds!r}; expected more than 0.")
        if not isinstance(self.default, Approve | Reject | Edit | EditArguments | str):
            raise TypeError(f"WaitLimit: found default={self.default!r}; expected Approve(), Reject(note), Edit(message) or text.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A question that a run waits for a person to answer."""

    id: str
    kind: Literal["approval", "action", "question"]
    role: str
    handler: str
    text: str
    """What is asked, for a person to read."""
    proposed: tuple[AnyMessage, ...] = ()
    """Of an approval: the messages that would be published."""
    invocation: str = ""
    action: str = ""
    """Of an action: its name."""
    arguments: str = ""
    """Of an action: its arguments, a JSON object."""
    about: tuple[AnyMessage, ...] = ()
    """Of a question: the messages that it is about."""
    forms: tuple[str, ...] = ()
    """Of a question that messages answer: their tags."""
    schema: JsonSchema | None = None
    """Of a question: JSON schema of the answer; None: any text."""
    until: float | None = None
    """When the default is taken, in seconds since 1970 UTC; None: it waits for as long as it takes."""
    default: Answer | None = None
    """What is taken then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRecord:
    """An error as the journal keeps it."""

    type: str
    """Name of the class: `HandlerFailedError`."""
    text: str
    role: str | None = None
    handler: str | None = None
    message: str | None = None
    """Tag of the message in hand."""
    cause: str = ""
    """Class and text of the exception that caused it."""


@dataclass(slots=True)
class RunStarted:
    """The first tick of every run."""

    time: float
    goal: AnyEnvelope
    seed: int
    session: str | None = None
    budget: Budget = Budget()
    """Recorded, so that a journal folds to the same state whatever budget a later process has."""


@dataclass(slots=True)
class HandlerEnded:
    """A handler's whole outcome, one transaction: its messages, role state and memories."""

    time: float
    invocation: str
    attempt: int
    outputs: tuple[AnyEnvelope, ...] = ()
    fan_out: int | None = None
    """Number of items of a returned list; the outputs then stand in their branches. None: no list was returned."""
    state: Mapping[str, str] | None = None
    """Changed role attributes, each as JSON text."""
    memories: tuple[str, ...] = ()
    """What the role remembered, each as JSON text."""


@dataclass(slots=True)
class OutputProposed:
    """A handler with `approve=True` returned; a person must agree before it counts."""

    time: float
    invocation: str
    attempt: int
    messages: tuple[AnyMessage, ...]
    addresses: tuple[tuple[str, ...], ...]
    is_list: bool
    state: Mapping[str, str] | None = None
    memories: tuple[str, ...] = ()
    limit: WaitLimit | None = None
    """How long it waits; recorded, so that later settings do not change it."""


@dataclass(slots=True)
class HandlerSuspended:
    """A handler cannot go on before a person answers; it is run again then, with all that it had recorded."""

    time: float
    invocation: str
    pending: Pending


@dataclass(slots=True)
class Answered:
    """A person answered what was pending, or their time was over."""

    time: float
    pending: str
    answer: Answer
    role: str = ""
    by_default: bool = False
    """Whether nobody answered in time."""
    settles: bool = False
    """Whether a rejection ends the run; in journals from before there was this, what nobody answered ran the handler again."""


@dataclass(slots=True)
class RunResumed:
    """Another process, or this one again, goes on with the run."""

    time: float
    fresh: bool = False
    """Ask the models anew: forget the recorded replies of handlers that have not ended."""
    answers: tuple[Answered, ...] = ()
    budget: Budget = Budget()
    """What bounds the run from now on."""


@dataclass(slots=True)
class HandlerFailed:
    """An attempt of a handler raised."""

    time: float
    invocation: str
    attempt: int
    error: ErrorRecord
    by_call: bool
    """Whether a failed model call caused it: the next attempt then reuses every recorded reply."""
    delay_s: float | None
    """Wait before the next attempt; None: there is none."""
    spoiled: tuple[tuple[str, int], ...] = ()
    """(key, nth) of recorded replies that are not to be used again: they are why the call failed."""


@dataclass(slots=True)
class WhenDecided:
    """The predicate of a completed join or gather was evaluated."""

    time: float
    invocation: str
    is_true: bool


@dataclass(slots=True)
class DelayElapsed:
    """The wait before a further attempt is over."""

    time: float
    invocation: str


@dataclass(slots=True)
class CallRequested:
    """A handler is about to ask a model; journaled before the model is asked."""

    time: float
    invocation: str
    attempt: int
    key: str
    """Hash of call name, rendered chat, schema, tools and options; the model's name is not in it."""
    nth: int
    """How many calls with that hash came before in this invocation."""
    call: str
    model: str
    input_bound: int
    """Upper bound of the input tokens: the bytes of the request."""
    max_tokens: int
    """Most output tokens, all candidates together, that the caller asked for or the model can give."""
    price: Price | None
    request: ModelRequest | None = None
    """The whole request: what the lab later trains on."""


@dataclass(slots=True)
class CallEnded:
    """A model replied."""

    time: float
    invocation: str
    key: str
    nth: int
    call: str
    reply: ModelReply
    seconds: float
    price: Price | None = None


@dataclass(slots=True)
class CallFailed:
    """A call ended without a reply."""

    time: float
    invocation: str
    key: str
    nth: int
    error: ErrorRecord
    charged: bool
    """Whether tokens may have been spent: the call then settles at its bound."""
    call: str = ""


@dataclass(slots=True)
class Recalled:
    """A memory gave what it holds; journaled before it is used, for the memory may hold other things by the next time."""

    time: float
    invocation: str
    key: str
    """Hash of what was asked of the memory."""
    nth: int
    entries: tuple[str, ...] = ()
    """Each as JSON text."""
    kept: tuple[str, ...] = ()
    """What the memory itself wants remembered with the handler's outcome, such as a summary that it has bought."""


@dataclass(slots=True)
class ActionStarted:
    """An action is about to be performed; journaled before it is."""

    time: float
    invocation: str
    key: str
    nth: int
    action: str
    arguments: str
    """JSON text."""
    repeatable: bool
    """Whether it may simply run again when its result was lost."""


@dataclass(slots=True)
class ActionEnded:
    """An action gave its result."""

    time: float
    invocation: str
    key: str
    nth: int
    result: str
    """JSON text."""


@dataclass(slots=True)
class ActionFailed:
    """An action raised, or never began."""

    time: float
    invocation: str
    key: str
    nth: int
    error: ErrorRecord


@dataclass(slots=True)
class DeadlinePassed:
    """The budget's seconds are used up."""

    time: float


@dataclass(slots=True)
class CancelRequested:
    """Somebody cancelled the run."""

    time: float
    leaves: bool = False
    """Whether its watcher just went away: then a run that waits for a person waits on."""


@dataclass(slots=True)
class RunEnded:
    """The last tick, until the run is resumed."""

    time: float
    status: Status
    success: bool = False
    error: ErrorRecord | None = None
    workspace: str | None = None


Tick: TypeAlias = (
    RunStarted
    | RunResumed
    | HandlerEnded
    | OutputProposed
    | HandlerSuspended
    | Answered
    | HandlerFailed
    | WhenDecided
    | DelayElapsed
    | CallRequested
    | CallEnded
    | CallFailed
    | Recalled
    | ActionStarted
    | ActionEnded
    | ActionFailed
    | DeadlinePassed
    | CancelRequested
    | RunEnded
)
