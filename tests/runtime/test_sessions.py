"""What belongs to a session, to a run and to nobody: memory, role state, time, chance, the application's own things."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from metagpt import Goal, InMemoryJournal, Role, SqliteJournal, Team, on
from metagpt.journal.interface import Journal
from metagpt.models.interface import ModelRequest
from metagpt.testing import Crash, FakeClock, FunctionModel, crash_at
from tests.runtime.messages import Draft, Final, Item


@pytest.fixture(params=["memory", "sqlite"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Journal:
    return InMemoryJournal() if request.param == "memory" else SqliteJournal(tmp_path / "j.db")


class Diarist(Role):
    """Remembers every goal, and asks with what it remembers."""

    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        answer = await self.ask(str, "write {{ text }}", text=goal.text)
        await self.memory.remember(f"{goal.text}: {answer}")
        return Draft(text=answer)

    @on(Draft)
    async def finish(self, draft: Draft) -> Final:
        await self.ask(str, "finish")
        return Final(text=" | ".join(await self.memory.recall("one two three", 9)))


def remembered(request: ModelRequest) -> str:
    return str(sum("You remember" in turn.text for turn in request.chat))


def diary(journal: Any, **keywords: Any) -> tuple[Team[Goal, Final], FunctionModel]:
    model = FunctionModel(remembered)
    return Team([Diarist()], final=Final, journal=journal, model=model, **keywords), model


async def test_memory_belongs_to_role_and_session_across_runs(journal: Journal) -> None:
    team, _ = diary(journal)
    await team.run("one", session="monday")
    run = await team.run("two", session="monday")
    assert run.output == Final(text="two: 1 | one: 0")
    assert (await team.run("three", session="tuesday")).output == Final(text="three: 0")
    assert len(journal.memories("diarist", "monday")) == 2


async def test_without_a_session_memory_ends_with_the_run(journal: Journal) -> None:
    team, _ = diary(journal)
    await team.run("one")
    assert (await team.run("two")).output == Final(text="two: 0")


async def test_what_a_session_remembers_meanwhile_does_not_change_a_run_that_is_resumed(journal: Journal) -> None:
    """Else the chats would differ, and everything recorded would be bought again."""
    team, _ = diary(journal)
    await team.run("one", session="monday")
    for at in range(2, 9):
        run_id = f"cut-{at}"
        cut, model = diary(crash_at(at, journal))
        with pytest.raises(Crash):
            await cut.run("two", session="monday", run_id=run_id)
        past = sum(record.kind == "CallEnded" for record in journal.records(run_id))
        await team.run("three", session="monday")  # another run of the session comes between
        again, fresh = diary(journal)
        run = await again.resume(run_id)
        assert len(fresh.requests) == 2 - past
        assert run.output.text.count("two:") >= 1


async def test_a_resumed_run_does_not_remember_its_own_things_twice(journal: Journal) -> None:
    cut, _ = diary(crash_at(5, journal))  # 1 start, 2 and 3 the call, 4 the outcome with its memory
    with pytest.raises(Crash):
        await cut.run("one", session="monday", run_id="r")
    team, _ = diary(journal)
    assert (await team.resume("r")).output == Final(text="one: 0")
    assert len(journal.memories("diarist", "monday")) == 1


async def test_what_a_failed_attempt_remembered_is_forgotten(journal: Journal) -> None:
    class Forgetful(Role):
        @on(Goal, retry=1)
        async def write(self, goal: Goal) -> Final:
            known = await self.memory.recall("thing", 9)
            await self.memory.remember("a thing")
            if await self.ask(str, "again?") == "yes":
                raise ValueError("again")
            return Final(text=str(len(known)))

    answers = iter(["yes", "no"])
    team = Team([Forgetful()], final=Final, journal=journal, model=FunctionModel(lambda request: next(answers)))
    assert (await team.run("go", session="s")).output == Final(text="0")
    assert len(journal.memories("forgetful", "s")) == 1


async def test_two_runs_of_a_session_at_once_each_know_what_was_known_when_they_began(journal: Journal) -> None:
    team, _ = diary(journal)
    await team.run("one", session="s")
    runs = await asyncio.gather(team.run("two", session="s"), team.run("three", session="s"))
    assert [run.output.text for run in runs] == ["two: 1 | one: 0", "three: 1 | one: 0"]
    assert len(journal.memories("diarist", "s")) == 3


# state


class Stateful(Role):
    count: int = 0
    words: list[str] = []

    @on(Goal)
    async def start(self, goal: Goal) -> Item:
        self.count = 1
        self.words.append("start")
        return Item(n=0)

    @on(Item, limit=4)
    async def step(self, item: Item) -> Item | Final:
        self.count += 1
        self.words.append(await self.ask(str, "step {{ n }}", n=item.n))
        return Item(n=item.n + 1) if item.n < 3 else Final(text=f"{self.count} {self.words}")


@pytest.mark.parametrize("at", range(2, 16))
async def test_role_state_is_recorded_with_the_outcome_and_restored(at: int) -> None:
    journal = InMemoryJournal()
    model = FunctionModel(lambda request: request.chat[-1].text[-1])
    with pytest.raises(Crash):
        await Team([Stateful()], final=Final, model=model, journal=crash_at(at, journal)).run("go", run_id="r")
    run = await Team([Stateful()], final=Final, model=model, journal=journal).resume("r")
    assert run.output == Final(text="5 ['start', '0', '1', '2', '3']")


async def test_deps_are_what_the_application_gave_this_run_and_never_journaled(tmp_path: Path) -> None:
    class Lender(Role[dict[str, str]]):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=str(len(self.deps["token"])))

    team = Team([Lender()], final=Final, journal=SqliteJournal(tmp_path / "j.db"))
    run = await team.run("go", deps={"token": "not-for-the-journal"})
    assert run.output == Final(text="19")
    assert b"not-for-the-journal" not in b"".join(path.read_bytes() for path in tmp_path.glob("j.db*") if path.is_file())


async def test_a_resumed_run_gets_the_deps_of_who_resumes_it() -> None:
    class Lender(Role[str]):
        @on(Goal)
        async def work(self, goal: Goal) -> Draft:
            return Draft(text=self.deps)

        @on(Draft)
        async def more(self, draft: Draft) -> Final:
            return Final(text=f"{draft.text} {self.deps}")

    journal = InMemoryJournal()
    with pytest.raises(Crash):
        await Team([Lender()], final=Final, journal=crash_at(3, journal)).run("go", run_id="r", deps="first")
    run = await Team([Lender()], final=Final, journal=journal).resume("r", deps="second")
    assert run.output == Final(text="first second")


# time and chance


class Dated(Role):
    @on(Goal)
    async def work(self, goal: Goal) -> Final:
        parts = []
        for n in range(3):
            parts.append(f"{self.now().timestamp():.0f} {self.random.random():.6f}")
            await self.ask(str, "at {{ time }} with {{ chance }}, {{ n }}", time=self.now(), chance=self.random.random(), n=n)
        return Final(text=", ".join(parts))


async def test_a_replay_sees_the_same_times_and_the_same_chance() -> None:
    clock = FakeClock()

    async def think(request: ModelRequest) -> str:
        await clock.sleep(60)
        return "x"

    model = FunctionModel(think)
    journal = InMemoryJournal()
    with pytest.raises(Crash):
        await Team([Dated()], final=Final, model=model, clock=clock, journal=crash_at(7, journal)).run("go", run_id="r")
    assert len(model.requests) == 3  # the third reply was lost
    await clock.sleep(100_000)
    run = await Team([Dated()], final=Final, model=model, clock=clock, journal=journal).resume("r")
    assert len(model.requests) == 4
    times = [part.split()[0] for part in run.output.text.split(", ")]
    assert times == ["1000000", "1000060", "1000120"]


async def test_chance_comes_from_the_seed() -> None:
    class Gambler(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=str(self.random.random()))

    async def drawn(seed: int, run_id: str) -> str:
        return (await Team([Gambler()], final=Final, seed=seed).run("go", run_id=run_id)).output.text

    assert await drawn(1, "r") == await drawn(1, "r")
    assert await drawn(1, "r") != await drawn(2, "r")


async def test_chance_is_the_same_in_an_attempt_that_reuses_replies_and_another_in_one_that_does_not() -> None:
    from metagpt.errors import RefusedError

    drawn: list[float] = []
    problems = iter([RefusedError("no"), ValueError("no")])

    class Gambler(Role):
        @on(Goal, retry=2)
        async def work(self, goal: Goal) -> Final:
            drawn.append(self.random.random())
            for problem in problems:
                raise problem
            return Final(text="")

    await Team([Gambler()], final=Final).run("go")
    assert drawn[0] == drawn[1] != drawn[2]
