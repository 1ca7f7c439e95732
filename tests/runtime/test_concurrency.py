"""One message at a time per role, in journal order; roles at the same time; runs at the same time, in loops and threads."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from metagpt import Goal, InMemoryJournal, Role, SqliteJournal, Team, on
from metagpt.errors import RunExistsError, RunLockedError
from metagpt.models.interface import ModelRequest
from metagpt.testing import Crash, FakeClock, FunctionModel, crash_at
from tests.runtime.messages import Final, Item, Part, Summary, content


class Speaker(Role):
    @on(Goal)
    async def speak(self, goal: Goal) -> tuple[Item, ...]:
        return tuple(Item(n=n) for n in range(6))


class Gauge:
    """Counts who is at work."""

    def __init__(self) -> None:
        self.now = 0
        self.most = 0
        self.order: list[int] = []

    async def work(self, n: int) -> None:
        self.order.append(n)
        self.now += 1
        self.most = max(self.most, self.now)
        for _ in range(10 - n):
            await asyncio.sleep(0)
        self.now -= 1


async def test_a_role_handles_one_message_at_a_time_in_journal_order() -> None:
    gauge = Gauge()

    class Worker(Role):
        @on(Item)
        async def work(self, item: Item) -> None:
            await gauge.work(item.n)

    await Team([Speaker(), Worker()]).run("go")
    assert (gauge.most, gauge.order) == (1, list(range(6)))


async def test_a_handler_sees_the_callers_context_and_not_what_another_handler_set() -> None:
    variable = ContextVar("variable", default="")
    seen: list[str] = []

    class Chain(Role):
        @on(Goal)
        async def first(self, goal: Goal) -> Item:
            seen.append(variable.get())
            variable.set("a handler's")
            return Item(n=1)

        @on(Item)
        async def second(self, item: Item) -> Final:
            seen.append(variable.get())
            return Final(text="")

    variable.set("the caller's")
    await Team([Chain()], final=Final).run("go")
    assert seen == ["the caller's", "the caller's"]


async def test_all_handlers_of_a_role_share_its_lock() -> None:
    gauge = Gauge()

    class Worker(Role):
        @on(Item, when=lambda item: item.n % 2 == 0)
        async def even(self, item: Item) -> None:
            await gauge.work(item.n)

        @on(Item, when=lambda item: item.n % 2 == 1)
        async def odd(self, item: Item) -> None:
            await gauge.work(item.n)

    await Team([Speaker(), Worker()]).run("go")
    assert (gauge.most, gauge.order) == (1, list(range(6)))


@pytest.mark.parametrize("width", [1, 2, 4, 9])
async def test_concurrency_takes_a_handler_out_of_the_lock_and_bounds_it(width: int) -> None:
    gauge, locked = Gauge(), Gauge()

    class Worker(Role):
        @on(Item, when=lambda item: True, concurrency=width)
        async def work(self, item: Item) -> None:
            await gauge.work(item.n)

        @on(Item, when=lambda item: True)
        async def note(self, item: Item) -> None:
            await locked.work(item.n)

    await Team([Speaker(), Worker()]).run("go")
    assert gauge.most == min(width, 6)
    assert gauge.order == list(range(6))  # started in journal order all the same
    assert locked.most == 1


async def test_roles_work_at_the_same_time() -> None:
    meeting = asyncio.Barrier(3)

    class Worker(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> None:
            await asyncio.wait_for(meeting.wait(), 5)

    await Team([Worker("one"), Worker("two"), Worker("three")]).run("go")


async def test_there_is_no_round_barrier() -> None:
    """A fast role is five messages ahead while a slow one still works on its first."""
    seen: list[str] = []
    gate = asyncio.Event()

    class Fast(Role):
        @on(Goal)
        async def start(self, goal: Goal) -> Item:
            return Item(n=0)

        @on(Item, limit=5)
        async def step(self, item: Item) -> Item | Part:
            seen.append(f"fast {item.n}")
            if item.n == 4:
                gate.set()
                return Part(n=4)
            return Item(n=item.n + 1)

        @on(Part)
        async def finish(self, part: Part) -> None: ...

    class Slow(Role):
        @on(Goal)
        async def think(self, goal: Goal) -> None:
            await gate.wait()
            seen.append("slow")

    await asyncio.wait_for(Team([Slow(), Fast()]).run("go"), 5)
    assert seen == ["fast 0", "fast 1", "fast 2", "fast 3", "fast 4", "slow"]


class Echo(Role):
    @on(Goal)
    async def work(self, goal: Goal) -> Final:
        return Final(text=await self.ask(str, "{{ text }}", text=goal.text))


def echo(request: ModelRequest) -> str:
    return request.chat[-1].text.upper()


async def test_several_runs_of_one_team_at_once_do_not_meet(tmp_path: Path) -> None:
    team = Team([Echo()], final=Final, model=FunctionModel(echo), journal=SqliteJournal(tmp_path / "j.db"))
    runs = await asyncio.gather(*(team.run(f"goal {n}") for n in range(20)))
    assert [run.output.text for run in runs] == [f"GOAL {n}" for n in range(20)]
    assert len(team.journal.runs()) == 20


async def test_runs_do_not_share_their_roles_state() -> None:
    class Counting(Role):
        count: int = 0
        seen: list[str] = []

        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            self.count += 1
            self.seen.append(goal.text)
            await asyncio.sleep(0)
            return Final(text=f"{self.count} {self.seen}")

    role = Counting()
    team = Team([role], final=Final)
    runs = await asyncio.gather(team.run("a"), team.run("b"))
    assert [run.output.text for run in runs] == ["1 ['a']", "1 ['b']"]
    assert (role.count, role.seen, Counting.seen) == (0, [], [])


@pytest.mark.parametrize("durability", ["process", "power"])
def test_runs_in_the_loops_of_several_threads_share_one_journal(tmp_path: Path, durability: Any) -> None:
    journal = SqliteJournal(tmp_path / "j.db", durability)
    team = Team([Echo()], final=Final, model=FunctionModel(echo), journal=journal)
    outputs: list[str] = []
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            outputs.extend(team.run_sync(f"goal {number} {n}").output.text for n in range(5))
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert problems == []
    assert sorted(outputs) == sorted(f"GOAL {number} {n}" for number in range(6) for n in range(5))
    again = Team([Echo()], final=Final, journal=SqliteJournal(tmp_path / "j.db"))
    assert {again.open_run(header.run_id).status for header in again.journal.runs()} == {"done"}


@pytest.mark.parametrize("durable", [True, False])
async def test_a_run_that_is_running_cannot_be_started_or_resumed_once_more(tmp_path: Path, durable: bool) -> None:
    gate = asyncio.Event()

    class Waiting(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> None:
            await gate.wait()

    team = Team([Waiting()], journal=SqliteJournal(tmp_path / "j.db") if durable else InMemoryJournal())
    async with team.stream("go", run_id="r") as stream:
        await asyncio.sleep(0)
        with pytest.raises(RunLockedError):
            await team.resume("r")
        with pytest.raises(RunExistsError):
            await team.run("go", run_id="r")
        gate.set()
        assert (await stream.result()).status == "done"
    with pytest.raises(RunExistsError):
        await team.run("go", run_id="r")


class Split(Role):
    @on(Goal)
    async def split(self, goal: Goal) -> list[Item]:
        return [Item(n=n) for n in range(5)]

    @on(list[Part])
    async def collect(self, parts: list[Part]) -> Summary:
        return Summary(parts=[part.n for part in parts])


def remembering(width: int) -> Role:
    class Worker(Role):
        """Remembers each thing it does, so that what it asks depends on what it did before."""

        @on(Item, concurrency=width)
        async def work(self, item: Item) -> Part:
            first = await self.ask(str, "first {{ n }}", n=item.n)
            second = await self.ask(str, "second {{ n }} {{ first }}", n=item.n, first=first)
            await self.memory.remember(f"did {item.n}")
            return Part(n=len(second))

    return Worker("worker")


@pytest.mark.parametrize("width", [1, 3])
async def test_a_crash_among_concurrent_handlers_that_remember_buys_nothing_again(width: int) -> None:
    """Each attempt sees the memories that there were when it began, live and on replay."""

    async def answer(request: ModelRequest) -> str:
        await clock.sleep(1 + len(request.chat[-1].text) % 3)
        return str(len(request.chat))

    at = 0
    while True:
        at += 1
        clock = FakeClock()
        journal = InMemoryJournal()
        model = FunctionModel(answer)
        uncut = await Team([Split(), remembering(width)], final=Summary, model=model, clock=clock).run("go", run_id="r")
        asked = len(model.requests)
        crashing = crash_at(at, journal)
        try:
            await Team([Split(), remembering(width)], final=Summary, model=model, clock=clock, journal=crashing).run("go", run_id="r")
        except Crash:
            if at == 1:
                continue
        else:
            break
        recorded = sum(record.kind == "CallEnded" for record in journal.records("r"))
        before = len(model.requests)
        run = await Team([Split(), remembering(width)], final=Summary, model=model, clock=clock, journal=journal).resume("r")
        assert len(model.requests) - before == asked - recorded
        if width == 1:
            assert content(run) == content(uncut)
    assert at > 20


@pytest.mark.parametrize("at", range(2, 15, 2))
@pytest.mark.parametrize(("before", "after"), [(4, 1), (1, 4), (3, 2)])
async def test_a_run_may_be_resumed_by_a_team_of_another_width(at: int, before: int, after: int) -> None:
    async def answer(request: ModelRequest) -> str:
        for _ in range(60 - 12 * int(request.chat[-1].text.split()[1])):  # the later item is the faster one
            await asyncio.sleep(0)
        return "x"

    model = FunctionModel(answer)
    journal = InMemoryJournal()
    with pytest.raises(Crash):
        await Team([Split(), remembering(before)], final=Summary, model=model, journal=crash_at(at, journal)).run("go", run_id="r")
    team = Team([Split(), remembering(after)], final=Summary, model=model, journal=journal)
    run = await asyncio.wait_for(team.resume("r"), 10)
    assert len(run.output.parts) == 5
    assert all(lane.running == 0 and not lane.queue for lane in run._state.lanes)
