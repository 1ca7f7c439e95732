"""From what a handler returned to envelopes on the bus: checked, addressed, routed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metagpt.errors import HandlerFailedError, UnroutableError, did_you_mean
from metagpt.graph import Handler
from metagpt.message import SENDER_OF_CAUSE, USER, Addressed, Envelope, Message, tag_of, unwrap
from metagpt.runtime.clock import Clock
from metagpt.runtime.identity import derived_id
from metagpt.runtime.state import Invocation, State
from metagpt.runtime.ticks import HandlerEnded

__all__ = ["Outbox", "checked_return"]

Parcel = tuple[Message, tuple[str, ...]]
"""A message and the roles it is addressed to; empty: everybody."""


def checked_return(handler: Handler, returned: Any) -> tuple[list[Parcel], bool]:  # Any: whatever the handler returned
    """The messages that a handler returned and whether it was a list (a fan-out).

    Raises:
        TypeError: it is not what the handler's annotation says.
    """
    published = handler.spec.published
    if returned is None:
        if published.nothing:
            return [], False
        raise TypeError(f"{handler.key}: found None returned; expected {_expected(handler)}. Return a message, or annotate `| None`.")
    if isinstance(returned, list):
        if not published.fanned:
            raise TypeError(f"{handler.key}: found a list returned; expected {_expected(handler)}. Annotate `-> list[...]` for a fan-out.")
        return [_parcel(handler, item, published.fanned) for item in returned], True
    if isinstance(returned, tuple):
        if not published.several:
            raise TypeError(f"{handler.key}: found a tuple returned; expected {_expected(handler)}. Annotate `-> tuple[...]`.")
        return [_parcel(handler, item, published.types) for item in returned if item is not None], False
    return [_parcel(handler, returned, published.types)], False


def _parcel(handler: Handler, item: object, types: tuple[type[Message], ...]) -> Parcel:
    if type(item) in types:  # the usual case; isinstance is slow on pydantic's classes
        return item, ()  # type: ignore[return-value]  # one of `types` is a Message
    if not isinstance(item, Message | Addressed):
        raise TypeError(f"{handler.key}: found {item!r} returned; expected {_expected(handler)}. Return what the annotation says.")
    message, address = unwrap(item)
    if not isinstance(message, types):
        raise TypeError(
            f"{handler.key}: found a {tag_of(type(message))} returned; expected {_expected(handler)}. Return what the annotation says."
        )
    return message, address


def _expected(handler: Handler) -> str:
    published = handler.spec.published
    names = [cls.__name__ for cls in published.types] + [f"list[{cls.__name__}]" for cls in published.fanned]
    return " or ".join([*names, *(["None"] if published.nothing else [])]) or "None"


class Outbox:
    """Makes envelopes: ids, branch, time and the handlers that take each message."""

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    def start(self, message: Message, now: float) -> Envelope:
        """The envelope that starts the run."""
        recipients = self._recipients(message, (), "", USER)
        return Envelope(derived_id(self._state.run_id, USER), self._state.run_id, message, USER, recipients, (), "", now, {})

    def outcome(
        self,
        invocation: Invocation,
        messages: Sequence[Parcel],
        *,
        is_list: bool,
        state: Mapping[str, str] | None,
        memories: tuple[str, ...],
    ) -> HandlerEnded:
        """The handler's outcome, its messages routed: every `when` is evaluated here, once."""
        now = self._clock.now()
        role, run_id = invocation.handler.role, self._state.run_id
        causes = tuple([envelope.id for envelope in invocation.heard])
        outputs = []
        for index, (message, said_to) in enumerate(messages):
            address = (_sender_of_cause(invocation),) if said_to == SENDER_OF_CAUSE else said_to
            branch = f"{invocation.id}/{index}" if is_list else invocation.branch
            fan_out = invocation.handler.key if is_list else None
            recipients = self._recipients(message, address, branch, invocation.handler.key, fan_out=fan_out)
            outputs.append(
                Envelope(derived_id(invocation.id, str(index)), run_id, message, role, recipients, causes, branch, now, invocation.counts)
            )
        return HandlerEnded(now, invocation.id, invocation.attempt, tuple(outputs), len(messages) if is_list else None, state, memories)

    def _recipients(
        self, message: Message, address: tuple[str, ...], branch: str, said_by: str, *, fan_out: str | None = None
    ) -> tuple[str, ...]:
        """Keys of the handlers that take the message."""
        wiring = self._state.wiring
        for role in address:
            if role not in wiring.roles and role != USER:
                raise UnroutableError(
                    f"{said_by}: found {tag_of(type(message))} addressed to {role!r}; expected a role of the team."
                    f" {did_you_mean(role, wiring.roles)}"
                )
        route = wiring.route(type(message))
        if route.unconditional is not None and not address:
            return route.unconditional
        taken = [
            handler.key
            for handler in route.singles
            if (not address or handler.role in address) and (handler.spec.when is None or _agrees(handler, message))
        ]
        taken += [handler.key for handler in route.joins if not address or handler.role in address]
        if route.gathers:
            opened_by = fan_out or self._fan_out_of(branch)
            firing = wiring.gathers.get(opened_by, ()) if opened_by else ()
            taken += [handler.key for handler in route.gathers if handler in firing and (not address or handler.role in address)]
        return tuple(taken)

    def _fan_out_of(self, branch: str) -> str | None:
        fan_out = self._state.branches[branch].fan_out
        return None if fan_out is None else fan_out.handler


def _sender_of_cause(invocation: Invocation) -> str:
    if not invocation.heard:
        raise UnroutableError(
            f"{invocation.handler.key}: found reply() in an empty gather; expected a cause to reply to. Use to(message, role)."
        )
    return invocation.heard[0].sender


def _agrees(handler: Handler, message: Message) -> bool:
    """Whether the handler's `when` takes the message.

    Raises:
        HandlerFailedError: the predicate raised; the error names the handler that it belongs to, not who spoke.
    """
    assert handler.spec.when is not None, "asked only where there is one"
    try:
        return bool(handler.spec.when(message))
    except Exception as error:
        tag = tag_of(type(message))
        raise HandlerFailedError(
            f"{handler.key}: found {type(error).__name__}: {error} in its `when` for {tag}; expected True or False. Mend the predicate.",
            role=handler.role,
            handler=handler.key,
            message=tag,
        ) from error
