# mypy: disable-error-code="empty-body"
"""Teams: what is refused before a run, goals, models, and the runs a team makes. The graph check has a file of its own."""

import asyncio
import logging
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field

from metagpt import Budget, Goal, InMemoryJournal, Message, Role, SqliteJournal, Team, on
from metagpt.errors import (
    ConfigError,
    HandlerFailedError,
    JournalError,
    RunCancelledError,
    RunExistsError,
    TeamError,
    UnknownRunError,
)
from metagpt.models.interface import ModelProfile
from metagpt.testing import FakeClock, FunctionModel, ScriptedModel, data, text


class Pitch(Message):
    text: str = ""


class Review(Message):
    good: bool = True


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Pitch:
        return Pitch(text=goal.text)


class Critic(Role):
    @on(Pitch)
    async def review(self, pitch: Pitch) -> Review:
        return await self.ask(Review, "Review: {{ pitch.text }}", pitch=pitch)


# parts


@pytest.mark.parametrize(
    ("roles", "keywords", "words"),
    [
        ([Writer], {}, r"Team\(roles\): found .*Writer.*Pass Writer\(\)\."),
        (["writer"], {}, r"Team\(roles\): found 'writer'"),
        ([Writer()], {"start": "Goal"}, r"Team\(start=\): found 'Goal'"),
        ([Writer()], {"start": Goal(text="")}, r"Team\(start=\): found"),
        ([Writer()], {"final": "Pitch"}, r"Team\(final=\): found 'Pitch'"),
        ([Writer()], {"final": list[Pitch]}, r"Team\(final=\): found"),
        ([Writer()], {"model": 5}, r"Team\(model\): found 5; expected a model"),
        ([Writer()], {"models": {"writer": object()}}, r"Team\(models\['writer'\]\): found"),
        ([Writer()], {"models": {"writter": "embedded"}}, r"Team\(models=\): found role 'writter'.*Did you mean 'writer'"),
        ([Writer(model=7)], {}, r"model of role 'writer'"),  # type: ignore[arg-type]
        ([Writer()], {"memory": []}, r"Team\(memory=\): found \[\]"),
        ([Writer()], {"journal": "journal.db"}, r"journal 'journal.db': found a file's name.*'sqlite:journal.db'"),
        ([Writer()], {"journal": []}, r"Team\(journal=\): found \[\].*SqliteJournal"),
    ],
)
def test_what_cannot_be_a_part_of_a_team_is_refused(roles: Any, keywords: Any, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Team(roles, **{"final": Pitch, **keywords})


def test_the_findings_are_an_attribute_of_the_error() -> None:
    with pytest.raises(TeamError) as caught:
        Team([Writer(), Critic()], name="pitching")
    assert caught.value.owner == "team 'pitching'"
    assert len(caught.value.findings) == 1
    assert str(caught.value).startswith("team 'pitching': 1 finding(s)")


def test_with_gives_the_same_roles_other_keywords() -> None:
    team = Team([Writer()], final=Pitch, name="one", seed=3)
    other = team.with_(name="two", budget=Budget(calls=1))
    assert (other.name, other.seed, other.budget.calls) == ("two", 3, 1)
    assert (team.name, team.budget.calls) == ("one", None)
    assert other.roles == team.roles
    with pytest.raises(ConfigError, match="Did you mean 'budget'"):
        team.with_(bugdet=Budget(calls=1))


def test_a_team_that_is_not_installed_is_refused() -> None:
    with pytest.raises(ConfigError, match="no teams plugin 'softwear'"):
        Team.load("softwear")


# goals


async def test_text_is_a_goal_where_the_start_has_a_single_text() -> None:
    class Order(Message):
        item: Annotated[str, Field(min_length=2)]

    class Shop(Role):
        @on(Order)
        async def sell(self, order: Order) -> Pitch:
            return Pitch(text=order.item)

    team = Team([Shop()], start=Order, final=Pitch)
    assert (await team.run("pot")).output.text == "pot"
    assert (await team.run(Order(item="pan"))).output.text == "pan"
    with pytest.raises(ConfigError, match="found 'x' to start with, but String should have at least 2 characters"):
        await team.run("x")


@pytest.mark.parametrize("goal", [5, None, Pitch(text="a"), b"bytes", {"text": "a"}])
async def test_a_goal_of_another_type_is_refused(goal: Any) -> None:
    journal = InMemoryJournal()
    with pytest.raises(ConfigError, match="expected a Goal"):
        await Team([Writer()], final=Pitch, journal=journal).run(goal)
    assert journal.runs() == []


async def test_text_is_refused_where_the_start_has_more_than_one_field() -> None:
    class Order(Message):
        item: str
        note: str = ""

    class Shop(Role):
        @on(Order)
        async def sell(self, order: Order) -> Pitch: ...

    with pytest.raises(ConfigError, match="expected a Order"):
        await Team([Shop()], start=Order, final=Pitch).run("pot")


# runs


def test_run_sync_runs_from_plain_code() -> None:
    run = Team([Writer()], final=Pitch).run_sync("g")
    assert (run.status, run.success, run.output) == ("done", True, Pitch(text="g"))


async def test_run_sync_inside_a_running_loop_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"Write `await team.run\(...\)` here"):
        Team([Writer()], final=Pitch).run_sync("g")


