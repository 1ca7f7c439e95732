"""Joins: parts pair first in, first out; kept parts stay; what never meets is said."""

from __future__ import annotations

import asyncio

import pytest

from metagpt import Goal, Role, Team, on
from metagpt.errors import DeadlockError
from metagpt.events import JoinUnfilledEvent
from tests.runtime.messages import Final, Item, Left, Part, Plan, Right, Summary


class Sides(Role):
    """Says three Lefts and three Rights, each side in its order."""

    @on(Goal)
    async def speak(self, goal: Goal) -> tuple[Left, Left, Left, Right, Right, Right]:
        return Left(n=1), Left(n=2), Left(n=3), Right(n=1), Right(n=2), Right(n=3)


async def test_parts_are_paired_first_in_first_out_and_consumed() -> None:
    pairs: list[tuple[int, int]] = []

    class Joiner(Role):
        @on(Left, Right)
        async def join(self, left: Left, right: Right) -> None:
            pairs.append((left.n, right.n))

    run = await Team([Sides(), Joiner()]).run("go")
    assert pairs == [(1, 1), (2, 2), (3, 3)]
    assert run.status == "done"


async def test_a_join_of_three_waits_for_all_of_them() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> tuple[Left, Right]:
            return Left(n=1), Right(n=2)

    class Slow(Role):
        @on(Left)
        async def think(self, left: Left) -> Item:
            await asyncio.sleep(0)
            return Item(n=3)

    class Joiner(Role):
        @on(Left, Right, Item)
        async def join(self, left: Left, right: Right, item: Item) -> Final:
            return Final(text=f"{left.n}{right.n}{item.n}")

    assert (await Team([Speaker(), Slow(), Joiner()], final=Final).run("go")).output == Final(text="123")


async def test_what_a_join_says_has_all_its_parts_as_causes() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> tuple[Left, Right]:
            return Left(n=1), Right(n=2)

    class Joiner(Role):
        @on(Left, Right)
        async def join(self, left: Left, right: Right) -> Final:
            return Final(text="")

    run = await Team([Speaker(), Joiner()], final=Final).run("go")
    assert run.envelopes[3].causes == (run.envelopes[1].id, run.envelopes[2].id)


async def test_a_kept_part_joins_every_later_partner() -> None:
    pairs: list[tuple[str, int]] = []

    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> tuple[Plan, Item, Item, Item]:
            return Plan(text="p"), Item(n=1), Item(n=2), Item(n=3)

    class Joiner(Role):
        @on(Plan, Item, keep=Plan)
        async def join(self, plan: Plan, item: Item) -> None:
            pairs.append((plan.text, item.n))

    run = await Team([Speaker(), Joiner()]).run("go")
    assert pairs == [("p", 1), ("p", 2), ("p", 3)]
    assert run.status == "done"


async def test_a_newer_kept_part_takes_the_place_of_the_older_one() -> None:
    pairs: list[tuple[str, int]] = []

    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> tuple[Plan, Item, Plan, Item]:
            return Plan(text="old"), Item(n=1), Plan(text="new"), Item(n=2)

    class Joiner(Role):
        @on(Plan, Item, keep=Plan)
        async def join(self, plan: Plan, item: Item) -> None:
            pairs.append((plan.text, item.n))

    await Team([Speaker(), Joiner()]).run("go")
    assert pairs == [("old", 1), ("new", 2)]


class Splitter(Role):
    @on(Goal)
    async def split(self, goal: Goal) -> list[Item]:
        return [Item(n=n) for n in range(3)]

    @on(list[Part])
    async def collect(self, parts: list[Part]) -> Summary:
        return Summary(parts=[part.n for part in parts])


class SlowPlanner(Role):
    """Plans, but only after everybody else has had many turns."""

    @on(Goal)
    async def plan(self, goal: Goal) -> Plan:
        for _ in range(50):
            await asyncio.sleep(0)
        return Plan(text="ten")


class QuickPlanner(Role):
    @on(Goal)
    async def plan(self, goal: Goal) -> Plan:
        return Plan(text="ten")


class Coder(Role):
    @on(Plan, Item, keep=Plan)
    async def code(self, plan: Plan, item: Item) -> Part:
        return Part(n=item.n + 10)


@pytest.mark.parametrize("planner", [SlowPlanner, QuickPlanner])
async def test_a_part_kept_above_joins_the_branches_below_whether_it_comes_before_or_after(planner: type[Role]) -> None:
    run = await Team([planner(), Splitter(), Coder()], final=Summary).run("go")
    assert run.output == Summary(parts=[10, 11, 12])


