"""`decide(state, tick) -> commands`: the rules of a run, as one pure function.

It owns the state and changes it in place; it does no I/O, reads no clock and draws no random number, so folding a
journal's ticks gives the state back. Of ticks that arrive after the end was decided it still takes the facts; the loop
performs no commands then.
"""

from __future__ import annotations

from typing_extensions import assert_never

from metagpt.models.interface import TokenUsage
from metagpt.runtime.budget import Reservation
from metagpt.runtime.commands import Command, EndRun, EvaluateWhen, PlaceCall, PublishApproved, StartHandler, Wait
from metagpt.runtime.endings import end_if_quiet, halt
from metagpt.runtime.publishing import open_fan_out, publish, release_lane, settle_branch, start_or_queue
from metagpt.runtime.state import Invocation, State
from metagpt.runtime.ticks import (
    ActionEnded,
    ActionFailed,
    ActionStarted,
    Answered,
    Approve,
    CallEnded,
    CallFailed,
    CallRequested,
    CancelRequested,
    DeadlinePassed,
    DelayElapsed,
    Edit,
    HandlerEnded,
    HandlerFailed,
    HandlerSuspended,
    OutputProposed,
    Pending,
    Reject,
    RunEnded,
    RunResumed,
    RunStarted,
    Tick,
    WhenDecided,
)

__all__ = ["decide"]


def decide(state: State, tick: Tick) -> list[Command]:  # noqa: C901 - one case per tick is the table itself
    """What to do next, now that this has happened."""
    commands: list[Command] = []
    match tick:
        case HandlerEnded():
            _handler_ended(state, tick, commands)
        case CallRequested():
            _call_requested(state, tick, commands)
        case CallEnded():
            _call_ended(state, tick)
        case CallFailed():
            state.ledger.settle((tick.invocation, tick.key, tick.nth), None, charged=tick.charged)
        case ActionStarted():
            _of(state, tick.invocation).records.started[tick.key, tick.nth] = tick
        case ActionEnded():
            _action_ended(state, tick)
        case ActionFailed():
            _of(state, tick.invocation).records.started.pop((tick.key, tick.nth), None)
        case HandlerFailed():
            _handler_failed(state, tick, commands)
        case DelayElapsed():
            _start_again(state, _of(state, tick.invocation), commands)
        case WhenDecided():
            _when_decided(state, tick, commands)
        case OutputProposed():
            _output_proposed(state, tick, commands)
        case HandlerSuspended():
            _suspended(state, tick, commands)
        case RunStarted():
            _run_started(state, tick, commands)
        case RunResumed():
            _run_resumed(state, tick, commands)
        case DeadlinePassed():
            seconds = state.ledger.budget.seconds
            halt(state, commands, "BudgetExceededError", f"run {state.run_id}: found the deadline of {seconds} s passed; expected an end before. Raise Budget(seconds=).")
        case CancelRequested():
            if not state.halted:
                state.halted = True
                commands.append(EndRun("cancelled"))
        case RunEnded():
            _run_ended(state, tick)
        case _:
            assert_never(tick)
    state.last = tick.time
    if not isinstance(tick, RunEnded):
        end_if_quiet(state, commands)
    return commands


def _of(state: State, invocation: str) -> Invocation:
    return state.invocations[invocation]


def _run_started(state: State, tick: RunStarted, commands: list[Command]) -> None:
    state.goal, state.seed, state.session, state.started = tick.goal, tick.seed, tick.session, tick.time
    publish(state, tick.goal, commands)


def _end_invocation(state: State, invocation: Invocation, commands: list[Command]) -> None:
    """Forget an invocation that is over; whoever called has already freed its lane."""
    del state.invocations[invocation.id]
    state.live -= 1
    settle_branch(state, state.branches[invocation.branch], commands)