async def test_a_run_shows_what_happened() -> None:
    with ScriptedModel([data(Review(good=False))]) as model:
        run = await Team([Writer(), Critic()], final=Review, success=lambda review: review.good, model=model).run("g", run_id="r1")
    assert (run.id, run.status, run.success, run.error, run.workspace, run.pending) == ("r1", "done", False, None, None, ())
    assert run.messages == [Goal(text="g"), Pitch(text="g"), Review(good=False)]
    assert [envelope.sender for envelope in run.envelopes] == ["user", "writer", "critic"]
    assert run.usage.calls == run.usage.by_role["critic"].calls == run.usage.by_model["scripted"].calls == 1
    assert [event.name for event in run.events()][0] == "run_started"
    assert [event.name for event in run.events()][-1] == "run_ended"
    assert repr(run) == "Run('r1', status='done', success=False)"


async def test_one_team_makes_many_runs_at_once() -> None:
    team = Team([Writer()], final=Pitch)
    runs = await asyncio.gather(*(team.run(f"goal {n}") for n in range(20)))
    assert [run.output.text for run in runs] == [f"goal {n}" for n in range(20)]
    assert len({run.id for run in runs}) == 20


async def test_a_failed_run_raises_with_the_run() -> None:
    class Clumsy(Role):
        @on(Goal)
        async def drop(self, goal: Goal) -> Pitch:
            raise ValueError("dropped")

    with pytest.raises(HandlerFailedError, match="dropped") as caught:
        await Team([Clumsy()], final=Pitch).run("g", run_id="r")
    assert caught.value.run is not None
    assert (caught.value.run.id, caught.value.run.status, caught.value.run.success) == ("r", "failed", False)
    assert isinstance(caught.value.__cause__, ValueError)


async def test_an_id_that_is_taken_or_unfit_is_refused(tmp_path: Path) -> None:
    for journal in (InMemoryJournal(), SqliteJournal(tmp_path / "journal.db")):
        team = Team([Writer()], final=Pitch, journal=journal)
        await team.run("g", run_id="one")
        with pytest.raises(RunExistsError):
            await team.run("g", run_id="one")
        with pytest.raises(JournalError, match="expected up to 80"):
            await team.run("g", run_id="../one")
        with pytest.raises(UnknownRunError, match="Did you mean 'one'"):
            await team.resume("ones")


async def test_resuming_a_run_that_is_done_returns_it() -> None:
    team = Team([Writer()], final=Pitch)
    run = await team.run("g", run_id="one")
    again = await team.resume("one")
    assert again.output == run.output
    assert team.open_run("one").messages == run.messages


async def test_an_answer_to_nothing_pending_is_refused() -> None:
    team = Team([Writer()], final=Pitch)
    await team.run("g", run_id="one")
    with pytest.raises(ConfigError, match="found an answer to 'x'; expected something pending"):
        team.resume_stream("one", answers={"x": "yes"})


# streams


async def test_a_stream_tells_events_and_then_the_result() -> None:
    with ScriptedModel([data(Review())]) as model:
        stream = Team([Writer(), Critic()], final=Review, model=model).stream("g", run_id="r")
        assert stream.run_id == "r"
        names = [event.name async for event in stream]
        run = await stream.result()
    assert names[0] == "run_started"
    assert names[-1] == "run_ended"
    assert names.count("message_published") == 3
    assert "delta" in names
    assert run.success


