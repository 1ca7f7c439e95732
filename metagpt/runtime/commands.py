"""Commands: what the loop is to do next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from metagpt.runtime.ticks import ErrorRecord, OutputProposed, Pending, Status

if TYPE_CHECKING:
    from metagpt.runtime.state import Invocation

__all__ = ["AwaitAnswer", "Command", "EndRun", "EvaluateWhen", "PlaceCall", "PublishApproved", "StartHandler", "Wait"]


@dataclass(slots=True)
class StartHandler:
    """Run an attempt of a handler."""

    invocation: Invocation


@dataclass(slots=True)
class EvaluateWhen:
    """Evaluate the predicate of a completed join or gather."""

    invocation: Invocation


@dataclass(slots=True)
class Wait:
    """Wait before the invocation's next attempt."""

    invocation: Invocation
    delay_s: float


@dataclass(slots=True)
class PlaceCall:
    """The budget affords the call; ask the model."""

    invocation: Invocation
    key: str
    nth: int
    max_tokens: int | None
    """Most tokens the request may spend; None: no budget bounds it."""


@dataclass(slots=True)
class PublishApproved:
    """Publish what a person has agreed to."""

    invocation: Invocation
    proposal: OutputProposed


@dataclass(slots=True)
class AwaitAnswer:
    """Take the default of a question when its time is over."""

    pending: Pending


@dataclass(slots=True)
class EndRun:
    """Stop everything that still runs and end the run so."""

    status: Status
    error: ErrorRecord | None = None


Command: TypeAlias = StartHandler | EvaluateWhen | Wait | PlaceCall | PublishApproved | AwaitAnswer | EndRun
