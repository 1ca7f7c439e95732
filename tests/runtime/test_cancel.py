"""Cancelling: what is recorded stays, what runs is stopped, and the run goes on from there."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from metagpt import Goal, InMemoryJournal, Role, SqliteJournal, Team, on
from metagpt.errors import RunCancelledError, RunLockedError
from metagpt.models.interface import ModelRequest
from metagpt.testing import FunctionModel
from tests.runtime.messages import Draft, Final, content


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        first = await self.ask(str, "first")
        return Draft(text=first + await self.ask(str, "second"))

    @on(Draft)
    async def finish(self, draft: Draft) -> Final:
        return Final(text=draft.text)


class Gate:
    """A model that answers the first question and keeps the second waiting until it is opened."""

    def __init__(self) -> None:
        self.is_waiting = asyncio.Event()
        self.open = asyncio.Event()
        self.cancelled = 0

    async def __call__(self, request: ModelRequest) -> str:
        if request.chat[-1].text == "second":
            self.is_waiting.set()
            try:
                await self.open.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        return request.chat[-1].text


def team(gate: Gate, journal: Any) -> tuple[Team[Goal, Final], FunctionModel]:
    model = FunctionModel(gate)
    return Team([Writer()], final=Final, model=model, journal=journal), model


async def _resumed(gate: Gate, journal: Any, run_id: str) -> None:
    gate.open.set()
    again, model = team(gate, journal)
    run = await again.resume(run_id)
    uncut = await team(gate, InMemoryJournal())[0].run("go", run_id=run_id)
    assert run.output == Final(text="firstsecond")
    assert [request.chat[-1].text for request in model.requests] == ["second"]
    assert content(run) == content(uncut)


async def test_leaving_the_stream_cancels_the_run_and_it_can_be_resumed() -> None:
    gate, journal = Gate(), InMemoryJournal()
    writing, _ = team(gate, journal)
    async with writing.stream("go") as stream:
        await gate.is_waiting.wait()
    assert gate.cancelled == 1
    assert journal.runs()[0].status == "cancelled"
    await _resumed(gate, journal, stream.run_id)


async def test_cancel_ends_the_stream_with_an_event_and_the_result_with_an_error() -> None:
    gate, journal = Gate(), InMemoryJournal()
    writing, _ = team(gate, journal)
    events = []
    async with writing.stream("go") as stream:
        async for event in stream:
            events.append(event)
            if [each.name for each in events].count("model_called") == 2:
                stream.cancel()
        with pytest.raises(RunCancelledError) as caught:
            await stream.result()
    assert caught.value.run is not None
    assert caught.value.run.status == "cancelled"
    assert (events[-1].name, getattr(events[-1], "status", "")) == ("run_ended", "cancelled")
    await _resumed(gate, journal, stream.run_id)


async def test_cancelling_the_task_that_awaits_the_run_cancels_the_run() -> None:
    gate, journal = Gate(), InMemoryJournal()
    writing, _ = team(gate, journal)
    task = asyncio.ensure_future(writing.run("go", run_id="r"))
    await gate.is_waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gate.cancelled == 1
    assert journal.runs()[0].status == "cancelled"
    await _resumed(gate, journal, "r")


async def test_a_timeout_round_the_run_cancels_it() -> None:
    gate, journal = Gate(), InMemoryJournal()
    writing, _ = team(gate, journal)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await writing.run("go", run_id="r")
    await _resumed(gate, journal, "r")


async def test_a_run_that_is_cancelled_before_it_began_can_be_resumed() -> None:
    gate, journal = Gate(), InMemoryJournal()
    writing, model = team(gate, journal)
    async with writing.stream("go") as stream:
        stream.cancel()
        with pytest.raises(RunCancelledError):
            await stream.result()
    assert model.requests == []
    gate.open.set()
    assert (await writing.resume(stream.run_id)).output == Final(text="firstsecond")


async def test_cancelling_twice_or_after_the_end_does_nothing() -> None:
    gate, journal = Gate(), InMemoryJournal()
    gate.open.set()
    writing, _ = team(gate, journal)
    async with writing.stream("go") as stream:
        run = await stream.result()
        stream.cancel()
        stream.cancel()
    assert run.status == "done"
    assert journal.runs()[0].status == "done"


async def test_a_call_in_flight_at_a_cancel_settles_at_its_bound() -> None:
    gate, journal = Gate(), InMemoryJournal()
    writing, _ = team(gate, journal)
    async with writing.stream("go") as stream:
        await gate.is_waiting.wait()
        stream.cancel()
        with pytest.raises(RunCancelledError) as caught:
            await stream.result()
    run = caught.value.run
    assert run is not None
    assert run.usage.calls == 2
    assert run.usage.output_tokens >= 16_384
    assert run._state.ledger.open == {}


async def test_a_reply_that_came_in_the_moment_of_the_cancel_is_kept() -> None:
    gate, journal = Gate(), InMemoryJournal()
    writing, _ = team(gate, journal)
    async with writing.stream("go") as stream:
        await gate.is_waiting.wait()
        gate.open.set()
        for _ in range(3):
            await asyncio.sleep(0)
        stream.cancel()
    again, model = team(gate, journal)
    await again.resume(stream.run_id)
    recorded = [record.kind for record in journal.records(stream.run_id)].count("CallEnded")
    assert recorded == 2
    assert len(model.requests) <= 1


async def test_a_handler_that_does_not_heed_the_cancel_does_not_lose_its_outcome() -> None:
    started = asyncio.Event()

    class Stubborn(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            started.set()
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return Final(text="done all the same")

    journal = InMemoryJournal()
    stubborn = Team([Stubborn()], final=Final, journal=journal)
    async with stubborn.stream("go") as stream:
        await started.wait()
    assert journal.runs()[0].status == "cancelled"
    run = await stubborn.resume(stream.run_id)
    assert run.output == Final(text="done all the same")


async def test_one_run_is_cancelled_and_the_others_go_on(tmp_path: Path) -> None:
    gate = Gate()
    writing, _ = team(gate, SqliteJournal(tmp_path / "j.db"))
    async with writing.stream("go") as other:
        async with writing.stream("go") as stream:
            await gate.is_waiting.wait()
            stream.cancel()
        gate.open.set()
        assert (await other.result()).status == "done"


async def test_a_cancelled_run_lets_go_of_its_lock(tmp_path: Path) -> None:
    gate = Gate()
    writing, _ = team(gate, SqliteJournal(tmp_path / "j.db"))
    async with writing.stream("go") as stream:
        await gate.is_waiting.wait()
    gate.open.set()
    other, _ = team(gate, SqliteJournal(tmp_path / "j.db"))
    assert (await other.resume(stream.run_id)).status == "done"


async def test_a_run_that_is_torn_down_while_it_writes_keeps_its_lock_until_the_write_is_done(tmp_path: Path) -> None:
    gate = Gate()
    gate.open.set()
    journal = SqliteJournal(tmp_path / "j.db", "power")
    writing, _ = team(gate, journal)
    stream = writing.stream("go")
    with journal._lock:  # the writer thread waits
        task = stream._start()
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not task.done()
        with pytest.raises(RunLockedError):
            writing.journal._hold(stream.run_id)  # type: ignore[attr-defined]
    await asyncio.wait([task])
    assert len(list(journal.records(stream.run_id))) == 1
    assert (await writing.resume(stream.run_id)).status == "done"


def test_a_loop_that_ends_under_a_run_leaves_it_to_be_resumed() -> None:
    """The program's main function returned and left a run behind."""
    journal = InMemoryJournal()
    streams: list[Any] = []

    async def main() -> None:
        gate = Gate()
        writing, _ = team(gate, journal)
        stream = writing.stream("go", run_id="r")
        streams.append(stream)
        await stream.__aenter__()
        await gate.is_waiting.wait()

    async def later() -> None:
        gate = Gate()
        gate.open.set()
        again, model = team(gate, journal)
        assert (await again.resume("r")).output == Final(text="firstsecond")
        assert len(model.requests) == 1

    asyncio.run(main())
    asyncio.run(later())