async def test_leaving_a_stream_cancels_the_run_and_it_can_be_resumed() -> None:
    waiting = asyncio.Event()

    class Slow(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Pitch:
            waiting.set()
            await asyncio.sleep(self.deps)
            return Pitch()

    team = Team([Slow()], final=Pitch)
    async with team.stream("g", run_id="r", deps=3600) as stream:
        await waiting.wait()
    with pytest.raises(RunCancelledError) as caught:
        await stream.result()
    assert caught.value.run is not None
    assert caught.value.run.status == "cancelled"
    assert (await team.resume("r", deps=0)).status == "done"


# models


async def test_a_team_without_a_model_says_so_at_the_first_ask() -> None:
    with pytest.raises(HandlerFailedError, match="role 'critic': found no model") as caught:
        await Team([Writer(), Critic()], final=Review).run("g")
    assert isinstance(caught.value.__cause__, ConfigError)


async def test_a_reference_of_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(HandlerFailedError, match="no models plugin 'opemai'.*Did you mean 'openai'"):
        await Team([Writer(), Critic()], final=Review, model="opemai:gpt").run("g")


async def test_a_budget_of_money_needs_a_known_price_before_anything_starts() -> None:
    journal = InMemoryJournal()
    model = FunctionModel(lambda request: Review(), profile=ModelProfile(reference="mystery"))
    team = Team([Writer(), Critic()], final=Review, model=model, budget=Budget(usd=1), journal=journal)
    with pytest.raises(ConfigError, match="model 'mystery' without a known price"):
        await team.run("g")
    assert journal.runs() == []
    assert model.requests == []


async def test_a_model_is_opened_once_and_closed_with_the_team(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    class Closing(ScriptedModel):
        closed = False

        async def close(self) -> None:
            self.closed = True

    model = Closing([data(Review()), data(Review())])

    def open_it(reference: str) -> Closing:
        opened.append(reference)
        return model

    monkeypatch.setattr("metagpt.team.open_model", open_it)
    team = Team([Writer(), Critic()], final=Review, model="mine:1")
    await team.run("g")
    await team.run("g")
    assert opened == ["mine:1"]
    await team.close()
    assert model.closed


async def test_a_fake_clock_is_the_only_time_of_a_run() -> None:
    class Sleeper(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Pitch:
            return Pitch(text=self.now().isoformat())

    run = await Team([Sleeper()], final=Pitch, clock=FakeClock(0.0)).run("g")
    assert run.output.text == "1970-01-01T00:00:00+00:00"
    assert {envelope.time for envelope in run.envelopes} == {0.0}


async def test_the_log_of_a_role_names_run_role_and_handler(caplog: pytest.LogCaptureFixture) -> None:
    class Chatty(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Pitch:
            self.log.info("hello")
            return Pitch()

    with caplog.at_level(logging.INFO, logger="metagpt"):
        await Team([Chatty()], final=Pitch).run("g", run_id="r")
    (record,) = caplog.records
    assert (record.run, record.role, record.handler, record.getMessage()) == ("r", "chatty", "chatty.go", "hello")  # type: ignore[attr-defined]


async def test_the_workspace_is_made_when_it_is_used_and_not_before(tmp_path: Path) -> None:
    class Filer(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Pitch:
            if goal.text == "write":
                self.workspace.write_text("a/b.txt", "c")
            return Pitch()

    folder = tmp_path / "out"
    team = Team([Filer()], final=Pitch, workspace=folder)
    assert (await team.run("idle")).workspace is None
    assert not folder.exists()
    run = await team.run("write")
    assert run.workspace == str(folder)
    assert (folder / "a" / "b.txt").read_text() == "c"


async def test_text_answers_are_not_kept_from_one_run_to_the_next() -> None:
    class Asker(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Pitch:
            return Pitch(text=await self.ask(str, "Say."))

    with ScriptedModel([text("one"), text("two")]) as model:
        team = Team([Asker()], final=Pitch, model=model)
        assert [(await team.run("g")).output.text, (await team.run("g")).output.text] == ["one", "two"]
