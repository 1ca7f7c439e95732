"""`decide(state, tick) -> commands`: the rules of a run, as one pure function.

It owns the state and changes it in place; it does no I/O, reads no clock and draws no random number, so folding a
journal's ticks gives the state back. Of ticks that arrive after the end was decided it still takes the facts, but not
what was only about to happen (a call or an action that then never began); the loop performs no commands then.
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from metagpt.models.interface import TokenUsage
from metagpt.runtime.budget import Reservation
from metagpt.runtime.commands import AwaitAnswer, Command, EndRun, EvaluateWhen, PlaceCall, PublishApproved, Wait
from metagpt.runtime.endings import end_if_quiet, halt
from metagpt.runtime.publishing import (
    begin_attempt,
    fill_lane,
    halt_for_steps,
    message_in_hand,
    open_fan_out,
    publish,
    release_lane,
    settle_branch,
    start_or_queue,
)
from metagpt.runtime.state import Invocation, State
from metagpt.runtime.ticks import (
    ActionEnded,
    ActionFailed,
    ActionStarted,
    Answered,
    CallEnded,
    CallFailed,
    CallRequested,
    CancelRequested,
    DeadlinePassed,
    DelayElapsed,
    Edit,
    ErrorRecord,
    HandlerEnded,
    HandlerFailed,
    HandlerSuspended,
    OutputProposed,
    Pending,
    Recalled,
    Reject,
    RunEnded,
    RunResumed,
    RunStarted,
    Tick,
    WhenDecided,
)

__all__ = ["decide"]


def decide(state: State, tick: Tick) -> list[Command]:  # noqa: C901, PLR0912 - one case per tick is the table itself
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
            state.ledger.settle(tick.invocation, (tick.key, tick.nth), None, charged=tick.charged)
        case Recalled():
            _of(state, tick.invocation).records.recalled[tick.key, tick.nth] = tick
        case ActionStarted():
            _action_started(state, tick)
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
        case Answered():
            if tick.pending in state.pending:  # a person may have been faster than the clock
                _answered(state, tick, commands)
        case RunStarted():
            _run_started(state, tick, commands)
        case RunResumed():
            _run_resumed(state, tick, commands)
        case DeadlinePassed():
            text = (
                f"run {state.run_id}: found the deadline of {state.ledger.budget.seconds} s passed; expected an end before."
                " Raise Budget(seconds=) and resume."
            )
            halt(state, commands, ErrorRecord(type="BudgetExceededError", text=text))
        case CancelRequested():
            if not state.halted:
                state.halted = True
                commands.append(EndRun("waiting" if tick.leaves and state.pending else "cancelled"))
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
    state.ledger.budget = tick.budget
    publish(state, tick.goal, None, commands)


def _take_in_hand(state: State, invocation: Invocation) -> None:
    """An attempt is over, or waits for a person: it did run, and nobody waits for its calls any more."""
    if invocation.phase == "queued":  # a narrower team than the one that wrote the journal would have let it wait longer
        lane = state.lanes[state.wiring.lanes[invocation.handler.key]]
        lane.queue.remove(invocation)
        lane.running += 1
        begin_attempt(state, invocation, [])
    if state.ledger.open:
        state.ledger.settle_open(invocation.id)


def _end_invocation(state: State, invocation: Invocation, commands: list[Command]) -> None:
    """Forget an invocation that is over; whoever called has already freed its lane."""
    del state.invocations[invocation.id]
    state.live -= 1
    settle_branch(state, state.branches[invocation.branch], commands)


def _handler_ended(state: State, tick: HandlerEnded, commands: list[Command]) -> None:
    invocation = _of(state, tick.invocation)
    _take_in_hand(state, invocation)
    role = invocation.handler.role
    if tick.state:
        state.role_state[role] = {**state.role_state.get(role, {}), **tick.state}  # a new one: attempts hold on to the old one
    if tick.memories:
        state.memories.setdefault(role, []).extend(tick.memories)
    if invocation.phase == "running":
        release_lane(state, invocation.handler, commands)
    if tick.fan_out is None:
        for envelope in tick.outputs:
            publish(state, envelope, invocation.handler.key, commands)
    else:
        open_fan_out(state, invocation, tick.fan_out, tick.outputs, tick.time, commands)
    _end_invocation(state, invocation, commands)


def _handler_failed(state: State, tick: HandlerFailed, commands: list[Command]) -> None:
    invocation = _of(state, tick.invocation)
    _take_in_hand(state, invocation)
    invocation.failures += 1
    if tick.by_call:
        for call in tick.spoiled:
            invocation.records.replies.pop(call, None)
    else:
        _ask_anew(invocation)
    is_running = invocation.phase == "running"  # a predicate or an approved output that fails is not tried again by itself
    if is_running and tick.delay_s is not None:
        invocation.attempt += 1
        invocation.phase = "delayed"
        commands.append(Wait(invocation, tick.delay_s))
        return
    if is_running:
        invocation.phase = "failed"
    halt(state, commands, tick.error)


def _ask_anew(invocation: Invocation) -> None:
    """Forget the recorded replies, and with them what the role looked like and recalled when they were bought."""
    if invocation.kept is not None:
        invocation.kept.replies.clear()
        invocation.kept.recalled.clear()
    invocation.anew += 1
    invocation.seen_memories = invocation.seen_state = None


def _start_again(state: State, invocation: Invocation, commands: list[Command]) -> None:
    """Start the next attempt in the lane it has kept."""
    if state.ledger.has_no_step_left:
        halt_for_steps(state, invocation, commands)
        return
    state.ledger.steps += 1
    begin_attempt(state, invocation, commands)


def _when_decided(state: State, tick: WhenDecided, commands: list[Command]) -> None:
    invocation = _of(state, tick.invocation)
    if tick.is_true:
        start_or_queue(state, invocation, commands)
    else:
        _end_invocation(state, invocation, commands)


def _output_proposed(state: State, tick: OutputProposed, commands: list[Command]) -> None:
    invocation = _of(state, tick.invocation)
    _take_in_hand(state, invocation)
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
        until=None if tick.limit is None else tick.time + tick.limit.seconds,
        default=None if tick.limit is None else tick.limit.default,
    )
    _wait_for_person(state, invocation, pending, commands)


def _suspended(state: State, tick: HandlerSuspended, commands: list[Command]) -> None:
    invocation = _of(state, tick.invocation)
    _take_in_hand(state, invocation)
    invocation.phase = "suspended"
    _wait_for_person(state, invocation, tick.pending, commands)


def _wait_for_person(state: State, invocation: Invocation, pending: Pending, commands: list[Command]) -> None:
    state.pending[pending.id] = pending
    if pending.until is not None:
        commands.append(AwaitAnswer(pending))
    state.live -= 1
    release_lane(state, invocation.handler, commands)


def _answered(state: State, tick: Answered, commands: list[Command]) -> None:
    pending = state.pending[tick.pending]
    invocation = _of(state, pending.invocation)
    if pending.kind != "approval":
        _let_go(state, pending, invocation)
        invocation.records.answers[pending.id] = tick.answer
        start_or_queue(state, invocation, commands)
    elif isinstance(tick.answer, Reject | str):
        note = tick.answer if isinstance(tick.answer, str) else tick.answer.note
        if tick.settles:
            _halt_unanswered(state, pending, invocation, note, commands)
        else:
            _rejected(state, pending, invocation, note, commands)
    else:
        _let_go(state, pending, invocation)
        assert invocation.proposal is not None, "an approval is pending only after a proposal"
        if isinstance(tick.answer, Edit):
            invocation.proposal = _edited(invocation, invocation.proposal, tick.answer)
        invocation.phase = "publishing"
        commands.append(PublishApproved(invocation, invocation.proposal))


def _let_go(state: State, pending: Pending, invocation: Invocation) -> None:
    """A person has answered."""
    del state.pending[pending.id]
    state.live += 1
    invocation.failures = 0


def _edited(invocation: Invocation, proposal: OutputProposed, edit: Edit) -> OutputProposed:
    """The proposal with the person's messages in the place of all of its own."""
    messages = (edit.message, *edit.more)
    fanned = invocation.handler.spec.published.fanned
    is_list = proposal.is_list and all(isinstance(message, fanned) for message in messages)
    addresses = proposal.addresses if len(proposal.addresses) == len(messages) else ((),) * len(messages)
    return replace(proposal, messages=messages, addresses=addresses, is_list=is_list)