def _handler_ended(state: State, tick: HandlerEnded, commands: list[Command]) -> None:
    invocation = _of(state, tick.invocation)
    role = invocation.handler.role
    if tick.state:
        state.role_state.setdefault(role, {}).update(tick.state)
    if tick.memories:
        state.memories.setdefault(role, []).extend(tick.memories)
    if invocation.phase == "running":
        release_lane(state, invocation.handler, commands)
    if tick.fan_out is None:
        for envelope in tick.outputs:
            publish(state, envelope, commands)
    else:
        open_fan_out(state, invocation, tick.fan_out, tick.outputs, tick.time, commands)
    _end_invocation(state, invocation, commands)


def _handler_failed(state: State, tick: HandlerFailed, commands: list[Command]) -> None:
    invocation = _of(state, tick.invocation)
    if not tick.by_call:
        invocation.records.replies.clear()
    is_running = invocation.phase == "running"  # a predicate or an approved output that fails is not tried again by itself
    if is_running and tick.delay_s is not None:
        invocation.attempt += 1
        invocation.phase = "delayed"
        commands.append(Wait(invocation, tick.delay_s))
        return
    if is_running:
        invocation.phase = "failed"
    error = tick.error
    halt(state, commands, error.type, error.text, role=error.role, handler=error.handler, message=error.message, cause=error.cause)


def _start_again(state: State, invocation: Invocation, commands: list[Command]) -> None:
    """Start the next attempt in the lane it has kept."""
    invocation.phase = "running"
    state.ledger.steps += 1
    budget = state.ledger.budget.steps
    if budget is not None and state.ledger.steps > budget:
        key = invocation.handler.key
        halt(
            state,
            commands,
            "BudgetExceededError",
            f"{key}: found the budget of {budget} steps used up; expected room for one more. Raise Budget(steps=).",
            role=invocation.handler.role,
            handler=key,
        )
        return
    commands.append(StartHandler(invocation))


def _when_decided(state: State, tick: WhenDecided, commands: list[Command]) -> None:
    invocation = _of(state, tick.invocation)
    if tick.is_true:
        start_or_queue(state, invocation, commands)
    else:
        _end_invocation(state, invocation, commands)


def _output_proposed(state: State, tick: OutputProposed, commands: list[Command]) -> None:
    invocation = _of(state, tick.invocation)
    invocation.phase, invocation.proposal = "approving", tick
    handler = invocation.handler
    pending = Pending(
        id=invocation.id if tick.attempt == 1 else f"{invocation.id}.{tick.attempt}",
        kind="approval",
        role=handler.role,
        handler=handler.key,
        text=f"{handler.key} wants to publish this. Approve, reject with a note, or edit?",
        proposed=tick.messages,
        invocation=invocation.id,
    )
    _wait_for_person(state, invocation, pending, commands)


def _suspended(state: State, tick: HandlerSuspended, commands: list[Command]) -> None:
    invocation = _of(state, tick.invocation)
    invocation.phase = "suspended"
    _wait_for_person(state, invocation, tick.pending, commands)


def _wait_for_person(state: State, invocation: Invocation, pending: Pending, commands: list[Command]) -> None:
    state.pending[pending.id] = pending
    state.live -= 1
    release_lane(state, invocation.handler, commands)


def _answered(state: State, tick: Answered, commands: list[Command]) -> None:
    pending = state.pending.pop(tick.pending)
    invocation = _of(state, pending.invocation)
    state.live += 1
    if pending.kind != "approval":
        invocation.records.answers[pending.id] = tick.answer
        start_or_queue(state, invocation, commands)
    elif isinstance(tick.answer, Reject):
        _rejected(state, invocation, tick.answer.note, commands)
    else:
        proposal = invocation.proposal
        assert proposal is not None, "an approval is pending only after a proposal"
        if isinstance(tick.answer, Edit):
            proposal = OutputProposed(
                proposal.time, proposal.invocation, proposal.attempt, (tick.answer.message,), ((),), False, proposal.state, proposal.memories
            )
            invocation.proposal = proposal
        elif not isinstance(tick.answer, Approve):
            _rejected(state, invocation, tick.answer, commands)
            return
        invocation.phase = "publishing"
        commands.append(PublishApproved(invocation, proposal))


