"""Events: what a watcher sees while a run goes on, and afterwards from its journal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from metagpt import Goal, InMemoryJournal, RetryPolicy, Role, Team, action, on
from metagpt.errors import HandlerFailedError, ServerError, StreamCutError
from metagpt.events import DeltaEvent, DeltasDiscardedEvent, Event, HandlerEndedEvent, ModelRepliedEvent
from metagpt.models.interface import Delta, ModelProfile, ModelReply, ModelRequest
from metagpt.testing import Crash, FakeClock, FunctionModel, ScriptedModel, crash_at, data, error, text
from tests.runtime.messages import Draft, Final, Item


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        return Draft(text=await self.ask(str, "write"))

    @on(Draft)
    async def finish(self, draft: Draft) -> Final:
        return Final(text=draft.text + await self.ask(str, "finish"))


async def watched(team: Team[Any, Any], **keywords: Any) -> list[Event]:
    async with team.stream("go", **keywords) as stream:
        return [event async for event in stream]


NAMES = [
    "run_started", "message_published", "handler_started", "model_called", "delta", "model_replied", "handler_ended", "message_published",
    "handler_started", "model_called", "delta", "model_replied", "handler_ended", "message_published", "run_ended",
]  # fmt: skip


async def test_a_watcher_sees_everything_in_order() -> None:
    events = await watched(Team([Writer()], final=Final, model=ScriptedModel([text("a"), text("b")])))
    assert [event.name for event in events] == NAMES
    assert {event.run_id for event in events} == {events[0].run_id}
    assert all(json.dumps(event.as_json()) for event in events)
    assert events[-1].as_json()["output"] == {"text": "ab"}


async def test_the_journal_tells_the_same_again_but_for_the_deltas() -> None:
    team = Team([Writer()], final=Final, model=ScriptedModel([text("a"), text("b")]))
    events = await watched(team, run_id="r")
    again = list(team.open_run("r").events())
    assert again == [event for event in events if not isinstance(event, DeltaEvent)]


async def test_a_run_that_nobody_watches_is_the_same_run() -> None:
    run = await Team([Writer()], final=Final, model=ScriptedModel([text("a"), text("b")])).run("go")
    assert run.output == Final(text="ab")
    assert [event.name for event in run.events()] == [name for name in NAMES if name != "delta"]


async def test_a_replayed_reply_says_so_and_has_no_deltas() -> None:
    class Two(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=await self.ask(str, "one") + await self.ask(str, "two"))

    journal = InMemoryJournal()
    with pytest.raises(Crash):
        await Team([Two()], final=Final, model=ScriptedModel([text("a"), text("b")]), journal=crash_at(5, journal)).run("go", run_id="r")
    team = Team([Two()], final=Final, model=ScriptedModel([text("B")]), journal=journal)
    async with team.resume_stream("r") as stream:
        events = [event async for event in stream]
    replied = [event for event in events if isinstance(event, ModelRepliedEvent)]
    assert [(event.text, event.replayed) for event in replied] == [("a", True), ("B", False)]
    assert [event.text for event in events if isinstance(event, DeltaEvent)] == ["B"]
    assert events[0].as_json()["resumed"] is True


async def test_a_resumed_handlers_events_name_its_role(tmp_path: Any) -> None:
    from metagpt import Approve, SqliteJournal

    class Careful(Role):
        @on(Goal, approve=True)
        async def work(self, goal: Goal) -> Final:
            return Final(text="a")

    team = Team([Careful()], final=Final, journal=SqliteJournal(tmp_path / "j.db"))
    run = await team.run("go")
    async with team.resume_stream(run.id, answers={run.pending[0].id: Approve()}) as stream:
        ended = [event async for event in stream if isinstance(event, HandlerEndedEvent)]
    assert [(event.role, event.handler) for event in ended] == [("careful", "careful.work")]


class Cutting:
    """Says half an answer, and is cut; the second time it is whole."""

    profile = ModelProfile(reference="cutting")

    def __init__(self) -> None:
        self.calls = 0

    async def stream(self, request: ModelRequest) -> Any:
        self.calls += 1
        yield Delta("hal")
        if self.calls == 1:
            raise StreamCutError("cut")
        yield Delta("f")
        yield text("half")

    async def close(self) -> None: ...


async def test_deltas_of_a_call_that_failed_are_discarded() -> None:
    class Asker(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=await self.ask(str, "q"))

    events = await watched(Team([Asker()], final=Final, model=Cutting(), clock=FakeClock()))
    shown = [event for event in events if isinstance(event, DeltaEvent | DeltasDiscardedEvent)]
    assert [event.name for event in shown] == ["delta", "deltas_discarded", "delta", "delta"]
    assert {event.call for event in shown} == {"asker.work"}
    assert {event.role for event in shown} == {"asker"}


async def test_deltas_of_a_call_that_fails_in_no_foreseen_way_are_discarded() -> None:
    class Buggy(Cutting):
        async def stream(self, request: ModelRequest) -> Any:
            yield Delta("hal")
            raise ZeroDivisionError

    class Lenient(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            try:
                return Final(text=await self.ask(str, "q"))
            except ZeroDivisionError:
                return Final(text="")

    events = await watched(Team([Lenient()], final=Final, model=Buggy()))
    assert [event.name for event in events if event.name.startswith("delta")] == ["delta", "deltas_discarded"]


async def test_deltas_of_an_answer_that_is_asked_for_again_are_discarded() -> None:
    class Asker(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=str(await self.ask(int, "q")))

    events = await watched(Team([Asker()], final=Final, model=ScriptedModel([text("many"), data(3)])))
    names = [event.name for event in events if event.name.startswith(("delta", "model_replied"))]
    assert names == ["delta", "model_replied", "deltas_discarded", "delta", "model_replied"]


async def test_a_failed_attempt_says_whether_there_is_another() -> None:
    class Broken(Role):
        @on(Goal, retry=RetryPolicy(attempts=2))
        async def work(self, goal: Goal) -> Final:
            raise ValueError("broken")

    team = Team([Broken()], final=Final, clock=FakeClock())
    async with team.stream("go") as stream:
        events = [event async for event in stream]
        with pytest.raises(HandlerFailedError):
            await stream.result()
    failed = [event.as_json() for event in events if event.name == "handler_failed"]
    assert [(event["attempt"], event["will_retry"], event["error"]) for event in failed] == [
        (1, True, "ValueError: broken"),
        (2, False, "ValueError: broken"),
    ]


async def test_actions_are_shown_with_arguments_and_results() -> None:
    @action
    async def add(a: int, b: int) -> int:
        return a + b

    @action
    async def fall() -> None:
        raise OSError("down")

    class Doer(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            total = await self.do("add", a=1, b=2)
            try:
                await self.do("fall")
            except Exception:
                return Final(text=str(total))
            raise AssertionError

    events = [event.as_json() for event in await watched(Team([Doer(actions=[add, fall])], final=Final))]
    assert [(event.get("action"), event.get("arguments")) for event in events if event["event"] == "action_started"] == [
        ("add", '{"a":1,"b":2}'),
        ("fall", "{}"),
    ]
    assert [(event["result"], event["error"]) for event in events if event["event"] == "action_ended"] == [("3", ""), ("", "down")]


async def test_retried_calls_are_each_shown() -> None:
    class Asker(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=await self.ask(str, "q"))

    model = ScriptedModel([error(ServerError("down")), text("a")])
    events = await watched(Team([Asker()], final=Final, model=model, clock=FakeClock()))
    assert [event.name for event in events].count("model_called") == 2


async def test_usage_and_cost_stand_in_the_reply_and_in_the_end() -> None:
    from metagpt.models.interface import Price, TokenUsage

    class Asker(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=await self.ask(str, "q"))

    def answer(request: ModelRequest) -> ModelReply:
        return text("a", usage=TokenUsage(input_tokens=1_000_000, output_tokens=500_000))

    model = FunctionModel(answer, profile=ModelProfile(reference="m", price=Price(input=2, output=4)))
    events = await watched(Team([Asker()], final=Final, model=model))
    (replied,) = [event for event in events if isinstance(event, ModelRepliedEvent)]
    assert (replied.input_tokens, replied.output_tokens, replied.usd) == (1_000_000, 500_000, 4.0)
    assert events[-1].as_json()["usage"]["usd"] == 4.0


async def test_what_does_not_fit_into_the_window_is_said() -> None:
    class Chatty(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Item:
            for n in range(5):
                await self.memory.remember(f"{n}" * 100)
            return Item(n=1)

        @on(Item)
        async def more(self, item: Item) -> Final:
            return Final(text=await self.ask(str, "q"))

    model = FunctionModel(lambda request: "x", profile=ModelProfile(reference="m", context_tokens=200))
    events = [event.as_json() for event in await watched(Team([Chatty()], final=Final, model=model))]
    (dropped,) = [event for event in events if event["event"] == "dropped_from_context"]
    assert (dropped["role"], dropped["call"], dropped["entries"]) == ("chatty", "chatty.more", 3)
