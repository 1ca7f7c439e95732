"""No silence: every end is told, by `run()`, by the stream's last event and by the journal; a broken journal stops everything."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

import pytest

from metagpt import Budget, Goal, InMemoryJournal, Role, SqliteJournal, Team, on
from metagpt.errors import (
    BudgetExceededError,
    DeadlockError,
    HandlerFailedError,
    JournalError,
    MetaGPTError,
    NoOutputError,
    UnroutableError,
)
from metagpt.events import Event, RunEndedEvent
from metagpt.journal.interface import Codec, Journal, RunLog
from metagpt.testing import FunctionModel
from metagpt.testing.wrapping import WrappedJournal
from tests.runtime.messages import Draft, Final, Item, Left, Review, Right, content


class Broken(Role):
    @on(Goal)
    async def work(self, goal: Goal) -> Final:
        raise ValueError("broken")


class Quiet(Role):
    @on(Goal)
    async def work(self, goal: Goal) -> Final | None:
        return None


class Silent(Role):
    @on(Goal)
    async def work(self, goal: Goal) -> None: ...


class Half(Role):
    @on(Goal)
    async def work(self, goal: Goal) -> Left | Right:
        return Left(n=1)

    @on(Left, Right)
    async def join(self, left: Left, right: Right) -> Final:
        raise AssertionError


class Unheard(Role):
    @on(Goal)
    async def work(self, goal: Goal) -> Item:
        return Item(n=1)

    @on(Item, when=lambda item: item.n == 2)
    async def listen(self, item: Item) -> Final:
        raise AssertionError


class Greedy(Role):
    @on(Goal)
    async def work(self, goal: Goal) -> Final:
        return Final(text=await self.ask(str, "a question that does not fit into the budget"))


@pytest.mark.parametrize(
    ("role", "error"),
    [
        (Broken, HandlerFailedError),
        (Quiet, NoOutputError),
        (Half, DeadlockError),
        (Unheard, UnroutableError),
        (Greedy, BudgetExceededError),
    ],
)
async def test_the_streams_last_event_carries_the_error_that_run_raises(role: type[Role], error: type[MetaGPTError]) -> None:
    def team() -> Team[Goal, Final]:
        return Team([role()], final=Final, budget=Budget(tokens=5), model=FunctionModel(lambda request: "x"))

    with pytest.raises(error) as raised:
        await team().run("go", run_id="r")
    async with team().stream("go", run_id="r") as stream:
        events: list[Event] = [event async for event in stream]
        with pytest.raises(error) as again:
            await stream.result()
    last = events[-1]
    assert isinstance(last, RunEndedEvent)
    assert (last.status, last.error_type, last.error) == ("failed", error.__name__, str(raised.value))
    assert str(again.value) == str(raised.value)
    assert [event.name for event in events].count("run_ended") == 1


async def test_iterating_a_stream_that_has_ended_ends_at_once() -> None:
    async with Team([Silent()]).stream("go") as stream:
        assert [event.name async for event in stream][-1] == "run_ended"
        assert [event async for event in stream] == []


async def test_a_run_of_nothing_but_its_goal_ends() -> None:
    run = await Team([Silent()]).run("go")
    assert (run.status, len(run.messages)) == ("done", 1)


# a journal that fails


class FailingJournal(WrappedJournal):
    """Fails at its n-th append, and notes what is tried afterwards."""

    def __init__(self, journal: Journal, at: int) -> None:
        super().__init__(journal)
        self.at = at
        self.appends = 0

    def wrap(self, log: RunLog, codec: Codec) -> RunLog:
        return _FailingLog(self, log)


class _FailingLog:
    def __init__(self, journal: FailingJournal, log: RunLog) -> None:
        self._journal = journal
        self._log = log

    def append(
        self, entries: Sequence[Any], *, time: float, status: str | None = None, memories: Sequence[tuple[str, str]] = ()
    ) -> Awaitable[None] | None:
        self._journal.appends += 1
        if self._journal.appends == self._journal.at:
            raise JournalError("the disk is on fire")
        return self._log.append(entries, time=time, status=status, memories=memories)

    def read(self) -> list[Any]:
        return self._log.read()

    def past(self, role: str) -> list[str]:
        return self._log.past(role)

    def close(self) -> None:
        self._log.close()


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        return Draft(text=await self.ask(str, "write"))

    @on(Review, limit=2)
    async def revise(self, review: Review) -> Draft:
        return Draft(text=await self.ask(str, "revise"))


class Critic(Role):
    @on(Draft)
    async def review(self, draft: Draft) -> Review:
        return Review(approved=False, notes=await self.ask(str, "review {{ text }}", text=draft.text))


@pytest.mark.parametrize("at", range(1, 20))
async def test_a_failed_write_stops_everything_and_the_run_stays_as_last_committed(at: int) -> None:
    uncut = await Team([Writer(), Critic()], final=Review, model=FunctionModel(lambda request: "x")).run("go", run_id="r")
    inner = InMemoryJournal()
    journal = FailingJournal(inner, at)
    model = FunctionModel(lambda request: "x")
    team = Team([Writer(), Critic()], final=Review, model=model, journal=journal)
    async with team.stream("go", run_id="r") as stream:
        events = [event async for event in stream]
        with pytest.raises(JournalError, match="on fire"):
            await stream.result()
    assert journal.appends == at  # nothing more is tried
    assert (events[-1].name, getattr(events[-1], "error_type", "")) == ("run_ended", "JournalError")
    assert inner.runs()[0].status == "running"
    if at > 1:
        bought = len(model.requests)
        run = await team.resume("r")
        assert content(run) == content(uncut)
        recorded = sum(event.name == "model_replied" for event in events)
        assert len(model.requests) - bought == 6 - recorded  # what was recorded was not bought again


async def test_a_failed_write_cancels_the_handlers_that_still_run() -> None:
    cancelled: list[bool] = []

    class Waiting(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> None:
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.append(True)

    team = Team([Waiting(), Silent()], journal=FailingJournal(InMemoryJournal(), 2))
    with pytest.raises(JournalError):
        await team.run("go")
    assert cancelled == [True]


async def test_a_full_disk_raises_a_journal_error_and_the_run_goes_on_when_there_is_room(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db")
    big = "x" * 20_000
    model = FunctionModel(lambda request: big)
    team = Team([Writer(), Critic()], final=Review, model=model, journal=journal)
    journal.connection.execute("PRAGMA max_page_count = 32")  # 128 KiB, as a full disk
    with pytest.raises(JournalError, match="full"):
        await team.run("go", run_id="r")
    (header,) = journal.runs()
    assert header.status == "running"
    bought = len(model.requests)
    journal.connection.execute("PRAGMA max_page_count = 1000000")
    run = await team.resume("r")
    assert run.status == "done"
    assert len(model.requests) - bought <= 6 - bought + 1


async def test_a_journal_that_may_not_be_written_raises_a_journal_error_before_anything_runs(tmp_path: Path) -> None:
    path = tmp_path / "j.db"
    SqliteJournal(path).connection.close()
    journal = SqliteJournal(path)
    journal.connection.execute("PRAGMA query_only = ON")
    model = FunctionModel(lambda request: "x")
    with pytest.raises(JournalError, match="readonly"):
        await Team([Writer(), Critic()], final=Review, model=model, journal=journal).run("go")
    assert model.requests == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everything")
async def test_a_folder_that_may_not_be_written_raises_a_journal_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(JournalError):
        await Team([Silent()], journal=SqliteJournal(tmp_path / "j.db")).run("go")


async def test_a_journal_that_becomes_readonly_in_the_middle_of_a_run(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "j.db")
    asked = 0

    def answer(request: Any) -> str:
        nonlocal asked
        asked += 1
        if asked == 2:
            journal.connection.execute("PRAGMA query_only = ON")
        return "x"

    team = Team([Writer(), Critic()], final=Review, model=FunctionModel(answer), journal=journal)
    with pytest.raises(JournalError):
        await team.run("go", run_id="r")
    assert asked == 2
    journal.connection.execute("PRAGMA query_only = OFF")
    run = await team.resume("r")
    assert run.status == "done"
    assert asked == 7  # the reply that could not be recorded was bought once more


async def test_a_file_that_breaks_in_the_middle_of_a_run_raises_a_journal_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = SqliteJournal(tmp_path / "j.db")

    def answer(request: Any) -> str:
        def broken(*args: Any, **keywords: Any) -> None:
            raise sqlite3.DatabaseError("database disk image is malformed")

        monkeypatch.setattr(journal, "_commit", broken)
        return "x"

    with pytest.raises(JournalError, match="malformed"):
        await Team([Writer(), Critic()], final=Review, model=FunctionModel(answer), journal=journal).run("go")


# the journal comes first


class WitnessJournal(WrappedJournal):
    """Notes what has been written."""

    def __init__(self, journal: Journal) -> None:
        super().__init__(journal)
        self.written: list[str] = []

    def wrap(self, log: RunLog, codec: Codec) -> RunLog:
        return _WitnessLog(self, log)


class _WitnessLog(_FailingLog):
    def __init__(self, journal: WitnessJournal, log: RunLog) -> None:
        self._witness = journal
        self._log = log

    def append(
        self, entries: Sequence[Any], *, time: float, status: str | None = None, memories: Sequence[tuple[str, str]] = ()
    ) -> Awaitable[None] | None:
        async def slowly() -> None:
            for _ in range(3):
                await asyncio.sleep(0)
            self._log.append(entries, time=time, status=status, memories=memories)
            self._witness.written += [type(entry).__name__ for entry in entries]

        return slowly()


async def test_nothing_is_done_before_the_journal_has_it_however_slow_it_is() -> None:
    journal = WitnessJournal(InMemoryJournal())
    seen: list[list[str]] = []

    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Item:
            seen.append(list(journal.written))
            await self.ask(str, "a")
            seen.append(list(journal.written))
            return Item(n=1)

        @on(Item)
        async def listen(self, item: Item) -> Final:
            seen.append(list(journal.written))
            return Final(text="")

    def answer(request: Any) -> str:
        seen.append(list(journal.written))
        return "x"

    await Team([Speaker()], final=Final, journal=journal, model=FunctionModel(answer)).run("go")
    assert [each[-1:] for each in seen] == [["RunStarted"], ["CallRequested"], ["CallEnded"], ["HandlerEnded"]]
    assert journal.written[-2:] == ["HandlerEnded", "RunEnded"]


async def test_a_loop_that_shuts_down_while_an_outcome_is_written_waits_for_the_write() -> None:
    happened: list[str] = []

    class Shutdown(WitnessJournal):
        def wrap(self, log: RunLog, codec: Codec) -> RunLog:
            return _ShutdownLog(self, log)

    class _ShutdownLog(_WitnessLog):
        def append(
            self, entries: Sequence[Any], *, time: float, status: str | None = None, memories: Sequence[tuple[str, str]] = ()
        ) -> Awaitable[None] | None:
            if type(entries[0]).__name__ != "HandlerEnded":
                return self._log.append(entries, time=time, status=status, memories=memories)
            stream._start().cancel()  # as asyncio.run does with every task that is left
            return super().append(entries, time=time, status=status, memories=memories)

        def close(self) -> None:
            happened.extend([*self._witness.written, "closed"])
            super().close()

    inner = InMemoryJournal()
    team = Team([Writer(), Critic()], final=Review, model=FunctionModel(lambda _: "x"), journal=Shutdown(inner))
    async with team.stream("go") as stream:
        with pytest.raises(asyncio.CancelledError):
            await stream.result()
    assert happened == ["HandlerEnded", "closed"]
    assert inner.runs()[0].status == "running"


async def test_a_handlers_messages_state_and_memories_are_one_entry() -> None:
    entries: list[tuple[list[str], int]] = []

    class Counting(InMemoryJournal):
        def create(self, header: Any, codec: Any) -> Any:
            log = super().create(header, codec)
            append = log.append

            def noted(ticks: Sequence[Any], **keywords: Any) -> None:
                entries.append(([type(tick).__name__ for tick in ticks], len(keywords.get("memories", ()))))
                append(ticks, **keywords)

            log.append = noted  # type: ignore[method-assign, assignment]
            return log

    class Busy(Role):
        count: int = 0

        @on(Goal)
        async def work(self, goal: Goal) -> tuple[Final, Final]:
            self.count += 1
            await self.memory.remember("one")
            await self.memory.remember("two")
            return Final(text="a"), Final(text="b")

    run = await Team([Busy()], final=Final, journal=Counting()).run("go", session="s")
    assert entries == [(["RunStarted"], 0), (["HandlerEnded"], 2), (["RunEnded"], 0)]
    assert run._state.role_state == {"busy": {"count": "1"}}
