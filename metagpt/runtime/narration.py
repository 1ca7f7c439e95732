"""Ticks and commands retold as events: live while a run goes on, and again from its journal afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from metagpt import events as ev
from metagpt.message import Envelope, Goal
from metagpt.runtime import ticks as t
from metagpt.runtime.commands import Command, StartHandler
from metagpt.runtime.state import State

__all__ = ["narrate"]


def narrate(  # noqa: C901, PLR0912 - one case per tick is the table itself
    state: State, tick: t.Tick, commands: Sequence[Command], roles: dict[str, tuple[str, str]]
) -> Iterator[ev.Event]:
    """The events of one step, after `decide` took it.

    Args:
        state: The state after the tick.
        tick: What happened.
        commands: What `decide` answered.
        roles: (role, handler key) of every invocation started so far; kept by the caller, extended here.
    """
    run_id, time = state.run_id, tick.time
    match tick:
        case t.RunStarted():
            yield ev.RunStartedEvent(run_id=run_id, time=time, goal=_goal_text(tick.goal))
            yield ev.MessagePublishedEvent(run_id=run_id, time=time, envelope=tick.goal)
        case t.RunResumed():
            goal = "" if state.goal is None else _goal_text(state.goal)
            roles.update({i.id: (i.handler.role, i.handler.key) for i in state.invocations.values()})
            yield ev.RunStartedEvent(run_id=run_id, time=time, goal=goal, resumed=True)
            yield from (_answered(run_id, answered) for answered in tick.answers)
        case t.Answered():
            yield _answered(run_id, tick)
        case t.HandlerEnded():
            role, handler = roles.pop(tick.invocation, ("", ""))
            yield ev.HandlerEndedEvent(
                run_id=run_id, time=time, role=role, handler=handler, invocation=tick.invocation, attempt=tick.attempt
            )
            for envelope in tick.outputs:
                yield ev.MessagePublishedEvent(run_id=run_id, time=time, envelope=envelope)
        case t.HandlerFailed():
            role, handler = roles.get(tick.invocation, ("", ""))
            yield ev.HandlerFailedEvent(
                run_id=run_id, time=time, role=role, handler=handler, invocation=tick.invocation, attempt=tick.attempt,
                error=tick.error.cause or tick.error.text, will_retry=tick.delay_s is not None,
            )  # fmt: skip
        case t.CallRequested():
            role, _ = roles.get(tick.invocation, ("", ""))
            yield ev.ModelCalledEvent(run_id=run_id, time=time, role=role, call=tick.call, invocation=tick.invocation, model=tick.model)
        case t.CallEnded():
            yield _replied(state, tick, roles)
        case t.CallFailed():
            role, _ = roles.get(tick.invocation, ("", ""))
            yield ev.DeltasDiscardedEvent(
                run_id=run_id, time=time, role=role, call=tick.call, invocation=tick.invocation, reason=tick.error.text
            )
        case t.ActionStarted():
            yield ev.ActionStartedEvent(run_id=run_id, time=time, action=tick.action, arguments=tick.arguments, invocation=tick.invocation)
        case t.ActionEnded():
            yield ev.ActionEndedEvent(run_id=run_id, time=time, invocation=tick.invocation, result=tick.result)
        case t.ActionFailed():
            yield ev.ActionEndedEvent(run_id=run_id, time=time, invocation=tick.invocation, error=tick.error.text)
        case t.OutputProposed() | t.HandlerSuspended():
            for pending in state.pending.values():
                if pending.invocation == tick.invocation:
                    yield ev.ApprovalNeededEvent(
                        run_id=run_id, time=time, pending=pending.id, role=pending.role, text=pending.text,
                        kind=pending.kind, schema=pending.schema, until=pending.until,
                    )  # fmt: skip
        case t.RunEnded():
            if tick.status == "done":
                yield from _unfilled(state, time)
            yield _ended(state, tick)
        case _:
            pass
    for command in commands:
        if isinstance(command, StartHandler):
            invocation = command.invocation
            roles[invocation.id] = (invocation.handler.role, invocation.handler.key)
            yield ev.HandlerStartedEvent(
                run_id=run_id, time=time, role=invocation.handler.role, handler=invocation.handler.key,
                invocation=invocation.id, attempt=invocation.attempt,
            )  # fmt: skip


def _goal_text(goal: Envelope) -> str:
    message = goal.message
    return message.text if isinstance(message, Goal) else message.model_dump_json()


def _answered(run_id: str, tick: t.Answered) -> ev.Event:
    return ev.AnsweredEvent(
        run_id=run_id, time=tick.time, pending=tick.pending, role=tick.role, answer=_answer_text(tick.answer), by_default=tick.by_default
    )


def _answer_text(answer: t.Answer) -> str:
    match answer:
        case t.Approve():
            return "approve"
        case t.Reject(note):
            return f"reject: {note}"
        case t.Edit(message, more):
            return "edit: " + ", ".join(each.model_dump_json() for each in (message, *more))
        case t.EditArguments(arguments):
            return f"edit: {arguments}"
        case str():
            return answer


def _replied(state: State, tick: t.CallEnded, roles: dict[str, tuple[str, str]]) -> ev.Event:
    role, _ = roles.get(tick.invocation, ("", ""))
    usage = tick.reply.usage
    return ev.ModelRepliedEvent(
        run_id=state.run_id,
        time=tick.time,
        role=role,
        call=tick.call,
        invocation=tick.invocation,
        text=tick.reply.text,
        input_tokens=usage.input_tokens if usage else 0,
        output_tokens=usage.output_tokens if usage else 0,
        usd=tick.price.usd(usage) if usage and tick.price else None,
        seconds=tick.seconds,
    )


def _unfilled(state: State, time: float) -> Iterator[ev.Event]:
    for key, waiting in state.lone_parts.items():
        role = state.wiring.handlers[key].role
        yield ev.JoinUnfilledEvent(run_id=state.run_id, time=time, role=role, handler=key, waiting=dict(waiting))


def _ended(state: State, tick: t.RunEnded) -> ev.Event:
    output = state.outputs[-1].message.model_dump(mode="json") if state.outputs else None
    return ev.RunEndedEvent(
        run_id=state.run_id,
        time=tick.time,
        status=tick.status,
        success=tick.success,
        error=tick.error.text if tick.error else "",
        error_type=tick.error.type if tick.error else "",
        output=output,
        usage=asdict(state.ledger.usage),
        workspace=tick.workspace,
    )
