"""A run that is cut at each write of its journal in turn, before and after it, and resumed, is the run that was not cut."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from metagpt import Goal, InMemoryJournal, Role, Run, SqliteJournal, Team, on
from metagpt.errors import HandlerFailedError, ServerError
from metagpt.journal.interface import Journal
from metagpt.models.interface import ModelRequest
from metagpt.runtime.ticks import CallEnded, CallRequested, RunResumed
from metagpt.testing import Crash, FakeClock, FunctionModel, crash_at, forbid_mutation
from tests.runtime.messages import Final, Item, content
from tests.runtime.whole_team import answer, whole_team


async def uncut(tmp_path: Path) -> tuple[Run[Any], int, int]:
    """The run, how often its journal was written to, and how often its model was asked."""
    journal, model = crash_at(0, InMemoryJournal()), FunctionModel(answer)
    run = await whole_team(model=model, journal=journal, workspace=tmp_path, clock=FakeClock()).run("go", run_id="r")
    return run, journal.appends, len(model.requests)


def ticks(journal: Journal) -> list[Any]:
    log = journal.open("r", whole_team()._codec)
    try:
        return log.read()
    finally:
        log.close()


def check_that_nothing_was_bought_twice(journal: Journal, asked: int) -> None:
    """Every recorded reply answers the only question of its kind after it was recorded; only calls in flight may be asked again."""
    found = ticks(journal)
    replies = Counter((tick.invocation, tick.key, tick.nth) for tick in found if isinstance(tick, CallEnded))
    assert set(replies.values()) == {1}
    requested = [tick for tick in found if isinstance(tick, CallRequested)]
    answered: set[tuple[str, str, int]] = set()
    for tick in found:
        if isinstance(tick, CallRequested):
            assert (tick.invocation, tick.key, tick.nth) not in answered
        elif isinstance(tick, CallEnded):
            answered.add((tick.invocation, tick.key, tick.nth))
    resumptions = sum(isinstance(tick, RunResumed) for tick in found)
    assert asked <= len(requested) + resumptions * 4  # what was asked for and cut before it was journaled was never sent


async def test_the_run_does_all_that_a_run_can_do(tmp_path: Path) -> None:
    run, appends, asked = await uncut(tmp_path)
    kinds = Counter(type(tick).__name__ for tick in run._read())
    assert run.status == "done"
    assert appends > 30
    assert asked > 12
    assert {"CallRequested", "CallEnded", "ActionStarted", "ActionEnded", "HandlerEnded", "RunEnded"} <= set(kinds)
    branches = {envelope.branch.count("/") for envelope in run.envelopes}
    assert branches == {0, 1}
    assert len({envelope.branch for envelope in run.envelopes}) > 5


@pytest.mark.parametrize("after_writing", [False, True])
async def test_a_run_that_is_cut_at_any_write_and_resumed_equals_the_uncut_one(tmp_path: Path, after_writing: bool) -> None:
    whole, appends, _ = await uncut(tmp_path)
    for at in range(1, appends + 1):
        journal, model = InMemoryJournal(), FunctionModel(answer)
        cutting = crash_at(at, journal, after_writing=after_writing)
        with pytest.raises(Crash):
            await whole_team(model=model, journal=cutting, workspace=tmp_path, clock=FakeClock()).run("go", run_id="r")
        if at == 1 and not after_writing:
            continue  # there is no run yet
        run = await whole_team(model=model, journal=journal, workspace=tmp_path, clock=FakeClock()).resume("r")
        assert content(run) == content(whole), at
        assert run.output == whole.output
        assert run._state.role_state == whole._state.role_state
        assert {role: sorted(texts) for role, texts in run._state.memories.items()} == {
            role: sorted(texts) for role, texts in whole._state.memories.items()
        }
        check_that_nothing_was_bought_twice(journal, len(model.requests))


class Chain(Role):
    @on(Goal)
    async def start(self, goal: Goal) -> Item:
        return Item(n=0)

    @on(Item, limit=6)
    async def step(self, item: Item) -> tuple[Item | Final, Final]:
        text = await self.ask(str, "step {{ n }}", n=item.n)
        return (Item(n=item.n + 1) if item.n < 5 else Final(text="end")), Final(text=text)


async def test_with_one_thing_at_a_time_the_resumed_run_is_equal_in_order_too(tmp_path: Path) -> None:
    def team(journal: Journal) -> Team[Goal, Final]:
        return Team([Chain()], final=Final, journal=journal, model=FunctionModel(answer), clock=FakeClock())

    whole = await team(InMemoryJournal()).run("go", run_id="r")
    for at in range(2, 20):
        journal = InMemoryJournal()
        with pytest.raises(Crash):
            await team(crash_at(at, journal)).run("go", run_id="r")
        run = await team(journal).resume("r")
        assert run.messages == whole.messages
        assert [envelope.id for envelope in run.envelopes] == [envelope.id for envelope in whole.envelopes]


@pytest.mark.parametrize("step", [7, 11])
async def test_a_run_that_is_cut_again_and_again_still_arrives(tmp_path: Path, step: int) -> None:
    whole, _, bought = await uncut(tmp_path)
    journal, model = InMemoryJournal(), FunctionModel(answer)
    with pytest.raises(Crash):
        await whole_team(model=model, journal=crash_at(step, journal), workspace=tmp_path, clock=FakeClock()).run("go", run_id="r")
    cuts = 1
    while True:
        cutting = crash_at(step, journal)
        try:
            run = await whole_team(model=model, journal=cutting, workspace=tmp_path, clock=FakeClock()).resume("r")
            break
        except Crash:
            cuts += 1
    assert cuts > 3
    assert content(run) == content(whole)
    check_that_nothing_was_bought_twice(journal, len(model.requests))
    assert len(model.requests) <= bought + 4 * cuts


async def test_the_same_holds_for_a_file(tmp_path: Path) -> None:
    whole, appends, _ = await uncut(tmp_path)
    for at in range(2, appends, 9):
        path = tmp_path / f"{at}.db"
        with pytest.raises(Crash):
            cutting = crash_at(at, SqliteJournal(path), after_writing=at % 2 == 0)
            await whole_team(model=FunctionModel(answer), journal=cutting, workspace=tmp_path).run("go", run_id="r")
        run = await whole_team(model=FunctionModel(answer), journal=SqliteJournal(path), workspace=tmp_path).resume("r")
        assert content(run) == content(whole)


def failing(problem: Exception, *, at: Callable[[int], bool]) -> FunctionModel:
    """The model, but for the calls that fail."""
    calls = itertools.count(1)

    def answer_or_fail(request: ModelRequest) -> str:
        if at(next(calls)):
            raise problem
        return answer(request)

    return FunctionModel(answer_or_fail)


@pytest.mark.parametrize("every", range(2, 12))
async def test_a_model_that_fails_now_and_then_does_not_change_the_run(tmp_path: Path, every: int) -> None:
    whole, _, _ = await uncut(tmp_path)
    model = failing(ServerError("down"), at=lambda call: call % every == 0)
    run = await whole_team(model=model, workspace=tmp_path, clock=FakeClock()).run("go", run_id="r")
    assert content(run) == content(whole)


async def test_a_run_that_failed_at_any_call_and_is_resumed_ends_as_the_uncut_one(tmp_path: Path) -> None:
    whole, _, asked = await uncut(tmp_path)
    for number in range(1, asked + 1):
        model = failing(ZeroDivisionError(), at=number.__eq__)
        team = whole_team(model=model, journal=InMemoryJournal(), workspace=tmp_path, clock=FakeClock())
        try:
            run = await team.run("go", run_id="r")
        except HandlerFailedError:
            run = await team.resume("r")
        assert content(run) == content(whole)


async def test_no_message_is_ever_changed(tmp_path: Path) -> None:
    with forbid_mutation() as journal:
        await whole_team(model=FunctionModel(answer), journal=journal, workspace=tmp_path).run("go")