def _rejected(state: State, invocation: Invocation, note: str, commands: list[Command]) -> None:
    """Run the handler again with the person's note, counted by its limit."""
    key, limit = invocation.handler.key, invocation.handler.spec.limit
    if limit is not None:
        count = invocation.counts.get(key, 0) + 1
        if count > limit:
            invocation.phase = "queued"
            state.lanes[state.wiring.lanes[key]].queue.append(invocation)
            halt(
                state,
                commands,
                "LimitReachedError",
                f"{key}: found its output rejected once more after {limit} run(s); expected an agreement before. Raise limit=, or approve.",
                role=invocation.handler.role,
                handler=key,
            )
            return
        invocation.counts = {**invocation.counts, key: count}
    invocation.note = note
    invocation.proposal = None
    invocation.attempt += 1
    invocation.records.replies.clear()
    start_or_queue(state, invocation, commands)


def _call_requested(state: State, tick: CallRequested, commands: list[Command]) -> None:
    invocation = _of(state, tick.invocation)
    ledger = state.ledger
    afforded = ledger.affordable_tokens(tick.input_bound, tick.max_tokens, tick.price)
    if isinstance(afforded, str):
        halt(
            state,
            commands,
            "BudgetExceededError",
            f"{tick.call}: the {afforded}; expected enough for {tick.input_bound} tokens of input and an answer. Raise the budget and resume.",
            role=invocation.handler.role,
            handler=invocation.handler.key,
        )
        return
    bound = TokenUsage(input_tokens=tick.input_bound, output_tokens=afforded)
    key = (tick.invocation, tick.key, tick.nth)
    ledger.reserve(key, Reservation(role=invocation.handler.role, model=tick.model, bound=bound, price=tick.price))
    bounded = ledger.budget.tokens is not None or ledger.budget.usd is not None
    commands.append(PlaceCall(invocation, tick.key, tick.nth, afforded if bounded else None))


def _call_ended(state: State, tick: CallEnded) -> None:
    invocation = _of(state, tick.invocation)
    invocation.records.replies[tick.key, tick.nth] = tick
    invocation.now = tick.time
    state.ledger.settle((tick.invocation, tick.key, tick.nth), tick.reply.usage, seconds=tick.seconds)


def _action_ended(state: State, tick: ActionEnded) -> None:
    invocation = _of(state, tick.invocation)
    invocation.records.started.pop((tick.key, tick.nth), None)
    invocation.records.results[tick.key, tick.nth] = tick.result
    invocation.now = tick.time


def _run_ended(state: State, tick: RunEnded) -> None:
    state.status, state.error, state.success, state.workspace = tick.status, tick.error, tick.success, tick.workspace
    state.ledger.usage.seconds += tick.time - state.started
    state.halted = True


def _run_resumed(state: State, tick: RunResumed, commands: list[Command]) -> None:
    """Take up everything that the last process left: calls in flight settle at their bound, handlers start again."""
    if state.status == "running":  # the last process died: the clock ran until its last tick
        state.ledger.usage.seconds += max(0.0, state.last - state.started) if not state.halted else 0.0
    state.status, state.halted, state.error, state.started = "running", False, None, tick.time
    state.ledger.settle_all()
    for invocation in list(state.invocations.values()):
        if tick.fresh and invocation.kept is not None:
            invocation.kept.replies.clear()
        if invocation.phase == "failed":
            invocation.attempt += 1
            commands.append(StartHandler(invocation))
            invocation.phase = "running"
        elif invocation.phase == "running":
            commands.append(StartHandler(invocation))
        elif invocation.phase == "delayed":
            commands.append(Wait(invocation, 0.0))
        elif invocation.phase == "deciding":
            commands.append(EvaluateWhen(invocation))
        elif invocation.phase == "publishing" and invocation.proposal is not None:
            commands.append(PublishApproved(invocation, invocation.proposal))
    for answered in tick.answers:
        _answered(state, answered, commands)
    for lane in state.lanes:
        while lane.queue and lane.running < lane.width and not state.halted:
            start_or_queue(state, lane.queue.popleft(), commands)


