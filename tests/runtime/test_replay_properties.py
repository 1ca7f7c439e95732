"""Properties of every run, tried on random teams that are cut at random points."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass
from types import GenericAlias
from typing import Any, cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metagpt import Goal, InMemoryJournal, Message, Role, Run, Team, on
from metagpt.errors import DeadlockError, NoOutputError, TeamError
from metagpt.journal.interface import Journal
from metagpt.runtime.budget import Budget
from metagpt.runtime.identity import derived_id
from metagpt.runtime.reducer import decide
from metagpt.runtime.state import State
from metagpt.runtime.ticks import HandlerEnded, RunStarted, Tick
from metagpt.testing import Crash, FakeClock, FunctionModel, crash_at
from tests.runtime.messages import content
from tests.runtime.whole_team import answer


class M1(Message):
    n: int


class M2(Message):
    n: int


class M3(Message):
    n: int


class M4(Message):
    n: int


class M5(Message):
    n: int


TYPES: tuple[type[Message], ...] = (Goal, M1, M2, M3, M4, M5)
Everything = M1 | M2 | M3 | M4 | M5


@dataclass(frozen=True)
class Plan:
    """One handler of a random team: one role each."""

    kind: str
    hears: tuple[int, ...]
    says: int
    """The type that is said; larger than all that are heard, so that there is no cycle."""
    items: int | None
    """Length of the list that is returned; None: a single message."""
    asks: int
    concurrency: int | None
    yields: int
    """How often the others get a turn in between."""
    remembers: bool


@st.composite
def teams(draw: st.DrawFn) -> list[Plan]:
    """Handlers that each hear what earlier ones say."""
    chosen: list[Plan] = []
    said, fanned = {0}, set[int]()
    for _ in range(draw(st.integers(2, 7))):
        kinds = ["one", "one", *(["join", "keep"] if len(said - {5}) > 1 else []), *(["gather", "gather"] if fanned - {5} else [])]
        kind = draw(st.sampled_from(kinds))
        sources = sorted((fanned if kind == "gather" else said) - {5})
        count = 2 if kind in ("join", "keep") else 1
        hears = tuple(draw(st.lists(st.sampled_from(sources), min_size=count, max_size=count, unique=True)))
        plan = Plan(
            kind=kind,
            hears=hears,
            says=draw(st.integers(max(hears) + 1, min(5, max(hears) + 2))),
            items=draw(st.sampled_from([None, None, None, 0, 1, 2, 3])),
            asks=draw(st.integers(0, 2)),
            concurrency=draw(st.sampled_from([None, 1, 2])),
            yields=draw(st.integers(0, 5)),
            remembers=draw(st.booleans()),
        )
        chosen.append(plan)
        said.add(plan.says)
        if plan.items is not None or (kind != "gather" and fanned & set(hears)):
            fanned.add(plan.says)
    return chosen


starts: Counter[str] = Counter()


def made(number: int, plan: Plan) -> Role:
    """The role of one handler, named by its number."""

    async def answered(role: Any, *heard: Any) -> Any:
        starts[role._attempt.invocation.id] += 1
        total = sum(each.n if hasattr(each, "n") else len(each) if isinstance(each, list) else 1 for each in heard)
        for ask in range(plan.asks):
            total += len(await role.ask(str, "{{ total }} {{ ask }}", total=total, ask=ask))
        for _ in range(plan.yields):
            await asyncio.sleep(0)
        if plan.remembers:
            await role.memory.remember(f"{number} {total}")
        says: Any = TYPES[plan.says]
        return says(n=total) if plan.items is None else [says(n=total + item) for item in range(plan.items)]

    async def hear_one(self: Any, first: Any) -> Any:
        return await answered(self, first)

    async def hear_two(self: Any, first: Any, second: Any) -> Any:
        return await answered(self, first, second)

    types: list[Any] = [TYPES[index] for index in plan.hears]
    heard: list[Any] = [GenericAlias(list, each) if plan.kind == "gather" else each for each in types]
    said: Any = TYPES[plan.says]
    method = hear_one if len(heard) == 1 else hear_two
    method.__annotations__ = {**dict(zip(("first", "second"), heard, strict=False)), "return": said if plan.items is None else list[said]}
    subscribe: Any = on
    keep = {"keep": TYPES[plan.hears[0]]} if plan.kind == "keep" else {}
    handle = subscribe(*heard, concurrency=plan.concurrency, **keep)(method)
    cls: Any = type(f"Role{number}", (Role,), {"handle": handle, "__module__": __name__})
    role: Role = cls(f"role{number}")
    return role


def team_of(chosen: list[Plan], journal: Journal | None = None) -> Team[Goal, Message] | None:
    """The team of those handlers that have a place in one."""
    numbered = dict(enumerate(chosen))
    while numbered:
        try:
            return Team(
                [made(number, plan) for number, plan in numbered.items()],
                final=Everything,
                journal=journal or InMemoryJournal(),
                model=FunctionModel(answer),
                clock=FakeClock(),
            )
        except TeamError as error:
            wrong = {int(number) for number in re.findall(r"role(\d+)\.handle:", str(error))}
            final_only = [finding for finding in error.findings if finding.startswith("final")]
            if final_only and not wrong:
                return _with_fewer_finals(numbered, journal)
            numbered = {number: plan for number, plan in numbered.items() if number not in wrong}
            if not wrong:
                raise
    return None


def _with_fewer_finals(numbered: dict[int, Plan], journal: Journal | None) -> Team[Goal, Message]:
    said = {plan.says for plan in numbered.values()}
    final: Any = None
    for index in sorted(said):
        final = TYPES[index] if final is None else final | TYPES[index]
    return Team(
        [made(number, plan) for number, plan in numbered.items()],
        final=final,
        journal=journal or InMemoryJournal(),
        model=FunctionModel(answer),
        clock=FakeClock(),
    )


async def finished(team: Team[Any, Any], *, resume: bool = False) -> Run[Any]:
    """The run, whether it succeeded or not."""
    try:
        return await asyncio.wait_for(team.resume("r") if resume else team.run("go", run_id="r"), 20)
    except (DeadlockError, NoOutputError) as error:
        return cast("Run[Any]", error.run)


def ticks_of(team: Team[Any, Any]) -> list[Tick]:
    log = team.journal.open("r", team._codec)
    log.close()
    return log.read()


def snapshot(state: State) -> dict[str, Any]:
    """All that a state says, without identities."""
    return {
        "status": state.status,
        "live": state.live,
        "halted": state.halted,
        "outputs": [envelope.id for envelope in state.outputs],
        "role_state": state.role_state,
        "memories": state.memories,
        "published": state.published,
        "lone_parts": state.lone_parts,
        "usage": asdict(state.ledger.usage),
        "reserved": (state.ledger.reserved_calls, state.ledger.reserved_tokens, state.ledger.open),
        "steps": state.ledger.steps,
        "lanes": [(lane.running, [invocation.id for invocation in lane.queue]) for lane in state.lanes],
        "branches": {branch.id: branch.active for branch in state.branches.values()},
        "invocations": {
            i.id: (i.handler.key, [e.id for e in i.heard], i.phase, i.attempt, i.seen_memories, sorted(i.kept.replies if i.kept else {}))
            for i in state.invocations.values()
        },
    }


def folded(team: Team[Any, Any], ticks: list[Tick]) -> State:
    state = State.new(team._wiring, "r", Budget())
    for tick in ticks:
        decide(state, tick)
    return state


RANDOM_TEAMS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


@RANDOM_TEAMS
@given(teams())
def test_every_handler_is_started_once_for_each_message_and_every_gather_fires_once(chosen: list[Plan]) -> None:
    team = team_of(chosen)
    if team is None:
        return
    starts.clear()
    asyncio.run(finished(team))
    ticks = ticks_of(team)
    ended = Counter(tick.invocation for tick in ticks if isinstance(tick, HandlerEnded))
    assert set(ended.values()) <= {1}
    assert starts == ended
    for tick in ticks:
        if isinstance(tick, RunStarted):
            published = [tick.goal]
        elif isinstance(tick, HandlerEnded):
            published = list(tick.outputs)
        else:
            continue
        for envelope in published:
            for key in envelope.recipients:
                if team._wiring.handlers[key].spec.kind == "one":
                    assert ended[derived_id("r", key, envelope.id)] == 1


@RANDOM_TEAMS
@given(teams())
def test_every_completed_fan_out_fires_its_gathers_exactly_once(chosen: list[Plan]) -> None:
    team = team_of(chosen)
    if team is None:
        return
    run = asyncio.run(finished(team))
    handler_of = _handlers_of(team)
    ended = Counter(tick.invocation for tick in ticks_of(team) if isinstance(tick, HandlerEnded))
    for tick in ticks_of(team):
        if isinstance(tick, HandlerEnded) and tick.fan_out is not None:
            held = any(branch.startswith(f"{tick.invocation}/") for branch in run._state.branches)
            for gather in team._wiring.gathers.get(handler_of[tick.invocation], ()):
                assert ended[derived_id("r", gather.key, tick.invocation)] == (0 if held else 1)
    if run.status == "done" and not run._state.lone_parts:
        assert set(run._state.branches) == {""}
    assert all(lane.running == 0 and not lane.queue for lane in run._state.lanes)
    assert (run._state.live, run._state.invocations) == (0, {})


def _handlers_of(team: Team[Any, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    state = State.new(team._wiring, "r", Budget())
    for tick in ticks_of(team):
        decide(state, tick)
        found.update({i.id: i.handler.key for i in state.invocations.values()})
    return found


@RANDOM_TEAMS
@given(teams(), st.data())
def test_a_run_that_is_cut_anywhere_and_resumed_equals_the_uncut_one(chosen: list[Plan], data: st.DataObject) -> None:
    counting = crash_at(0, InMemoryJournal())
    team = team_of(chosen, counting)
    if team is None:
        return
    whole = asyncio.run(finished(team))
    journal = InMemoryJournal()
    at = data.draw(st.integers(2, max(2, counting.appends)))
    cutting = crash_at(at, journal, after_writing=data.draw(st.booleans()))
    cut = team_of(chosen, cutting)
    assert cut is not None
    with suppress(Crash):
        asyncio.run(finished(cut))
    again = team_of(chosen, journal)
    assert again is not None
    run = asyncio.run(finished(again, resume=True))
    assert content(run) == content(whole)
    assert (run.status, type(run.error)) == (whole.status, type(whole.error)) or run.error is None
    assert {k: sorted(v) for k, v in run._state.memories.items()} == {k: sorted(v) for k, v in whole._state.memories.items()}


@RANDOM_TEAMS
@given(teams(), st.data())
def test_replaying_any_prefix_and_then_the_rest_gives_the_same_state(chosen: list[Plan], data: st.DataObject) -> None:
    team = team_of(chosen)
    if team is None:
        return
    run = asyncio.run(finished(team))
    ticks = ticks_of(team)
    decoded = [team._codec.decode(*team._codec.encode(tick)) for tick in ticks]
    assert decoded == ticks
    at = data.draw(st.integers(0, len(ticks)))
    state = folded(team, decoded[:at])
    assert snapshot(state) == snapshot(folded(team, ticks[:at]))
    for tick in decoded[at:]:
        decide(state, tick)
    assert snapshot(state) == snapshot(run._state)