def _halt_unanswered(state: State, pending: Pending, invocation: Invocation, note: str, commands: list[Command]) -> None:
    """Nobody answered in time, so nobody is asked again; it stays pending: a person may still answer when the run is resumed."""
    key, said = invocation.handler.key, "nobody answered in time"
    text = (
        f"{key}: found its output rejected as {said}{f' ({note})' if note not in ('', said) else ''}; expected an answer before."
        f" Resume the run with an answer to {pending.id!r}, or give people more time."
    )
    role, message = invocation.handler.role, message_in_hand(invocation)
    halt(state, commands, ErrorRecord(type="UnansweredError", text=text, role=role, handler=key, message=message))


def _rejected(state: State, pending: Pending, invocation: Invocation, note: str, commands: list[Command]) -> None:
    """Run the handler again with the person's note, counted by its limit."""
    key, limit = invocation.handler.key, invocation.handler.spec.limit
    if limit is not None:
        count = invocation.counts.get(key, 0) + 1
        if count > limit:  # it stays pending: the person may still agree
            text = (
                f"{key}: found its output rejected once more after {limit} run(s); expected an agreement before. Raise limit=, or approve."
            )
            role, message = invocation.handler.role, message_in_hand(invocation)
            halt(state, commands, ErrorRecord(type="LimitReachedError", text=text, role=role, handler=key, message=message))
            return
        invocation.counts = {**invocation.counts, key: count}
    _let_go(state, pending, invocation)
    _ask_anew(invocation)
    invocation.note = note
    invocation.proposal = None
    invocation.attempt += 1
    start_or_queue(state, invocation, commands)


