"""Questions to people: a `Human` role, `ask_person`, edits, time limits, and what a person is shown."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from metagpt import (
    Approve,
    Edit,
    EditArguments,
    Goal,
    Human,
    InMemoryJournal,
    Message,
    Policy,
    Reject,
    Role,
    Rules,
    SqliteJournal,
    Team,
    WaitLimit,
    action,
    on,
)
from metagpt.actions.interface import ActionContext
from metagpt.errors import ActionError, ConfigError, HandlerFailedError, HandlerSignatureError, RunError, TeamError, UnansweredError
from metagpt.events import AnsweredEvent, ApprovalNeededEvent
from metagpt.runtime import ticks as t
from metagpt.runtime.codec import TickCodec
from metagpt.runtime.differences import difference
from metagpt.runtime.ticks import Pending
from metagpt.testing import FakeClock, ScriptedModel, text
from tests.runtime.messages import Draft, Final, Item, Part, Result, Review


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        return Draft(text=await self.ask(str, "write"))


class Printer(Role):
    @on(Review)
    async def publish(self, review: Review) -> Result:
        return Result(text=f"{review.approved} {review.notes}")


def reviewed(journal: Any, model: Any, human: Human[Any], **keywords: Any) -> Team[Goal, Result]:
    return Team([Writer(), human, Printer()], final=Result, journal=journal, model=model, **keywords)


def editor() -> Human[Any]:
    return Human("editor", hears=Draft, says=Review, question="May this be printed?")


# a person in the team


async def test_a_human_is_asked_what_it_hears_and_answers_with_what_it_says() -> None:
    journal = InMemoryJournal()
    with ScriptedModel([text("tea")]) as model:
        run = await reviewed(journal, model, editor()).run("go")
        (pending,) = run.pending
        assert (run.status, pending.kind, pending.role, pending.text) == ("waiting", "question", "editor", "May this be printed?")
        assert (pending.about, pending.forms) == ((Draft(text="tea"),), ("Review",))
        assert pending.schema is not None
        assert set(pending.schema["properties"]) == {"approved", "notes"}
        run = await reviewed(journal, model, editor()).resume(run.id, answers={pending.id: Edit(Review(approved=True, notes="fine"))})
    assert run.output == Result(text="True fine")


async def test_a_humans_answer_may_be_written_as_json() -> None:
    asked = reviewed(InMemoryJournal(), ScriptedModel([text("tea")]), editor())
    run = await asked.run("go")
    run = await asked.resume(run.id, answers={run.pending[0].id: '{"approved": false}'})
    assert run.output == Result(text="False ")


@pytest.mark.parametrize("answer", ['{"approved": "perhaps"}', "yes", Edit(Draft(text="of a wrong type")), Approve()])
async def test_an_answer_that_is_no_such_message_is_refused_before_anything_runs(answer: Any) -> None:
    journal = InMemoryJournal()
    asked = reviewed(journal, ScriptedModel([text("tea")]), editor())
    run = await asked.run("go")
    before = len(list(journal.records(run.id)))
    with pytest.raises(ConfigError, match="approved|Review|text"):
        await asked.resume(run.id, answers={run.pending[0].id: answer})
    assert len(list(journal.records(run.id))) == before


async def test_plain_text_answers_a_message_of_one_text() -> None:
    asked = Team([Human("poet", hears=Goal, says=Result)], final=Result)
    run = await asked.run("go")
    assert (await asked.resume(run.id, answers={run.pending[0].id: "roses are red"})).output == Result(text="roses are red")


async def test_a_role_of_a_model_becomes_one_of_a_person_by_its_base_class() -> None:
    class Critic(Human):
        """A critic."""

        @on(Draft)
        async def review(self, draft: Draft) -> Review | Part:
            return await self.ask(Review | Part, "Is {{ draft.text }} good?", draft=draft)

    asked = Team([Writer(), Critic(), Printer()], final=Result | Part, model=ScriptedModel([text("tea")]))
    run = await asked.run("go")
    assert (run.pending[0].text, run.pending[0].forms) == ("Is tea good?", ("Review", "Part"))
    run = await asked.resume(run.id, answers={run.pending[0].id: '{"approved": true, "notes": "yes"}'})
    assert run.output == Result(text="True yes")


async def test_a_human_may_refuse_to_answer() -> None:
    asked = reviewed(InMemoryJournal(), ScriptedModel([text("tea")]), editor())
    run = await asked.run("go")
    with pytest.raises(ActionError, match="did not answer 'May this be printed\\?' \\('on holiday'\\)"):
        await asked.resume(run.id, answers={run.pending[0].id: Reject("on holiday")})


# questions in handlers and actions


class Builder(Role):
    @on(Goal)
    async def build(self, goal: Goal) -> Final:
        plan = await self.ask(str, "plan")
        number = await self.ask_person(int, "How many of {{ plan }}?", plan=plan)
        return Final(text=f"{plan} {number + 1}")


async def test_an_answer_of_the_wrong_type_is_asked_for_again_with_the_error_and_nothing_is_bought_twice() -> None:
    with ScriptedModel([text("house")]) as model:
        asked = Team([Builder()], final=Final, model=model)
        run = await asked.run("go")
        assert run.pending[0].text == "How many of house?"
        first = run.pending[0].id
        run = await asked.resume(run.id, answers={first: "several"})
        assert run.status == "waiting"
        assert run.pending[0].id != first
        assert "How many of house?" in run.pending[0].text
        assert "several" in run.pending[0].text
        run = await asked.resume(run.id, answers={run.pending[0].id: "2"})
    assert run.output == Final(text="house 3")


async def test_an_action_asks_a_person_and_each_use_of_it_gets_its_own_answer() -> None:
    @action
    async def ask_human(question: str, context: ActionContext) -> str:
        """Ask."""
        return f"<{await context.ask_person(question)}>"

    class Asker(Role):
        @on(Goal)
        async def build(self, goal: Goal) -> Final:
            return Final(text=" ".join([await self.do("ask_human", question="Which?"), await self.do("ask_human", question="Which?")]))

    asked = Team([Asker(actions=[ask_human])], final=Final)
    run = await asked.run("go")
    for answer in ("red", "blue"):
        assert (run.pending[0].kind, run.pending[0].text) == ("question", "Which?")
        run = await asked.resume(run.id, answers={run.pending[0].id: answer})
    assert run.output == Final(text="<red> <blue>")


async def test_an_action_that_writes_and_asks_first_is_not_taken_for_a_lost_one() -> None:
    done: list[str] = []

    @action(writes=True)
    async def deploy(context: ActionContext) -> str:
        where: str = await context.ask_person("Where?")
        done.append(where)
        return where

    class Doer(Role):
        @on(Goal)
        async def build(self, goal: Goal) -> Final:
            return Final(text=await self.do("deploy"))

    asked = Team([Doer(actions=[deploy])], final=Final)
    run = await asked.run("go")
    run = await asked.resume(run.id, answers={run.pending[0].id: "here"})
    assert (run.output, done) == (Final(text="here"), ["here"])


async def test_outside_of_a_run_an_action_has_nobody_to_ask(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="nobody to ask"):
        await ActionContext(workspace=tmp_path).ask_person("Which?")


# editing


class Deployer(Role):
    @on(Goal)
    async def build(self, goal: Goal) -> Final:
        return Final(text=await self.do("deploy", where="here", times=1))


def deploying(done: list[str]) -> Team[Goal, Final]:
    @action(writes=True)
    async def deploy(where: str, times: int) -> str:
        done.extend([where] * times)
        return f"deployed {where}"

    return Team([Deployer(actions=[deploy])], final=Final, policy=Policy(rules=Rules(writes="ask")))


async def test_an_actions_arguments_may_be_edited_and_what_does_not_fit_is_asked_for_again() -> None:
    done: list[str] = []
    asked = deploying(done)
    run = await asked.run("go")
    assert (run.pending[0].action, run.pending[0].arguments) == ("deploy", '{"where":"here","times":1}')
    for wrong in ('{"where": "there", "times": "many"}', "[1]", "no json"):
        run = await asked.resume(run.id, answers={run.pending[0].id: EditArguments(wrong)})
        assert (run.status, done) == ("waiting", [])
    run = await asked.resume(run.id, answers={run.pending[0].id: EditArguments('{"where": "there", "times": 2}')})
    assert (run.output, done) == (Final(text="deployed there"), ["there", "there"])


async def test_several_messages_are_edited_together(tmp_path: Path) -> None:
    class Splitter(Role):
        @on(Goal, approve=True)
        async def split(self, goal: Goal) -> list[Item]:
            return [Item(n=1), Item(n=2)]

        @on(Item)
        async def work(self, item: Item) -> Part:
            return Part(n=item.n)

    asked = Team([Splitter()], final=Part, journal=SqliteJournal(tmp_path / "j.db"))
    run = await asked.run("go")
    run = await asked.resume(run.id, answers={run.pending[0].id: Edit(Item(n=7), (Item(n=8), Item(n=9)))})
    assert [part.n for part in run.outputs] == [7, 8, 9]


# time limits


def proposing(limit: WaitLimit | bool, path: Path, clock: FakeClock, **keywords: Any) -> Team[Goal, Result]:
    class Proposer(Role):
        @on(Goal, approve=limit, limit=2)
        async def propose(self, goal: Goal) -> Draft:
            return Draft(text=self.feedback or "first")

    class Publisher(Role):
        @on(Draft)
        async def publish(self, draft: Draft) -> Result:
            return Result(text=draft.text)

    return Team([Proposer(), Publisher()], final=Result, journal=SqliteJournal(path / "j.db"), clock=clock, **keywords)


@pytest.mark.parametrize(
    ("default", "output"),
    [(Approve(), Result(text="first")), (Edit(Draft(text="mine")), Result(text="mine"))],
)
async def test_after_the_time_limit_a_later_process_takes_the_default_without_asking(tmp_path: Path, default: Any, output: Result) -> None:
    limit = WaitLimit(seconds=3600, default=default)
    run = await proposing(limit, tmp_path, FakeClock(start=0.0)).run("go", run_id="r")
    assert (run.status, run.pending[0].until, run.pending[0].default) == ("waiting", 3600.0, default)
    early = await proposing(limit, tmp_path, FakeClock(start=3599.0)).resume("r")
    assert early.status == "waiting"
    async with proposing(limit, tmp_path, FakeClock(start=3600.0)).resume_stream("r") as stream:
        events = [event async for event in stream]
        late = await stream.result()
    assert late.output == output
    (answered,) = [event for event in events if isinstance(event, AnsweredEvent)]
    assert (answered.by_default, answered.role) == (True, "proposer")


async def test_a_limit_is_the_one_that_was_recorded_whatever_is_set_later(tmp_path: Path) -> None:
    await proposing(WaitLimit(seconds=10, default=Approve()), tmp_path, FakeClock(start=0.0)).run("go", run_id="r")
    run = await proposing(WaitLimit(seconds=99, default=Reject("no")), tmp_path, FakeClock(start=20.0)).resume("r")
    assert run.output == Result(text="first")


@pytest.mark.parametrize("default", [Reject("too slow"), "too slow"])
async def test_a_rejection_that_nobody_wrote_ends_the_run_and_nothing_is_asked_again(tmp_path: Path, default: Any) -> None:
    limit = WaitLimit(seconds=10, default=default)
    first = await proposing(limit, tmp_path, FakeClock(start=0.0)).run("go", run_id="r")
    for start in (50.0, 100.0):
        late = proposing(limit, tmp_path, FakeClock(start=start))
        with pytest.raises(
            UnansweredError, match=r"proposer.propose: .*nobody answered in time \(too slow\); expected an answer"
        ) as caught:
            await late.resume("r")
        assert (caught.value.role, caught.value.handler, caught.value.message) == ("proposer", "proposer.propose", "Goal")
        run = late.open_run("r")
        assert (run.status, run.pending, str(run.error)) == ("failed", first.pending, str(caught.value))
        assert [event.name for event in run.events()].count("handler_started") == 1


async def test_a_person_may_still_answer_what_ended_a_run(tmp_path: Path) -> None:
    limit = WaitLimit(seconds=10)
    (pending,) = (await proposing(limit, tmp_path, FakeClock(start=0.0)).run("go", run_id="r")).pending
    late = proposing(limit, tmp_path, FakeClock(start=50.0))
    with pytest.raises(UnansweredError, match=r"rejected as nobody answered in time; expected"):
        await late.resume("r")
    again = await late.resume("r", answers={pending.id: Reject("shorter")})
    assert (again.status, again.pending[0].proposed, again.pending[0].until) == ("waiting", (Draft(text="shorter"),), 60.0)
    assert (await late.resume("r", answers={again.pending[0].id: Approve()})).output == Result(text="shorter")


async def test_a_rejection_that_nobody_wrote_ends_a_run_that_is_busy_elsewhere(tmp_path: Path) -> None:
    clock = FakeClock(start=0.0)

    class Both(Role):
        @on(Goal)
        async def begin(self, goal: Goal) -> tuple[Item, Result]:
            return Item(n=1), Result(text="x")

        @on(Item, approve=WaitLimit(seconds=10))
        async def propose(self, item: Item) -> Draft:
            return Draft(text=await self.ask(str, "propose"))

    class Slow(Role):
        @on(Result)
        async def work(self, result: Result) -> None:
            await clock.sleep(100)

    with ScriptedModel([text("proposed")]) as model:
        asked = Team([Both(), Slow()], final=Draft, journal=SqliteJournal(tmp_path / "j.db"), clock=clock, model=model)
        with pytest.raises(UnansweredError):
            await asked.run("go")
    assert clock.now() == 10.0


async def test_journals_in_which_such_a_rejection_ran_the_handler_again_read_as_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = WaitLimit(seconds=10, default=Reject("too slow"))
    await proposing(limit, tmp_path, FakeClock(start=0.0)).run("go", run_id="r")
    with monkeypatch.context() as before:
        before.setattr("metagpt.team.overdue", lambda each, now: t.Answered(now, each.id, each.default, each.role, by_default=True))
        await proposing(limit, tmp_path, FakeClock(start=50.0)).resume("r")
    late = proposing(limit, tmp_path, FakeClock(start=70.0))
    run = late.open_run("r")
    assert (run.status, run.pending[0].proposed, run.pending[0].until) == ("waiting", (Draft(text="too slow"),), 60.0)
    with pytest.raises(UnansweredError):
        await late.resume("r")
    old = t.Answered(1.0, "p", Reject("no"), by_default=True)
    kind, written = TickCodec({}).encode(old)
    assert TickCodec({}).decode(kind, written.replace(b',"settles":false', b"")) == old


async def test_a_person_who_answers_late_but_first_is_heard(tmp_path: Path) -> None:
    limit = WaitLimit(seconds=10, default=Approve())
    run = await proposing(limit, tmp_path, FakeClock(start=0.0)).run("go", run_id="r")
    late = proposing(limit, tmp_path, FakeClock(start=50.0))
    assert (await late.resume("r", answers={run.pending[0].id: Edit(Draft(text="mine"))})).output == Result(text="mine")


async def test_the_time_runs_while_the_run_goes_on(tmp_path: Path) -> None:
    clock = FakeClock(start=0.0)

    class Both(Role):
        @on(Item, approve=WaitLimit(seconds=10, default=Approve()))
        async def propose(self, item: Item) -> Draft:
            return Draft(text="proposed")

        @on(Draft)
        async def note(self, draft: Draft) -> Part:
            return Part(n=int(clock.now()))

        @on(Goal)
        async def begin(self, goal: Goal) -> tuple[Item, Result]:
            return Item(n=1), Result(text="x")

    class Slow(Role):
        @on(Result)
        async def work(self, result: Result) -> None:
            await clock.sleep(100)

    asked = Team([Both(), Slow()], final=Part, journal=SqliteJournal(tmp_path / "j.db"), clock=clock)
    run = await asked.run("go")
    assert (run.status, run.output) == ("done", Part(n=10))


async def test_a_teams_limit_holds_for_all_that_says_none_of_its_own(tmp_path: Path) -> None:
    team = proposing(True, tmp_path, FakeClock(start=0.0), wait_limit=WaitLimit(seconds=5, default=Approve()))
    assert (await team.run("go")).pending[0].until == 5.0
    asked = Team([Human("poet", hears=Goal, says=Result)], final=Result, clock=FakeClock(start=0.0), wait_limit=WaitLimit(seconds=5))
    assert (await asked.run("go", run_id="r")).pending[0].default == Reject("nobody answered in time")
    own = Human("poet", hears=Goal, says=Result, wait_limit=WaitLimit(seconds=7, default="roses"))
    journal = InMemoryJournal()
    run = await Team([own], final=Result, clock=FakeClock(start=0.0), journal=journal).run("go")
    later = Team([own], final=Result, clock=FakeClock(start=8.0), journal=journal)
    assert (await later.resume(run.id)).output == Result(text="roses")


async def test_agreement_by_default_does_not_run_again_what_may_have_happened() -> None:
    from metagpt.testing import Crash, crash_at

    done: list[str] = []
    journal = InMemoryJournal()

    @action(writes=True)
    async def deploy(where: str, times: int) -> str:
        done.append(where)
        return where

    def team(journal: Any, start: float) -> Team[Goal, Final]:
        limit = WaitLimit(seconds=5, default=Approve())
        return Team([Deployer(actions=[deploy])], final=Final, journal=journal, clock=FakeClock(start=start), wait_limit=limit)

    with pytest.raises(Crash):  # 1 start, 2 action started, 3 action ended
        await team(crash_at(3, journal), 0.0).run("go", run_id="r")
    assert (await team(journal, 0.0).resume("r")).status == "waiting"
    with pytest.raises(RunError, match="nobody answered in time"):
        await team(journal, 60.0).resume("r")
    assert done == ["here"]


@pytest.mark.parametrize("default", [Edit(Result(text="x")), EditArguments("{}")])
def test_a_default_that_the_handler_cannot_say_is_a_finding(tmp_path: Path, default: Any) -> None:
    with pytest.raises(TeamError, match=r"proposer.propose: approve= with .*expected Approve\(\), Reject\(note\) or Edit\(Draft\)"):
        proposing(WaitLimit(seconds=1, default=default), tmp_path, FakeClock())


async def test_a_default_that_is_no_answer_is_an_error_when_it_is_asked() -> None:
    asked = Team([Human("poet", hears=Goal, says=Review, wait_limit=WaitLimit(seconds=1, default="roses"))], final=Review)
    with pytest.raises(HandlerFailedError, match="expected such an answer"):
        await asked.run("go")


def test_limits_are_checked_when_they_are_made() -> None:
    with pytest.raises(ValueError, match="expected more than 0"):
        WaitLimit(seconds=0)
    with pytest.raises(ConfigError, match="expected a WaitLimit"):
        Team([Human("poet", hears=Goal, says=Result)], final=Result, wait_limit=WaitLimit(seconds=1, default="yes"))
    with pytest.raises(HandlerSignatureError, match="expected True or a limit"):

        class Wrong(Role):
            @on(Goal, approve=3600)  # type: ignore[call-overload, untyped-decorator]
            async def propose(self, goal: Goal) -> Draft:
                return Draft(text="")


# leaving


async def test_leaving_a_stream_after_a_person_was_asked_leaves_the_run_waiting(tmp_path: Path) -> None:
    hanging, released = asyncio.Event(), asyncio.Event()

    class Proposer(Role):
        @on(Goal, approve=True)
        async def propose(self, goal: Goal) -> Draft:
            await hanging.wait()
            return Draft(text="x")

    class Slow(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Part:
            hanging.set()
            await released.wait()
            return Part(n=1)

    asked = Team([Proposer(), Slow()], final=Draft | Part, journal=SqliteJournal(tmp_path / "j.db"))
    async with asked.stream("go", run_id="r") as stream:
        async for event in stream:
            if isinstance(event, ApprovalNeededEvent):
                break
    run = asked.open_run("r")
    assert (run.status, len(run.pending)) == ("waiting", 1)
    released.set()
    run = await asked.resume("r")  # what was cut goes on without an answer
    assert (run.status, run.outputs) == ("waiting", [Part(n=1)])
    run = await asked.resume("r", answers={run.pending[0].id: Approve()})
    assert (run.status, run.outputs) == ("done", [Part(n=1), Draft(text="x")])


async def test_cancelling_is_still_cancelling(tmp_path: Path) -> None:
    class Slow(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Part:
            await asyncio.Event().wait()
            return Part(n=1)

    asked = Team([Slow()], final=Part)
    async with asked.stream("go", run_id="r"):
        await asyncio.sleep(0)
    assert asked.open_run("r").status == "cancelled"


# what a person is shown


class Files(Message):
    files: dict[str, str]


async def test_a_proposed_message_is_compared_with_the_last_one_of_its_type(tmp_path: Path) -> None:
    class Proposer(Role):
        @on(Goal)
        async def first(self, goal: Goal) -> Draft:
            return Draft(text="one\ntwo")

        @on(Draft, when=lambda draft: draft.text.endswith("two"), approve=True, limit=1)
        async def again(self, draft: Draft) -> Draft:
            return Draft(text="one\nthree")

    asked = Team([Proposer()], final=Draft, journal=SqliteJournal(tmp_path / "j.db"))
    run = await asked.run("go")
    assert run.difference(run.pending[0]).splitlines() == [
        "--- Draft (last)", "+++ Draft (proposed)", "@@ -1,3 +1,3 @@", " text:", "   one", "-  two", "+  three",
    ]  # fmt: skip


async def test_the_first_message_of_its_type_is_shown_whole(tmp_path: Path) -> None:
    run = await proposing(True, tmp_path, FakeClock()).run("go")
    assert run.difference(run.pending[0]) == "Draft:\n  text: first\n"


def approval(*proposed: Message) -> Pending:
    return Pending(id="p", kind="approval", role="r", handler="r.h", text="?", proposed=proposed)


class Script(Message):
    path: str
    text: str
    command: str = ""
    parts: list[dict[str, str]] = []


def test_every_proposed_message_is_shown_also_beside_one_that_is_compared() -> None:
    shown = difference(approval(Draft(text="two"), Part(n=1000000)), [Draft(text="one")], None)
    assert shown == "--- Draft (last)\n+++ Draft (proposed)\n@@ -1 +1 @@\n-text: one\n+text: two\nPart:\n  n: 1000000\n"
    assert difference(approval(Draft(text="one")), [Draft(text="one")], None) == "Draft, as in the last one:\n  text: one\n"


def test_what_a_files_diff_does_not_cover_is_shown_beside_it() -> None:
    script = Script(path="a.txt", text="hi\n", command="rm -rf /", parts=[{"file": "b.txt", "code": "x", "mode": "0777"}])
    files = "--- /dev/null\n+++ a.txt\n@@ -0,0 +1 @@\n+hi\n--- /dev/null\n+++ b.txt\n@@ -0,0 +1 @@\n+x\n"
    rest = "  parts:\n    -\n      mode: 0777\n"
    assert difference(approval(script), [], None) == f"{files}Script:\n  command: rm -rf /\n{rest}"
    earlier = script.model_copy(update={"command": "ls", "text": "before"})
    changed = "--- Script (last)\n+++ Script (proposed)\n@@ -1 +1 @@\n-command: ls\n+command: rm -rf /\n"
    assert difference(approval(script), [earlier], None) == f"{files}{changed}Script, as in the last one:\n{rest}"


def test_nothing_of_a_long_message_is_cut_short_and_no_name_passes_for_a_line() -> None:
    shown = difference(approval(Draft(text="x" * 900 + "; rm -rf /"), Script(path="a\n+++ b", text="")), [], None)
    assert "; rm -rf /\n" in shown
    assert "+++ 'a\\n+++ b'\n(empty)\n" in shown


def test_a_file_that_cannot_be_read_or_does_not_change_is_said(tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(b"\x89\xff")
    (tmp_path / "same.txt").write_text("x\n")
    (tmp_path / "link.txt").symlink_to("same.txt")
    proposed = Files(files={"image.png": "new", "same.txt": "x", "link.txt": "y"})
    assert difference(approval(proposed), [], str(tmp_path)).splitlines() == [
        "--- image.png (what is there cannot be read: it is no text)", "+++ image.png", "@@ -0,0 +1 @@", "+new",
        "--- same.txt", "+++ same.txt", "(no line differs)",
        "--- link.txt (what is there cannot be read: it is no plain file of the run's folder, or a huge one)", "+++ link.txt",
        "@@ -0,0 +1 @@", "+y",
    ]  # fmt: skip


async def test_proposed_files_are_compared_with_those_in_the_workspace(tmp_path: Path) -> None:
    class Scribe(Role):
        @on(Goal, approve=True)
        async def write(self, goal: Goal) -> Files:
            self.workspace.write_text("a.py", "x = 1\ny = 2\n")
            return Files(files={"a.py": "x = 1\ny = 3\n", "b.py": "z = 1\n", "../outside": "never"})

    asked = Team([Scribe()], final=Files, journal=SqliteJournal(tmp_path / "j.db"), workspace=tmp_path / "w")
    run = await asked.run("go")
    shown = run.difference(run.pending[0])
    assert shown.startswith(
        "--- a.py\n+++ a.py\n@@ -1,2 +1,2 @@\n x = 1\n-y = 2\n+y = 3\n--- /dev/null\n+++ b.py\n@@ -0,0 +1 @@\n+z = 1\n"
        "--- ../outside (what is there cannot be read"
    )
    assert shown.endswith("+++ ../outside\n@@ -0,0 +1 @@\n+never\n")


async def test_an_action_that_would_write_a_file_is_shown_as_a_diff(tmp_path: Path) -> None:
    from metagpt.actions.files import write_file

    class Scribe(Role):
        @on(Goal)
        async def write(self, goal: Goal) -> Final:
            self.workspace.write_text("a.txt", "old\n")
            return Final(text=await self.do(write_file, path="a.txt", text="new\n"))

    asked = Team([Scribe()], final=Final, policy=Policy(rules=Rules(writes="ask")), workspace=tmp_path / "w")
    run = await asked.run("go")
    assert run.difference(run.pending[0]) == "--- a.txt\n+++ a.txt\n@@ -1 +1 @@\n-old\n+new\n"


# the journal


ANSWERS = [Approve(), Reject("no"), Reject(""), Edit(Draft(text="x")), Edit(Draft(text="x"), (Part(n=1),)), EditArguments("{}"), "text"]


@pytest.mark.parametrize("answer", ANSWERS)
def test_what_people_are_asked_and_answer_reads_back_as_it_was(answer: Any) -> None:
    pending = Pending(
        id="p", kind="question", role="r", handler="r.h", text="?", about=(Draft(text="a"),), forms=("Draft",), schema={"type": "object"},
        until=5.0, default=answer, action="a", arguments="{}",
    )  # fmt: skip
    ticks: list[t.Tick] = [
        t.Answered(1.0, "p", answer, "r", by_default=True),
        t.HandlerSuspended(1.0, "i", pending),
        t.OutputProposed(1.0, "i", 1, (), (), False, limit=WaitLimit(seconds=2.0, default=answer)),
        t.CancelRequested(1.0, leaves=True),
    ]
    codec = TickCodec({"Draft": Draft, "Part": Part})
    assert [codec.decode(*codec.encode(tick)) for tick in ticks] == ticks


def test_questions_of_journals_from_before_there_were_limits_read_back() -> None:
    body = b'{"time":1.0,"invocation":"i","pending":{"id":"p","kind":"action","role":"r","handler":"r.h","text":"?","invocation":"i"}}'
    tick = TickCodec({}).decode("HandlerSuspended", body)
    assert tick == t.HandlerSuspended(1.0, "i", Pending(id="p", kind="action", role="r", handler="r.h", text="?", invocation="i"))
