"""Who hears what: routing, addressing, predicates, the end of a run."""

from __future__ import annotations

import pytest

from metagpt import Goal, Role, Team, on, reply, to
from metagpt.errors import HandlerFailedError, NoOutputError, TeamError, UnroutableError
from tests.runtime.messages import Draft, Final, Item, Left, Plan, Result, Review, Special, tags


async def test_a_role_hears_its_own_messages() -> None:
    class Alone(Role):
        @on(Goal)
        async def plan(self, goal: Goal) -> Plan:
            return Plan(text=goal.text)

        @on(Plan)
        async def carry_out(self, plan: Plan) -> Result:
            return Result(text=plan.text.upper())

    run = await Team([Alone()], final=Result).run("go")
    assert run.output == Result(text="GO")


async def test_every_hearer_gets_each_message() -> None:
    heard: list[str] = []

    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Item:
            return Item(n=1)

    class Listener(Role):
        @on(Item)
        async def listen(self, item: Item) -> None:
            heard.append(self.name)

    await Team([Speaker(), Listener("one"), Listener("two"), Listener("three")]).run("go")
    assert heard == ["one", "two", "three"]


async def test_a_handler_hears_subclasses_of_what_it_names() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Item | Special:
            return Special(n=2)

    class Listener(Role):
        @on(Item)
        async def listen(self, item: Item) -> Final:
            return Final(text=type(item).__name__)

    assert (await Team([Speaker(), Listener()], final=Final).run("go")).output == Final(text="Special")


async def test_a_message_is_heard_by_the_roles_it_is_addressed_to_and_by_no_other() -> None:
    heard: list[str] = []

    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Item:
            return to(Item(n=1), "two", "three")

    class Listener(Role):
        @on(Item)
        async def listen(self, item: Item) -> None:
            heard.append(self.name)

    run = await Team([Speaker(), Listener("one"), Listener("two"), Listener("three")]).run("go")
    assert heard == ["two", "three"]
    assert run.envelopes[1].recipients == ("two.listen", "three.listen")


async def test_a_reply_goes_to_the_sender_of_the_cause() -> None:
    heard: list[str] = []

    class Asker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Item:
            return Item(n=1)

        @on(Draft)
        async def listen(self, draft: Draft) -> None:
            heard.append(self.name)

    class Answerer(Role):
        @on(Item)
        async def answer(self, item: Item) -> Draft:
            return reply(Draft(text="for you alone"))

    class Bystander(Role):
        @on(Draft)
        async def listen(self, draft: Draft) -> None:
            heard.append(self.name)

    await Team([Asker(), Answerer(), Bystander()]).run("go")
    assert heard == ["asker"]


async def test_a_message_to_a_role_that_the_team_lacks_is_unroutable_and_names_the_closest() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Item:
            return to(Item(n=1), "lissener")

    class Listener(Role):
        @on(Item)
        async def listen(self, item: Item) -> None: ...

    with pytest.raises(UnroutableError, match="'listener'") as caught:
        await Team([Speaker(), Listener()]).run("go")
    assert (caught.value.role, caught.value.handler, caught.value.message) == ("speaker", "speaker.speak", "Goal")


async def test_a_predicate_is_evaluated_once_and_the_choice_stands_in_the_envelope() -> None:
    asked: list[int] = []

    def is_even(item: Item) -> bool:
        asked.append(item.n)
        return item.n % 2 == 0

    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> tuple[Item, Item]:
            return Item(n=1), Item(n=2)

    class Picky(Role):
        @on(Item, when=is_even)
        async def even(self, item: Item) -> Final:
            return Final(text=str(item.n))

        @on(Item, when=lambda item: item.n % 2 == 1)
        async def odd(self, item: Item) -> None: ...

    run = await Team([Speaker(), Picky()], final=Final).run("go")
    assert asked == [1, 2]
    assert [e.recipients for e in run.envelopes[1:3]] == [("picky.odd",), ("picky.even",)]


