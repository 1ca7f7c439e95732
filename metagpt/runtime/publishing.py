"""What a published message sets going: single handlers, joins, gathers, fan-outs. Pure: part of the reducer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from metagpt.graph import Handler
from metagpt.message import Envelope, tag_of
from metagpt.runtime.commands import Command, EvaluateWhen, StartHandler
from metagpt.runtime.endings import halt, run_dead
from metagpt.runtime.identity import derived_id
from metagpt.runtime.state import Branch, FanOut, Invocation, Kept, Lane, State
from metagpt.runtime.ticks import ErrorRecord

__all__ = [
    "begin_attempt",
    "fill_lane",
    "halt_for_steps",
    "message_in_hand",
    "open_fan_out",
    "publish",
    "release_lane",
    "settle_branch",
    "start_or_queue",
]

_NO_COUNTS: Mapping[str, int] = {}


def publish(state: State, envelope: Envelope, said_by: str | None, commands: list[Command]) -> None:
    """Hand an envelope to the handlers that it names, or make it an output, or halt the run.

    Args:
        state: The run.
        envelope: What was said.
        said_by: Key of the handler that said it; None for the user.
        commands: What follows is added here.
    """
    state.published += 1
    branch = state.branches[envelope.branch]
    taken = False
    for key in envelope.recipients:
        handler = state.wiring.handlers[key]
        if handler.spec.kind == "gather":
            _collect(state, handler, branch, envelope)
            taken = True
        elif not _is_exhausted(handler, envelope.counts):
            taken = True
            if handler.spec.kind == "one":
                _enqueue(state, _invocation(state, handler, (envelope,), branch), commands)
            else:
                _fill_join(state, handler, branch, envelope, commands)
    if not taken:
        _untaken(state, envelope, said_by, commands)


def _untaken(state: State, envelope: Envelope, said_by: str | None, commands: list[Command]) -> None:
    if state.wiring.route(type(envelope.message)).is_final:
        state.outputs.append(envelope)
        return
    tag = tag_of(type(envelope.message))
    owner = said_by or envelope.sender
    if envelope.recipients:
        kind = "LimitReachedError"
        text = (
            f"{', '.join(envelope.recipients)}: found {tag} from {owner!r} after the limit was used up; expected an end before."
            f" Raise limit=, or make {tag} final."
        )
    else:
        kind = "UnroutableError"
        text = (
            f"{owner}: found {tag}, which no handler took and which is not final; expected a hearer."
            " Widen a `when`, address another role, or make it final."
        )
    run_dead(state, commands, ErrorRecord(type=kind, text=text, role=envelope.sender, handler=said_by, message=tag))


def _is_exhausted(handler: Handler, counts: Mapping[str, int]) -> bool:
    return handler.spec.limit is not None and counts.get(handler.key, 0) >= handler.spec.limit


def _largest(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    largest: dict[str, int] = {}
    for each in counts:
        for key, count in each.items():
            if count > largest.get(key, 0):
                largest[key] = count
    return largest or _NO_COUNTS


def _counted(handler: Handler, counts: Mapping[str, int]) -> Mapping[str, int]:
    if handler.spec.limit is None:
        return counts
    return {**counts, handler.key: counts.get(handler.key, 0) + 1}


def _invocation(state: State, handler: Handler, heard: tuple[Envelope, ...], branch: Branch) -> Invocation:
    if len(heard) == 1:
        counts, now = heard[0].counts, heard[0].time
    else:
        counts, now = _largest(envelope.counts for envelope in heard), max(envelope.time for envelope in heard)
    identity = derived_id(state.run_id, handler.key, *[envelope.id for envelope in heard])
    return Invocation(identity, handler, heard, branch.id, _counted(handler, counts), now)


def _enqueue(state: State, invocation: Invocation, commands: list[Command]) -> None:
    """Count a new invocation and start it as soon as its lane has room."""
    state.invocations[invocation.id] = invocation
    state.branches[invocation.branch].active += 1
    state.live += 1
    if invocation.handler.spec.when is not None and invocation.handler.spec.kind != "one":
        invocation.phase = "deciding"
        commands.append(EvaluateWhen(invocation))
    else:
        start_or_queue(state, invocation, commands)


def start_or_queue(state: State, invocation: Invocation, commands: list[Command]) -> None:
    """Start the invocation, or let it wait its turn."""
    lane = state.lanes[state.wiring.lanes[invocation.handler.key]]
    if lane.running < lane.width and not lane.queue and not state.halted:
        _start(state, lane, invocation, commands)
    else:
        invocation.phase = "queued"
        lane.queue.append(invocation)


def fill_lane(state: State, lane: Lane, commands: list[Command]) -> None:
    """Start what waits in the lane, as far as it has room."""
    while lane.queue and lane.running < lane.width and not state.halted:
        _start(state, lane, lane.queue.popleft(), commands)


def _start(state: State, lane: Lane, invocation: Invocation, commands: list[Command]) -> None:
    if state.ledger.has_no_step_left:
        halt_for_steps(state, invocation, commands)
        invocation.phase = "queued"
        lane.queue.appendleft(invocation)
        return
    state.ledger.steps += 1
    lane.running += 1
    begin_attempt(state, invocation, commands)


def halt_for_steps(state: State, invocation: Invocation, commands: list[Command]) -> None:
    """The budget of steps is used up."""
    handler = invocation.handler
    text = (
        f"{handler.key}: found the budget of {state.ledger.budget.steps} steps used up; expected room for one more."
        " Raise Budget(steps=) and resume."
    )
    message = message_in_hand(invocation)
    halt(state, commands, ErrorRecord(type="BudgetExceededError", text=text, role=handler.role, handler=handler.key, message=message))


def message_in_hand(invocation: Invocation) -> str:
    """The tag of what the invocation heard, for errors."""
    return tag_of(type(invocation.heard[0].message)) if invocation.heard else "an empty gather"


def begin_attempt(state: State, invocation: Invocation, commands: list[Command]) -> None:
    """Start the handler; it sees its role as it was when its models were first asked."""
    if invocation.seen_memories is None:
        role = invocation.handler.role
        invocation.seen_memories = len(state.memories.get(role, ()))
        invocation.seen_state = state.role_state.get(role)
    invocation.phase = "running"
    commands.append(StartHandler(invocation))


def release_lane(state: State, handler: Handler, commands: list[Command]) -> None:
    """An invocation left its lane: let the next ones in."""
    lane = state.lanes[state.wiring.lanes[handler.key]]
    lane.running -= 1
    fill_lane(state, lane, commands)


def _slot_of(handler: Handler, envelope: Envelope) -> int:
    cls = type(envelope.message)
    return next(index for index, slot in enumerate(handler.spec.hears) if issubclass(cls, slot))


def _fill_join(state: State, handler: Handler, branch: Branch, envelope: Envelope, commands: list[Command]) -> None:
    slot = _slot_of(handler, envelope)
    if slot != handler.spec.keep:
        _queues(handler, branch)[slot].append(envelope)
        _count_lone(state, handler, envelope, 1)
        _pair(state, handler, branch, commands)
        return
    branch.kept = branch.kept or {}
    earlier = branch.kept.get(handler.key)
    if earlier is not None and not earlier.used:
        _count_lone(state, handler, earlier.envelope, -1)
    branch.kept[handler.key] = Kept(envelope)
    _count_lone(state, handler, envelope, 1)
    waiting = state.awaiting_kept.get(handler.key, {})
    for below in [each for each in waiting.values() if _kept_part(handler, each) is not None]:
        del waiting[below.id]
        _pair(state, handler, below, commands)
        settle_branch(state, below, commands)


def _queues(handler: Handler, branch: Branch) -> list[deque[Envelope]]:
    if branch.joins is None:
        branch.joins = {}
    return branch.joins.setdefault(handler.key, [deque() for _ in handler.spec.hears])


def _kept_part(handler: Handler, branch: Branch) -> Kept | None:
    while True:
        if branch.kept and handler.key in branch.kept:
            return branch.kept[handler.key]
        if branch.fan_out is None:
            return None
        branch = branch.fan_out.parent


def _pair(state: State, handler: Handler, branch: Branch, commands: list[Command]) -> None:
    """Pair waiting parts first in, first out, as long as every slot has one."""
    queues = _queues(handler, branch)
    keep = handler.spec.keep
    kept = None if keep is None else _kept_part(handler, branch)
    while all(queue for slot, queue in enumerate(queues) if slot != keep):
        if keep is not None and kept is None:
            _await_kept(state, handler, branch)
            return
        heard = tuple(kept.envelope if kept is not None and slot == keep else queue.popleft() for slot, queue in enumerate(queues))
        for slot, envelope in enumerate(heard):
            if slot != keep:
                _count_lone(state, handler, envelope, -1)
        if kept is not None and not kept.used:
            kept.used = True  # a kept part that met a partner is no half of anything any more
            _count_lone(state, handler, kept.envelope, -1)
        if _is_exhausted(handler, _largest(envelope.counts for envelope in heard)):
            _untaken(state, max(heard, key=lambda envelope: envelope.time), None, commands)
        else:
            _enqueue(state, _invocation(state, handler, heard, branch), commands)


def _await_kept(state: State, handler: Handler, branch: Branch) -> None:
    """Hold the branch open: what it waits for may still be said above it."""
    waiting = state.awaiting_kept.setdefault(handler.key, {})
    if branch.id not in waiting:
        waiting[branch.id] = branch
        branch.active += 1


def _count_lone(state: State, handler: Handler, envelope: Envelope, change: int) -> None:
    parts = state.lone_parts.setdefault(handler.key, {})
    tag = tag_of(type(envelope.message))
    parts[tag] = parts.get(tag, 0) + change
    if not parts[tag]:
        del parts[tag]
    if not parts:
        del state.lone_parts[handler.key]


def open_fan_out(
    state: State, invocation: Invocation, count: int, outputs: tuple[Envelope, ...], now: float, commands: list[Command]
) -> None:
    """Open a branch per item and publish the items; fire the gathers at once if nothing is left to wait for."""
    parent = state.branches[invocation.branch]
    fan_out = FanOut(invocation.id, invocation.handler.key, parent, count, invocation.counts, now, branches=count)
    parent.active += 1
    branches = [Branch(f"{invocation.id}/{index}", fan_out, index) for index in range(count)]
    for branch in branches:
        state.branches[branch.id] = branch
        branch.active = 1  # held open until all items are published
    for envelope in outputs:
        publish(state, envelope, invocation.handler.key, commands)
    for branch in branches:
        settle_branch(state, branch, commands)
    if count == 0:
        _fire_gathers(state, fan_out, commands)
        settle_branch(state, parent, commands)


def settle_branch(state: State, branch: Branch, commands: list[Command]) -> None:
    """One active thing of the branch ended; when it was the last of the last branch, the gathers fire."""
    branch.active -= 1
    while not branch.active and branch.fan_out is not None:
        fan_out = branch.fan_out
        fan_out.unsettled -= 1
        if fan_out.unsettled:
            return
        _fire_gathers(state, fan_out, commands)
        branch = fan_out.parent
        branch.active -= 1


def _collect(state: State, handler: Handler, branch: Branch, envelope: Envelope) -> None:
    fan_out = branch.fan_out
    assert fan_out is not None, "the environment names a gather only inside a fan-out"
    fan_out.collected.setdefault(handler.key, []).append((branch.index, state.published, envelope))


def _fire_gathers(state: State, fan_out: FanOut, commands: list[Command]) -> None:
    """Start each gather of a completed fan-out in its parent branch, once, and forget its branches."""
    for handler in state.wiring.gathers.get(fan_out.handler, ()):
        collected = sorted(fan_out.collected.get(handler.key, ()), key=lambda item: item[:2])
        _gather(state, handler, fan_out, [envelope for _, _, envelope in collected], commands)
    for index in range(fan_out.branches):
        state.branches.pop(f"{fan_out.id}/{index}", None)


def _gather(state: State, handler: Handler, fan_out: FanOut, heard: Sequence[Envelope], commands: list[Command]) -> None:
    counts = _largest([fan_out.counts, *(envelope.counts for envelope in heard)])
    if _is_exhausted(handler, counts):
        text = (
            f"{handler.key}: found a completed fan-out of {fan_out.handler} after the limit was used up; expected an end before."
            " Raise limit=."
        )
        message = tag_of(type(heard[0].message)) if heard else "an empty gather"
        run_dead(state, commands, ErrorRecord(type="LimitReachedError", text=text, role=handler.role, handler=handler.key, message=message))
        return
    invocation = Invocation(
        derived_id(state.run_id, handler.key, fan_out.id),
        handler,
        tuple(heard),
        fan_out.parent.id,
        _counted(handler, counts),
        max((envelope.time for envelope in heard), default=fan_out.now),
    )
    _enqueue(state, invocation, commands)
