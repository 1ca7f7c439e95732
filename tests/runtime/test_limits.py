"""Limits count in the chain of causes."""

from __future__ import annotations

import pytest

from metagpt import Goal, Role, Team, on
from metagpt.errors import LimitReachedError, TeamError
from tests.runtime.messages import Draft, Final, Item, Left, Part, Review, Right, Summary, tags


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        return Draft(text="0")

    @on(Review, limit=3)
    async def revise(self, review: Review) -> Draft:
        return Draft(text="more")


class Critic(Role):
    """Is never content."""

    @on(Draft, when=lambda draft: draft.text != "done")
    async def review(self, draft: Draft) -> Review:
        return Review(approved=False)


async def test_a_message_whose_only_hearer_is_exhausted_becomes_the_output_if_it_is_final() -> None:
    run = await Team([Writer(), Critic()], final=Review).run("go")
    assert run.output == Review(approved=False)
    assert tags(run) == ["Goal", *["Draft", "Review"] * 4]


async def test_a_message_whose_only_hearer_is_exhausted_ends_the_run_if_it_is_not_final() -> None:
    team = Team([Writer(), Critic()], final=Draft)
    with pytest.raises(LimitReachedError, match=r"writer\.revise") as caught:
        await team.run("go")
    error = caught.value
    assert (error.role, error.handler, error.message) == ("critic", "critic.review", "Review")
    assert error.run is not None
    with pytest.raises(LimitReachedError):
        await team.resume(error.run.id)


async def test_a_run_that_ended_at_a_limit_goes_on_where_the_limit_is_raised() -> None:
    team = Team([Writer(), Critic()], final=Draft)
    with pytest.raises(LimitReachedError) as caught:
        await team.run("go")
    assert caught.value.run is not None

    class Patient(Writer):
        @on(Review, limit=5)
        async def revise(self, review: Review) -> Draft:
            return Draft(text="done")

    patient = Team([Patient("writer"), Critic()], final=Draft, journal=team.journal)
    run = await patient.resume(caught.value.run.id)
    assert run.output == Draft(text="done")
    assert tags(run) == ["Goal", *["Draft", "Review"] * 4, "Draft"]


def test_a_cycle_without_a_limit_is_a_finding() -> None:
    class Endless(Role):
        @on(Review)
        async def revise(self, review: Review) -> Draft:
            return Draft(text="more")

        @on(Goal)
        async def write(self, goal: Goal) -> Draft:
            return Draft(text="0")

    with pytest.raises(TeamError, match="limit"):
        Team([Endless(), Critic()], final=Draft)


async def test_items_of_a_fan_out_do_not_share_a_limit() -> None:
    class Boss(Role):
        @on(Goal)
        async def split(self, goal: Goal) -> list[Item]:
            return [Item(n=n) for n in range(20)]

        @on(list[Part])
        async def collect(self, parts: list[Part]) -> Summary:
            return Summary(parts=[part.n for part in parts])

    class Engineer(Role):
        @on(Item)
        async def write(self, item: Item) -> Left:
            return Left(n=0)

        @on(Right, limit=3)
        async def repair(self, right: Right) -> Left:
            return Left(n=right.n + 1)

    class Tester(Role):
        """Every file needs three repairs."""

        @on(Left)
        async def test(self, left: Left) -> Right | Part:
            return Part(n=left.n) if left.n == 3 else Right(n=left.n)

    run = await Team([Boss(), Engineer(), Tester()], final=Summary).run("go")
    assert run.output == Summary(parts=[3] * 20)


async def test_a_join_takes_the_largest_count_of_its_parts() -> None:
    class Loop(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> tuple[Left, Item]:
            return Left(n=0), Item(n=0)

        @on(Item, limit=4)
        async def count(self, item: Item) -> Item | Right:
            return Item(n=item.n + 1) if item.n < 2 else Right(n=item.n)

        @on(Left, Right)
        async def join(self, left: Left, right: Right) -> Final:
            return Final(text="")

    run = await Team([Loop()], final=Final).run("go")
    assert dict(run.envelopes[-1].counts) == {"loop.count": 3}


async def test_a_hearer_with_runs_left_takes_what_an_exhausted_one_does_not() -> None:
    heard: list[str] = []

    class Echo(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Item:
            return Item(n=0)

        @on(Item, limit=2)
        async def again(self, item: Item) -> Item:
            return Item(n=item.n + 1)

    class Witness(Role):
        @on(Item)
        async def note(self, item: Item) -> None:
            heard.append(str(item.n))

    await Team([Echo(), Witness()]).run("go")
    assert heard == ["0", "1", "2"]


async def test_retries_do_not_count() -> None:
    tries = 0

    class Flaky(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Item:
            return Item(n=0)

        @on(Item, limit=1, retry=3)
        async def work(self, item: Item) -> Final:
            nonlocal tries
            tries += 1
            if tries < 4:
                raise ValueError("not yet")
            return Final(text=str(tries))

    run = await Team([Flaky()], final=Final).run("go")
    assert run.output == Final(text="4")
    assert dict(run.envelopes[-1].counts) == {"flaky.work": 1}


async def test_a_gather_whose_limit_is_used_up_ends_the_run_and_stays_ended() -> None:
    class Round(Role):
        @on(Goal)
        async def start(self, goal: Goal) -> Left:
            return Left(n=0)

        @on(Left, limit=9)
        async def split(self, left: Left) -> list[Item]:
            return [Item(n=left.n)]

        @on(Item)
        async def work(self, item: Item) -> Part:
            return Part(n=item.n)

        @on(list[Part], limit=2)
        async def collect(self, parts: list[Part]) -> Left | Final:
            return Left(n=1)

    team = Team([Round()], final=Final)
    with pytest.raises(LimitReachedError, match=r"round\.collect") as caught:
        await team.run("go")
    assert caught.value.run is not None
    with pytest.raises(LimitReachedError, match=r"round\.collect"):
        await team.resume(caught.value.run.id)
