"""People: approvals and questions wait without holding anybody up, and are answered in another process."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from metagpt import Approve, Edit, Goal, InMemoryJournal, Policy, Reject, Role, Rules, SqliteJournal, Team, action, on, to
from metagpt.errors import ActionError, ConfigError, HandlerFailedError, LimitReachedError, TeamError
from metagpt.events import ApprovalNeededEvent
from metagpt.testing import Crash, FunctionModel, ScriptedModel, crash_at, text
from tests.runtime.messages import Draft, Final, Item, Part, Result, Summary


class Writer(Role):
    """Writes, and asks a person before it says anything."""

    count: int = 0

    @on(Goal, approve=True, limit=3)
    async def write(self, goal: Goal) -> Draft:
        self.count += 1
        return Draft(text=await self.ask(str, "write"))


class Printer(Role):
    @on(Draft)
    async def publish(self, draft: Draft) -> Result:
        return Result(text=draft.text)


def team(path: Path, model: Any, *, roles: tuple[Role, ...] = ()) -> Team[Goal, Result]:
    return Team([*(roles or (Writer(),)), Printer()], final=Result, journal=SqliteJournal(path / "j.db"), model=model)


async def test_an_output_to_be_approved_waits_and_is_published_when_a_person_agrees(tmp_path: Path) -> None:
    with ScriptedModel([text("a")]) as model:
        run = await team(tmp_path, model).run("go")
        assert (run.status, run.success, run.outputs) == ("waiting", False, [])
        (pending,) = run.pending
        assert (pending.kind, pending.role, pending.handler, pending.proposed) == ("approval", "writer", "writer.write", (Draft(text="a"),))
        assert len(run.messages) == 1
        run = await team(tmp_path, model).resume(run.id, answers={pending.id: Approve()})
    assert run.output == Result(text="a")
    assert run.pending == ()


async def test_a_run_that_waits_is_a_status_that_the_journal_lists(tmp_path: Path) -> None:
    asked = team(tmp_path, ScriptedModel([text("a")]))
    await asked.run("go")
    assert asked.journal.runs()[0].status == "waiting"


async def test_resuming_without_an_answer_changes_nothing(tmp_path: Path) -> None:
    asked = team(tmp_path, ScriptedModel([text("a")]))
    run = await asked.run("go")
    before = len(list(asked.journal.records(run.id)))
    again = await asked.resume(run.id)
    assert (again.status, again.pending) == ("waiting", run.pending)
    assert len(list(asked.journal.records(run.id))) == before


async def test_a_rejection_runs_the_handler_again_with_the_note(tmp_path: Path) -> None:
    model = FunctionModel(lambda request: "short" if "shorter" in request.chat[-1].text else "long")
    run = await team(tmp_path, model).run("go")
    run = await team(tmp_path, model).resume(run.id, answers={run.pending[0].id: Reject("make it shorter")})
    assert (run.status, run.pending[0].proposed) == ("waiting", (Draft(text="short"),))
    run = await team(tmp_path, model).resume(run.id, answers={run.pending[0].id: Approve()})
    assert run.output == Result(text="short")
    assert run._state.role_state["writer"] == {"count": "1"}  # what the rejected attempt changed is not kept


async def test_a_text_is_a_rejection_with_that_note(tmp_path: Path) -> None:
    model = FunctionModel(lambda request: request.chat[-1].text)
    run = await team(tmp_path, model).run("go")
    run = await team(tmp_path, model).resume(run.id, answers={run.pending[0].id: "not like this"})
    assert "not like this" in str(run.pending[0].proposed)


async def test_rejections_are_counted_by_the_limit_and_the_person_may_still_agree(tmp_path: Path) -> None:
    model = FunctionModel(lambda request: "x")
    run = await team(tmp_path, model).run("go")
    for _ in range(2):
        run = await team(tmp_path, model).resume(run.id, answers={run.pending[0].id: Reject("again")})
    with pytest.raises(LimitReachedError, match=r"writer\.write") as caught:
        await team(tmp_path, model).resume(run.id, answers={run.pending[0].id: Reject("again")})
    assert len(model.requests) == 3
    ended = caught.value.run
    assert ended is not None
    assert ended.status == "failed"
    run = await team(tmp_path, model).resume(ended.id, answers={ended.pending[0].id: Approve()})
    assert run.output == Result(text="x")


async def test_an_edit_takes_the_place_of_what_was_proposed(tmp_path: Path) -> None:
    run = await team(tmp_path, ScriptedModel([text("a")])).run("go")
    run = await team(tmp_path, ScriptedModel([])).resume(run.id, answers={run.pending[0].id: Edit(Draft(text="mine"))})
    assert run.output == Result(text="mine")


async def test_an_edit_keeps_the_address(tmp_path: Path) -> None:
    class Addressing(Role):
        @on(Goal, approve=True)
        async def write(self, goal: Goal) -> Draft:
            return to(Draft(text="a"), "one")

    roles = (Addressing(), Printer("one"))
    asked = Team([*roles, Printer("two")], final=Result, journal=SqliteJournal(tmp_path / "j.db"))
    run = await asked.run("go")
    run = await asked.resume(run.id, answers={run.pending[0].id: Edit(Draft(text="mine"))})
    assert [e.sender for e in run.envelopes] == ["user", "addressing", "one"]


async def test_an_edited_list_is_a_fan_out_of_one(tmp_path: Path) -> None:
    class Splitter(Role):
        @on(Goal, approve=True)
        async def split(self, goal: Goal) -> list[Item]:
            return [Item(n=1), Item(n=2)]

        @on(Item)
        async def work(self, item: Item) -> Part:
            return Part(n=item.n)

        @on(list[Part])
        async def collect(self, parts: list[Part]) -> Summary:
            return Summary(parts=[part.n for part in parts])

    asked = Team([Splitter()], final=Summary, journal=SqliteJournal(tmp_path / "j.db"))
    run = await asked.run("go")
    assert run.pending[0].proposed == (Item(n=1), Item(n=2))
    edited = await asked.resume(run.id, answers={run.pending[0].id: Edit(Item(n=7))})
    assert edited.output == Summary(parts=[7])


async def test_an_approved_list_fans_out(tmp_path: Path) -> None:
    class Splitter(Role):
        @on(Goal, approve=True)
        async def split(self, goal: Goal) -> list[Item]:
            return [Item(n=1), Item(n=2)]

        @on(Item)
        async def work(self, item: Item) -> Part:
            return Part(n=item.n)

        @on(list[Part])
        async def collect(self, parts: list[Part]) -> Summary:
            return Summary(parts=[part.n for part in parts])

    asked = Team([Splitter()], final=Summary, journal=SqliteJournal(tmp_path / "j.db"))
    run = await asked.run("go")
    assert (await asked.resume(run.id, answers={run.pending[0].id: Approve()})).output == Summary(parts=[1, 2])


@pytest.mark.parametrize("answers", [{"nothing": Approve()}, {"<pending>": Edit(Result(text="of a wrong type"))}])
async def test_an_answer_that_does_not_fit_is_refused_before_anything_runs(tmp_path: Path, answers: dict[str, Any]) -> None:
    asked = team(tmp_path, ScriptedModel([text("a")]))
    run = await asked.run("go")
    given = {run.pending[0].id if key == "<pending>" else key: answer for key, answer in answers.items()}
    with pytest.raises(ConfigError):
        await asked.resume(run.id, answers=given)
    assert (await asked.resume(run.id, answers={run.pending[0].id: Approve()})).status == "done"


async def test_waiting_frees_the_role(tmp_path: Path) -> None:
    heard: list[int] = []

    class Busy(Role):
        @on(Item, when=lambda item: item.n == 0, approve=True)
        async def propose(self, item: Item) -> Draft:
            return Draft(text="x")

        @on(Item, when=lambda item: item.n > 0)
        async def work(self, item: Item) -> None:
            heard.append(item.n)

    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> tuple[Item, Item, Item]:
            return Item(n=0), Item(n=1), Item(n=2)

    run = await team(tmp_path, None, roles=(Speaker(), Busy())).run("go")
    assert run.status == "waiting"
    assert heard == [1, 2]


async def test_several_questions_may_be_answered_one_by_one(tmp_path: Path) -> None:
    class Proposer(Role):
        @on(Goal, approve=True)
        async def propose(self, goal: Goal) -> Draft:
            return Draft(text=self.name)

    asked = team(tmp_path, None, roles=(Proposer("one"), Proposer("two")))
    run = await asked.run("go")
    first, second = run.pending
    run = await asked.resume(run.id, answers={second.id: Approve()})
    assert (run.status, [p.id for p in run.pending]) == ("waiting", [first.id])
    run = await asked.resume(run.id, answers={first.id: Approve()})
    assert run.status == "done"
    assert [output.text for output in run.outputs] == ["two", "one"]


async def test_an_event_says_that_a_person_is_needed(tmp_path: Path) -> None:
    async with team(tmp_path, ScriptedModel([text("a")])).stream("go") as stream:
        events = [event async for event in stream]
        run = await stream.result()
    (needed,) = [event for event in events if isinstance(event, ApprovalNeededEvent)]
    assert needed.pending == run.pending[0].id
    assert (events[-1].name, getattr(events[-1], "status", "")) == ("run_ended", "waiting")


def test_an_approval_with_a_journal_in_memory_is_a_finding() -> None:
    with pytest.raises(TeamError, match="approve=True"):
        Team([Writer(), Printer()], final=Result, journal=InMemoryJournal())


async def test_another_process_answers(tmp_path: Path) -> None:
    run = await team(tmp_path, ScriptedModel([text("written here")])).run("go", run_id="r")
    program = (
        "import sys; from pathlib import Path; from metagpt import Approve; from tests.runtime.test_people import team\n"
        "run = team(Path(sys.argv[1]), None).open_run('r'); assert run.status == 'waiting'\n"
        "import asyncio; run = asyncio.run(team(Path(sys.argv[1]), None).resume('r', answers={run.pending[0].id: Approve()}))\n"
        "print(run.status, run.output.text)"
    )
    said = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "done written here"
    assert team(tmp_path, None).open_run(run.id).output == Result(text="written here")


# actions that a person is asked about

ASK = Policy(rules=Rules(writes="ask"))


class Builder(Role):
    @on(Goal)
    async def build(self, goal: Goal) -> Final:
        plan = await self.ask(str, "plan")
        number = await self.do("deploy", what=plan)
        return Final(text=f"{plan} {number}")


def deploying(done: list[str], journal: Any, model: Any, policy: Policy | None = None) -> Team[Goal, Final]:
    @action(writes=True)
    async def deploy(what: str) -> int | str | None:
        done.append(what)
        return len(done)

    return Team([Builder(actions=[deploy])], final=Final, journal=journal, model=model, policy=policy)


async def test_an_action_that_needs_agreement_waits_and_goes_on_without_buying_anything_again() -> None:
    done: list[str] = []
    journal = InMemoryJournal()
    with ScriptedModel([text("house")]) as model:
        run = await deploying(done, journal, model, ASK).run("go")
        assert (run.status, done, run.pending[0].kind) == ("waiting", [], "action")
        assert "deploy" in run.pending[0].text
        run = await deploying(done, journal, model, ASK).resume(run.id, answers={run.pending[0].id: Approve()})
    assert (run.output, done) == (Final(text="house 1"), ["house"])


async def test_an_action_that_a_person_refuses_raises_where_it_was_asked_for() -> None:
    done: list[str] = []
    journal = InMemoryJournal()
    run = await deploying(done, journal, ScriptedModel([text("house")]), ASK).run("go")
    with pytest.raises(ActionError, match="refused"):
        await deploying(done, journal, ScriptedModel([]), ASK).resume(run.id, answers={run.pending[0].id: Reject("too dear")})

    assert done == []


@pytest.mark.parametrize(("answer", "result"), [("7", "7"), ("seven", "seven"), ("null", "None"), ('"7"', "7")])
async def test_a_text_is_the_result_of_an_action_that_a_person_did_by_hand(answer: str, result: str) -> None:
    done: list[str] = []
    journal = InMemoryJournal()
    run = await deploying(done, journal, ScriptedModel([text("house")]), ASK).run("go")
    run = await deploying(done, journal, ScriptedModel([]), ASK).resume(run.id, answers={run.pending[0].id: answer})
    assert (run.output, done) == (Final(text=f"house {result}"), [])


async def test_a_lost_action_that_is_not_idempotent_waits_for_a_person() -> None:
    done: list[str] = []
    journal = InMemoryJournal()
    with pytest.raises(Crash):  # 1 start, 2 call requested, 3 call ended, 4 action started, 5 action ended
        await deploying(done, crash_at(5, journal), ScriptedModel([text("house")])).run("go", run_id="r")
    assert done == ["house"]
    run = await deploying(done, journal, ScriptedModel([])).resume("r")
    assert run.status == "waiting"
    assert "it may have happened" in run.pending[0].text
    assert done == ["house"]
    run = await deploying(done, journal, ScriptedModel([])).resume("r", answers={run.pending[0].id: "1"})
    assert (run.output, done) == (Final(text="house 1"), ["house"])


async def test_an_action_that_never_began_is_not_taken_for_a_lost_one() -> None:
    """The run is ended by a sibling in the same moment as the action is about to begin."""
    done: list[str] = []

    class Spoiler(Role):
        @on(Goal)
        async def spoil(self, goal: Goal) -> None:
            if not spoiled:
                spoiled.append(True)
                raise ValueError("spoiled")

    class Doer(Role):
        @on(Goal)
        async def act(self, goal: Goal) -> Final:
            return Final(text=str(await self.do("deploy", what="it")))

    @action(writes=True)
    async def deploy(what: str) -> int:
        done.append(what)
        return len(done)

    for order in (0, 1):
        spoiled: list[bool] = []
        done.clear()
        journal = InMemoryJournal()
        roles: list[Role] = [Spoiler(), Doer(actions=[deploy])]
        asked = Team(roles[::-1] if order else roles, final=Final, journal=journal)
        with pytest.raises(HandlerFailedError, match="spoiled") as caught:
            await asked.run("go")
        assert done == []
        assert caught.value.run is not None
        run = await asked.resume(caught.value.run.id)
        assert (run.output, done) == (Final(text="1"), ["it"])
        spoiled.clear()
        done.clear()
        with pytest.raises(Crash):  # 1 start, 2 the failure and the action in one batch, 3 the end
            await Team(roles[::-1] if order else roles, final=Final, journal=crash_at(3, journal)).run("go", run_id=f"crash{order}")
        assert done == []
        if order == 0:  # the failure came first: the action cannot have begun
            run = await asked.resume("crash0")
            assert (run.output, done) == (Final(text="1"), ["it"])


async def test_a_suspended_handler_sees_its_role_as_it_was_when_it_asked_its_models() -> None:
    """Another message of the role is handled while the first one waits; the replies it bought are still the right ones."""
    journal = InMemoryJournal()

    class Busy(Role):
        count: int = 0

        @on(Item, when=lambda item: item.n == 0)
        async def risky(self, item: Item) -> Final:
            plan = await self.ask(str, "plan {{ count }}", count=self.count)
            return Final(text=f"{plan} {await self.do('deploy', what=plan)}")

        @on(Item, when=lambda item: item.n > 0)
        async def work(self, item: Item) -> None:
            self.count += 1
            await self.memory.remember("something new")

    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> tuple[Item, Item, Item]:
            return Item(n=1), Item(n=0), Item(n=2)

    @action(writes=True)
    async def deploy(what: str) -> int:
        return 1

    with ScriptedModel([text("house")]) as model:
        asked = Team([Speaker(), Busy(actions=[deploy])], final=Final, journal=journal, model=model, policy=ASK)
        run = await asked.run("go")
        run = await asked.resume(run.id, answers={run.pending[0].id: Approve()})
    assert run.output == Final(text="house 1")
    assert run._state.role_state["busy"] == {"count": "2"}


async def test_an_action_denied_by_the_policy_raises_and_says_what_it_touches() -> None:
    done: list[str] = []
    with pytest.raises(ActionError, match=r"denies role 'builder'.*Change Team\(policy=\)"):
        await deploying(done, InMemoryJournal(), ScriptedModel([text("x")]), Policy(actions={"deploy": "deny"})).run("go")
    assert done == []


async def test_people_are_asked_in_a_task_group_as_well() -> None:
    import asyncio

    class Grouped(Role):
        @on(Goal)
        async def build(self, goal: Goal) -> Final:
            async with asyncio.TaskGroup() as group:
                both = [group.create_task(self.do("deploy", what=what)) for what in ("a", "b")]
            return Final(text=str(sorted(task.result() for task in both)))

    done: list[str] = []

    @action(writes=True)
    async def deploy(what: str) -> str:
        done.append(what)
        return what

    asked = Team([Grouped(actions=[deploy])], final=Final, policy=ASK)
    run = await asyncio.wait_for(asked.run("go"), 5)
    for _ in range(2):
        assert run.status == "waiting"
        run = await asked.resume(run.id, answers={run.pending[0].id: Approve()})
    assert run.output == Final(text="['a', 'b']")
    assert sorted(done) == ["a", "b"]


async def test_what_waits_is_readable_in_the_file(tmp_path: Path) -> None:
    await team(tmp_path, ScriptedModel([text("a")])).run("go")
    rows = sqlite3.connect(tmp_path / "j.db").execute("SELECT kind, body FROM records ORDER BY sequence").fetchall()
    proposed = [json.loads(body) for kind, body in rows if kind == "OutputProposed"]
    assert proposed[0]["messages"] == [{"type": "Draft", "body": {"text": "a"}}]
