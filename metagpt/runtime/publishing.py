"""What a published message sets going: single handlers, joins, gathers, fan-outs. Pure: part of the reducer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping

from metagpt.graph import Handler
from metagpt.message import Envelope, tag_of
from metagpt.runtime.commands import Command, EvaluateWhen, StartHandler
from metagpt.runtime.endings import halt
from metagpt.runtime.identity import derived_id
from metagpt.runtime.state import Branch, FanOut, Invocation, State

__all__ = ["enqueue", "fire_gathers", "open_fan_out", "publish", "release_lane", "settle_branch"]

_NO_COUNTS: Mapping[str, int] = {}


def publish(state: State, envelope: Envelope, commands: list[Command]) -> None:
    """Hand an envelope to the handlers that it names, or make it an output, or halt the run."""
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
                enqueue(state, _invocation(state, handler, (envelope,), branch), commands)
            else:
                _fill_join(state, handler, branch, envelope, commands)
    if not taken:
        _untaken(state, envelope, commands)


def _untaken(state: State, envelope: Envelope, commands: list[Command]) -> None:
    if state.wiring.route(type(envelope.message)).is_final:
        state.outputs.append(envelope)
        return
    tag = tag_of(type(envelope.message))
    if envelope.recipients:
        keys = ", ".join(envelope.recipients)
        halt(
            state,
            commands,
            "LimitReachedError",
            f"{keys}: found {tag} from {envelope.sender!r} after the limit was used up; expected an end before. Raise limit=, or make {tag} final.",
            role=envelope.sender,
            message=tag,
        )
    else:
        halt(
            state,
            commands,
            "UnroutableError",
            f"{envelope.sender}: found {tag}, which no handler took and which is not final; expected a hearer."
            " Widen a `when`, address another role, or make it final.",
            role=envelope.sender,
            message=tag,
        )


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
    counts = heard[0].counts if len(heard) == 1 else _largest(envelope.counts for envelope in heard)
    return Invocation(
        derived_id(state.run_id, handler.key, *(envelope.id for envelope in heard)),
        handler,
        heard,
        branch.id,
        _counted(handler, counts),
        max(envelope.time for envelope in heard) if len(heard) > 1 else heard[0].time,
    )


def enqueue(state: State, invocation: Invocation, commands: list[Command]) -> None:
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
    if lane.running < lane.width:
        _start(state, invocation, commands)
    else:
        invocation.phase = "queued"
        lane.queue.append(invocation)


def _start(state: State, invocation: Invocation, commands: list[Command]) -> None:
    budget = state.ledger.budget.steps
    if budget is not None and state.ledger.steps >= budget:
        halt(
            state,
            commands,
            "BudgetExceededError",
            f"{invocation.handler.key}: found the budget of {budget} steps used up; expected room for one more. Raise Budget(steps=).",
            role=invocation.handler.role,
            handler=invocation.handler.key,
        )
        invocation.phase = "queued"
        state.lanes[state.wiring.lanes[invocation.handler.key]].queue.appendleft(invocation)
        return
    state.ledger.steps += 1
    state.lanes[state.wiring.lanes[invocation.handler.key]].running += 1
    invocation.phase = "running"
    commands.append(StartHandler(invocation))


def release_lane(state: State, handler: Handler, commands: list[Command]) -> None:
    """An invocation left its lane: let the next ones in."""
    lane = state.lanes[state.wiring.lanes[handler.key]]
    lane.running -= 1
    while lane.queue and lane.running < lane.width and not state.halted:
        _start(state, lane.queue.popleft(), commands)


def _slot_of(handler: Handler, envelope: Envelope) -> int:
    cls = type(envelope.message)
    return next(index for index, slot in enumerate(handler.spec.hears) if issubclass(cls, slot))


def _fill_join(state: State, handler: Handler, branch: Branch, envelope: Envelope, commands: list[Command]) -> None:
    slot = _slot_of(handler, envelope)
    if slot == handler.spec.keep:
        branch.kept = branch.kept or {}
        earlier = branch.kept.get(handler.key)
        if earlier is None or (handler.key, earlier.id) in state.used_kept:
            state.lone_parts[handler.key] = state.lone_parts.get(handler.key, 0) + 1
        branch.kept[handler.key] = envelope
        for below in [b for b in state.branches.values() if b.joins and handler.key in b.joins and _is_within(b, branch)]:
            _pair(state, handler, below, commands)
        return
    _queues(handler, branch)[slot].append(envelope)
    state.lone_parts[handler.key] = state.lone_parts.get(handler.key, 0) + 1
    _pair(state, handler, branch, commands)


def _queues(handler: Handler, branch: Branch) -> list[deque[Envelope]]:
    if branch.joins is None:
        branch.joins = {}
    return branch.joins.setdefault(handler.key, [deque() for _ in handler.spec.hears])


def _is_within(branch: Branch, outer: Branch) -> bool:
    return branch is outer or (branch.fan_out is not None and _is_within(branch.fan_out.parent, outer))


def _kept_part(handler: Handler, branch: Branch) -> Envelope | None:
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
    if keep is not None and kept is None:
        return
    while all(queue for slot, queue in enumerate(queues) if slot != keep):
        heard = tuple(kept if kept is not None and slot == keep else queue.popleft() for slot, queue in enumerate(queues))
        _unlone(state, handler, len(queues) - (keep is not None))
        if kept is not None:
            _used(state, handler, kept)
        invocation = _invocation(state, handler, heard, branch)
        if _is_exhausted(handler, _largest(envelope.counts for envelope in heard)):
            _untaken(state, max(heard, key=lambda envelope: envelope.time), commands)
        else:
            enqueue(state, invocation, commands)


def _unlone(state: State, handler: Handler, parts: int) -> None:
    left = state.lone_parts.get(handler.key, 0) - parts
    if left > 0:
        state.lone_parts[handler.key] = left
    else:
        state.lone_parts.pop(handler.key, None)


def _used(state: State, handler: Handler, kept: Envelope) -> None:
    """A kept part that met a partner is no half of anything any more."""
    mark = (handler.key, kept.id)
    if mark not in state.used_kept:
        state.used_kept.add(mark)
        _unlone(state, handler, 1)


def open_fan_out(
    state: State, invocation: Invocation, count: int, outputs: tuple[Envelope, ...], now: float, commands: list[Command]
) -> None:
    """Open a branch per item and publish the items; fire the gathers at once if nothing is left to wait for."""
    parent = state.branches[invocation.branch]
    fan_out = FanOut(invocation.id, invocation.handler.key, parent, count, invocation.counts, invocation.heard[0], now, branches=count)
    parent.active += 1
    branches = [Branch(f"{invocation.id}/{index}", fan_out, index) for index in range(count)]
    for branch in branches:
        state.branches[branch.id] = branch
        branch.active = 1  # held open until all items are published
    for envelope in outputs:
        publish(state, envelope, commands)
    for branch in branches:
        settle_branch(state, branch, commands)
    if count == 0:
        fire_gathers(state, fan_out, commands)


def settle_branch(state: State, branch: Branch, commands: list[Command]) -> None:
    """One active thing of the branch ended; when it was the last of the last branch, the gathers fire."""
    branch.active -= 1
    fan_out = branch.fan_out
    if branch.active or fan_out is None:
        return
    fan_out.unsettled -= 1
    if fan_out.unsettled == 0:
        fire_gathers(state, fan_out, commands)


def _collect(state: State, handler: Handler, branch: Branch, envelope: Envelope) -> None:
    fan_out = branch.fan_out
    assert fan_out is not None, "the environment names a gather only inside a fan-out"
    fan_out.collected.setdefault(handler.key, []).append((branch.index, state.published, envelope))


def fire_gathers(state: State, fan_out: FanOut, commands: list[Command]) -> None:
    """Start each gather of a completed fan-out in its parent branch, once, and forget its branches."""
    for handler in state.wiring.gathers.get(fan_out.handler, ()):
        heard = tuple(envelope for _, _, envelope in sorted(fan_out.collected.get(handler.key, ()), key=lambda item: item[:2]))
        counts = _largest([fan_out.counts, *(envelope.counts for envelope in heard)])
        if _is_exhausted(handler, counts):
            halt(
                state,
                commands,
                "LimitReachedError",
                f"{handler.key}: found a completed fan-out of {fan_out.handler} after its limit was used up; expected an end before. Raise limit=.",
                role=handler.role,
                handler=handler.key,
            )
            return
        invocation = Invocation(
            derived_id(state.run_id, handler.key, fan_out.id),
            handler,
            heard,
            fan_out.parent.id,
            _counted(handler, counts),
            max((envelope.time for envelope in heard), default=fan_out.now),
        )
        enqueue(state, invocation, commands)
    for index in range(fan_out.branches):
        state.branches.pop(f"{fan_out.id}/{index}", None)
    settle_branch(state, fan_out.parent, commands)