async def test_a_branch_that_waits_for_a_kept_part_that_never_comes_is_a_deadlock() -> None:
    class NoPlanner(Role):
        @on(Goal)
        async def plan(self, goal: Goal) -> Plan | None:
            return None

    with pytest.raises(DeadlockError, match=r"coder\.code: found 3 Item waiting") as caught:
        await Team([NoPlanner(), Splitter(), Coder()], final=Summary).run("go")
    error = caught.value
    assert (error.role, error.handler, error.message) == ("coder", "coder.code", "Item")


async def test_a_kept_part_of_one_branch_is_not_seen_in_another() -> None:
    pairs: list[tuple[str, int]] = []

    class Split(Role):
        @on(Goal)
        async def split(self, goal: Goal) -> list[Item]:
            return [Item(n=1), Item(n=2)]

    class Planner(Role):
        @on(Item)
        async def plan(self, item: Item) -> tuple[Plan, Part]:
            return Plan(text=str(item.n)), Part(n=item.n)

    class Joiner(Role):
        @on(Plan, Part, keep=Plan)
        async def join(self, plan: Plan, part: Part) -> None:
            pairs.append((plan.text, part.n))

    await Team([Split(), Planner(), Joiner()]).run("go")
    assert pairs == [("1", 1), ("2", 2)]


async def test_parts_of_different_branches_never_meet() -> None:
    pairs: list[tuple[int, int]] = []

    class Split(Role):
        @on(Goal)
        async def split(self, goal: Goal) -> list[Item]:
            return [Item(n=n) for n in range(4)]

    class Lefty(Role):
        @on(Item)
        async def left(self, item: Item) -> Left:
            for _ in range(10 - item.n):  # the later item is the faster one
                await asyncio.sleep(0)
            return Left(n=item.n)

    class Righty(Role):
        @on(Item)
        async def right(self, item: Item) -> Right:
            return Right(n=item.n)

    class Joiner(Role):
        @on(Left, Right)
        async def join(self, left: Left, right: Right) -> None:
            pairs.append((left.n, right.n))

    await Team([Split(), Lefty(), Righty(), Joiner()]).run("go")
    assert sorted(pairs) == [(n, n) for n in range(4)]


class Lopsided(Role):
    """Says two Lefts and no Right, unless asked for one."""

    @on(Goal)
    async def speak(self, goal: Goal) -> tuple[Left | Right, ...]:
        rights = (Right(n=1),) if goal.text == "both" else ()
        return Left(n=1), *rights, Left(n=2)


class Joiner(Role):
    @on(Left, Right)
    async def join(self, left: Left, right: Right) -> Final:
        return Final(text=f"{left.n}{right.n}")


async def test_a_join_that_is_half_filled_when_the_run_falls_quiet_is_a_deadlock() -> None:
    team = Team([Lopsided(), Joiner()], final=Final)
    with pytest.raises(DeadlockError, match=r"joiner\.join: found 2 Left waiting") as caught:
        await team.run("one")
    error = caught.value
    assert (error.role, error.handler, error.message) == ("joiner", "joiner.join", "Left")
    assert error.run is not None
    with pytest.raises(DeadlockError):
        await team.resume(error.run.id)


async def test_a_join_that_is_half_filled_beside_an_output_is_an_event() -> None:
    events = []
    async with Team([Lopsided(), Joiner()], final=Final).stream("both") as stream:
        events = [event async for event in stream]
        run = await stream.result()
    assert run.output == Final(text="11")
    (unfilled,) = [event for event in events if isinstance(event, JoinUnfilledEvent)]
    assert (unfilled.handler, unfilled.waiting) == ("joiner.join", {"Left": 1})
    assert events[-1].name == "run_ended"
    assert [event.name for event in run.events()].count("join_unfilled") == 1


async def test_a_join_that_was_filled_leaves_no_event() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> tuple[Left, Right]:
            return Left(n=1), Right(n=2)

    run = await Team([Speaker(), Joiner()], final=Final).run("go")
    assert "join_unfilled" not in [event.name for event in run.events()]


async def test_a_join_with_a_predicate_drops_the_pairs_that_it_refuses() -> None:
    pairs: list[tuple[int, int]] = []

    class Picky(Role):
        @on(Left, Right, when=lambda left, right: left.n + right.n != 4)
        async def join(self, left: Left, right: Right) -> None:
            pairs.append((left.n, right.n))

    await Team([Sides(), Picky()]).run("go")
    assert pairs == [(1, 1), (3, 3)]


async def test_one_message_goes_into_every_join_that_hears_it() -> None:
    joined: list[str] = []

    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> tuple[Left, Right]:
            return Left(n=1), Right(n=1)

    class Joins(Role):
        @on(Left, Right)
        async def join(self, left: Left, right: Right) -> None:
            joined.append(self.name)

    await Team([Speaker(), Joins("one"), Joins("two")]).run("go")
    assert joined == ["one", "two"]