async def test_a_predicate_that_raises_fails_the_run_and_names_its_own_handler() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Item:
            return Item(n=0)

    class Picky(Role):
        @on(Item, when=lambda item: 1 // item.n > 0)
        async def divide(self, item: Item) -> None: ...

    with pytest.raises(HandlerFailedError, match=r"picky\.divide: found ZeroDivisionError") as caught:
        await Team([Speaker(), Picky()]).run("go")
    assert (caught.value.role, caught.value.handler, caught.value.message) == ("picky", "picky.divide", "Item")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


async def test_a_predicate_on_the_goal_that_raises_leaves_no_run_behind() -> None:
    class Picky(Role):
        @on(Goal, when=lambda goal: int(goal.text) > 0)
        async def divide(self, goal: Goal) -> None: ...

    team = Team([Picky()])
    with pytest.raises(HandlerFailedError, match=r"picky\.divide"):
        await team.run("go")
    assert team.journal.runs() == []


async def test_a_message_that_nobody_takes_ends_the_run_with_an_error_that_names_who_said_it() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Item:
            return Item(n=1)

    class Picky(Role):
        @on(Item, when=lambda item: item.n > 1)
        async def listen(self, item: Item) -> None: ...

    team = Team([Speaker(), Picky()])
    with pytest.raises(UnroutableError, match=r"speaker\.speak: found Item") as caught:
        await team.run("go")
    error = caught.value
    assert (error.role, error.handler, error.message) == ("speaker", "speaker.speak", "Item")
    assert error.run is not None
    assert error.run.status == "failed"
    with pytest.raises(UnroutableError, match=r"speaker\.speak: found Item"):  # resuming does not turn it into a success
        await team.resume(error.run.id)


async def test_the_output_is_the_last_final_message_that_no_handler_took() -> None:
    class Writer(Role):
        @on(Goal)
        async def write(self, goal: Goal) -> Draft:
            return Draft(text="first")

        @on(Review, limit=2)
        async def revise(self, review: Review) -> Draft:
            return Draft(text="second")

    class Critic(Role):
        @on(Draft, when=lambda draft: draft.text == "first")
        async def review(self, draft: Draft) -> Review:
            return Review(approved=False)

    run = await Team([Writer(), Critic()], final=Draft).run("go")
    assert run.output == Draft(text="second")  # the first one is final as well, but was an ordinary step
    assert run.outputs == [Draft(text="second")]
    assert tags(run) == ["Goal", "Draft", "Review", "Draft"]


async def test_several_outputs_are_all_kept_and_the_last_is_the_output() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> tuple[Final, Final]:
            return Final(text="a"), Final(text="b")

    run = await Team([Speaker()], final=Final).run("go")
    assert run.outputs == [Final(text="a"), Final(text="b")]
    assert run.output == Final(text="b")


async def test_a_run_that_falls_quiet_without_its_final_message_fails() -> None:
    class Quiet(Role):
        @on(Goal)
        async def think(self, goal: Goal) -> Final | None:
            return None

    with pytest.raises(NoOutputError, match="Final"):
        await Team([Quiet()], final=Final).run("go")


async def test_a_team_without_a_final_message_is_done_when_it_is_quiet() -> None:
    class Quiet(Role):
        @on(Goal)
        async def think(self, goal: Goal) -> None: ...

    run = await Team([Quiet()]).run("go")
    assert (run.status, run.success, run.outputs) == ("done", True, [])


def test_two_handlers_of_one_role_for_one_type_need_a_predicate_each() -> None:
    class Torn(Role):
        @on(Goal)
        async def one(self, goal: Goal) -> None: ...

        @on(Goal, when=lambda goal: True)
        async def other(self, goal: Goal) -> None: ...

    with pytest.raises(TeamError, match="when"):
        Team([Torn()])


async def test_a_message_of_a_class_that_the_journal_could_not_read_back_is_refused() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Item:
            class Late(Item):
                """Made after the team."""

            return Late(n=1)

    class Listener(Role):
        @on(Item)
        async def listen(self, item: Item) -> None: ...

    with pytest.raises(HandlerFailedError, match="Late") as caught:
        await Team([Speaker(), Listener()]).run("go")
    assert isinstance(caught.value.__cause__, TypeError)


async def test_ids_depend_on_run_and_cause_alone() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> tuple[Item, Item]:
            return Item(n=1), Item(n=2)

    class Listener(Role):
        @on(Item)
        async def listen(self, item: Item) -> Final:
            return Final(text=str(item.n))

    first = await Team([Speaker(), Listener()], final=Final).run("go", run_id="same")
    second = await Team([Speaker(), Listener()], final=Final).run("something else", run_id="same")
    other = await Team([Speaker(), Listener()], final=Final).run("go", run_id="other")
    ids = [e.id for e in first.envelopes]
    assert ids == [e.id for e in second.envelopes]
    assert not set(ids) & {e.id for e in other.envelopes}
    assert first.envelopes[1].causes == (ids[0],)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("said", [Left(n=1), [Item(n=1)], (Item(n=1),), "text", None])
async def test_what_the_annotation_does_not_allow_is_refused(said: object) -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Item:
            return said  # type: ignore[return-value]

    class Listener(Role):
        @on(Item)
        async def listen(self, item: Item) -> None: ...

    with pytest.raises(HandlerFailedError, match=r"speaker\.speak") as caught:
        await Team([Speaker(), Listener()]).run("go")
    assert isinstance(caught.value.__cause__, TypeError)


async def test_a_message_addressed_to_the_user_is_an_output_if_it_is_final() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Final:
            return reply(Final(text="for the user"))

    class Nosy(Role):
        @on(Final)
        async def listen(self, final: Final) -> None:
            raise AssertionError("it was not addressed to this role")

    run = await Team([Speaker(), Nosy()], final=Final).run("go")
    assert run.output == Final(text="for the user")


async def test_success_is_what_the_team_says_of_the_output() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Final:
            return Final(text=goal.text)

    team = Team([Speaker()], final=Final, success=lambda final: final.text == "yes")
    assert (await team.run("yes")).success
    no = await team.run("no")
    assert (no.status, no.success) == ("done", False)


async def test_a_success_predicate_that_raises_fails_the_run() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Final:
            return Final(text=goal.text)

    team = Team([Speaker()], final=Final, success=lambda final: bool(1 / 0))
    with pytest.raises(HandlerFailedError, match="success") as caught:
        await team.run("go")
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