def _call_requested(state: State, tick: CallRequested, commands: list[Command]) -> None:
    if state.halted:
        return  # the loop places no call any more
    invocation = _of(state, tick.invocation)
    ledger = state.ledger
    afforded = ledger.affordable_tokens(tick.input_bound, tick.max_tokens, tick.price)
    if isinstance(afforded, str):
        text = (
            f"{tick.call}: the {afforded}; expected enough for {tick.input_bound} tokens of input and an answer."
            " Raise the budget and resume."
        )
        role, handler, message = invocation.handler.role, invocation.handler.key, message_in_hand(invocation)
        halt(state, commands, ErrorRecord(type="BudgetExceededError", text=text, role=role, handler=handler, message=message))
        return
    bound = TokenUsage(input_tokens=tick.input_bound, output_tokens=afforded)
    reservation = Reservation(role=invocation.handler.role, model=tick.model, bound=bound, price=tick.price)
    ledger.reserve(tick.invocation, (tick.key, tick.nth), reservation)
    bounded = ledger.budget.tokens is not None or ledger.budget.usd is not None
    commands.append(PlaceCall(invocation, tick.key, tick.nth, afforded if bounded else None))


def _call_ended(state: State, tick: CallEnded) -> None:
    _of(state, tick.invocation).records.replies[tick.key, tick.nth] = tick
    state.ledger.settle(tick.invocation, (tick.key, tick.nth), tick.reply.usage, seconds=tick.seconds)


def _action_started(state: State, tick: ActionStarted) -> None:
    if not state.halted:  # else the loop does not let it begin
        _of(state, tick.invocation).records.started[tick.key, tick.nth] = tick


def _action_ended(state: State, tick: ActionEnded) -> None:
    records = _of(state, tick.invocation).records
    records.started.pop((tick.key, tick.nth), None)
    records.results[tick.key, tick.nth] = tick


def _run_ended(state: State, tick: RunEnded) -> None:
    state.status, state.error, state.success, state.workspace = tick.status, tick.error, tick.success, tick.workspace
    state.ledger.usage.seconds += tick.time - state.started
    state.halted = True


def _run_resumed(state: State, tick: RunResumed, commands: list[Command]) -> None:
    """Take up everything that the last process left: calls in flight settle at their bound, handlers start again."""
    if state.status == "running":  # the last process died: the clock ran until its last tick
        state.ledger.usage.seconds += max(0.0, state.last - state.started)
    state.status, state.halted, state.error, state.started = "running", False, None, tick.time
    state.ledger.settle_all()
    state.ledger.budget = tick.budget
    if state.dead_end is not None:
        halt(state, commands, state.dead_end)
        return
    for invocation in state.invocations.values():
        invocation.failures = 0
        if tick.fresh:
            _ask_anew(invocation)
        if invocation.phase == "failed":
            invocation.attempt += 1
        _go_on(state, invocation, commands)
    for lane in state.lanes:
        fill_lane(state, lane, commands)
    for answered in tick.answers:
        _answered(state, answered, commands)
    commands += [AwaitAnswer(pending) for pending in state.pending.values() if pending.until is not None]


def _go_on(state: State, invocation: Invocation, commands: list[Command]) -> None:
    match invocation.phase:
        case "running" | "failed":
            begin_attempt(state, invocation, commands)
        case "delayed":
            commands.append(Wait(invocation, 0.0))
        case "deciding":
            commands.append(EvaluateWhen(invocation))
        case "publishing":
            assert invocation.proposal is not None, "only what was proposed and approved is published later"
            commands.append(PublishApproved(invocation, invocation.proposal))
        case "queued" | "approving" | "suspended":
            pass  # the lanes and the answers start them
