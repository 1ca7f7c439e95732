"""Fan-outs and gathers: a branch per item, complete when all have settled, gathered once and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from metagpt import Goal, Message, Role, Team, on
from metagpt.errors import TeamError
from tests.runtime.messages import Final, Item, Part, Sub, Summary, content


class Splitter(Role):
    """Splits into as many items as the goal says."""

    @on(Goal)
    async def split(self, goal: Goal) -> list[Item]:
        return [Item(n=n) for n in range(int(goal.text))]

    @on(list[Part])
    async def collect(self, parts: list[Part]) -> Summary:
        return Summary(parts=[part.n for part in parts])


class Worker(Role):
    """The later an item, the faster."""

    @on(Item, concurrency=4)
    async def work(self, item: Item) -> Part:
        for _ in range(20 - 2 * item.n):
            await asyncio.sleep(0)
        return Part(n=item.n)


async def test_a_gather_hears_all_results_in_the_order_of_the_items() -> None:
    run = await Team([Splitter(), Worker()], final=Summary).run("8")
    assert run.output == Summary(parts=list(range(8)))


async def test_an_empty_list_gathers_at_once() -> None:
    run = await Team([Splitter(), Worker()], final=Summary).run("0")
    assert run.output == Summary(parts=[])


async def test_the_result_of_a_gather_belongs_to_the_parent_branch() -> None:
    run = await Team([Splitter(), Worker()], final=Summary).run("1")
    branches = {type(e.message).__name__: e.branch for e in run.envelopes}
    assert branches["Summary"] == ""
    assert branches["Item"].endswith("/0")
    assert branches["Part"] == branches["Item"]


async def test_a_branch_that_says_nothing_more_still_settles() -> None:
    class Picky(Role):
        @on(Item)
        async def work(self, item: Item) -> Part | None:
            return Part(n=item.n) if item.n % 2 else None

    assert (await Team([Splitter(), Picky()], final=Summary).run("5")).output == Summary(parts=[1, 3])


async def test_a_branch_may_say_several_in_causal_order() -> None:
    class Talker(Role):
        @on(Item)
        async def work(self, item: Item) -> tuple[Part, Part]:
            return Part(n=10 * item.n), Part(n=10 * item.n + 1)

    assert (await Team([Splitter(), Talker()], final=Summary).run("2")).output == Summary(parts=[0, 1, 10, 11])


class Nest(Role):
    """Two levels: each item is split into as many subs as its number."""

    @on(Item)
    async def split(self, item: Item) -> list[Sub]:
        return [Sub(n=10 * item.n + n) for n in range(item.n)]

    @on(Sub)
    async def double(self, sub: Sub) -> Final:
        return Final(text=str(sub.n))

    @on(list[Final])
    async def collect(self, finals: list[Final]) -> Part:
        return Part(n=sum(int(final.text) for final in finals))


async def test_nested_fan_outs_are_gathered_innermost_first() -> None:
    run = await Team([Splitter(), Nest()], final=Summary).run("4")
    assert run.output == Summary(parts=[0, 10, 20 + 21, 30 + 31 + 32])


async def test_a_gather_fires_exactly_once_for_each_fan_out() -> None:
    fired: list[int] = []

    class Collector(Role):
        @on(list[Part])
        async def collect(self, parts: list[Part]) -> Summary:
            fired.append(len(parts))
            return Summary(parts=[])

    class Split(Role):
        @on(Goal)
        async def split(self, goal: Goal) -> list[Item]:
            return [Item(n=n) for n in range(3)]

    await Team([Split(), Worker(), Collector("one"), Collector("two")], final=Summary).run("go")
    assert fired == [3, 3]


def test_a_gather_without_a_fan_out_above_it_is_a_finding() -> None:
    class Single(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Part:
            return Part(n=1)

        @on(list[Part])
        async def collect(self, parts: list[Part]) -> Summary:
            return Summary(parts=[])

    with pytest.raises(TeamError, match="fan-out"):
        Team([Single()], final=Summary)


async def test_a_fan_out_without_a_gather_just_ends() -> None:
    done: list[int] = []

    class Split(Role):
        @on(Goal)
        async def split(self, goal: Goal) -> list[Item]:
            return [Item(n=n) for n in range(5)]

    class Doer(Role):
        @on(Item)
        async def do_it(self, item: Item) -> None:
            done.append(item.n)

    run = await Team([Split(), Doer()]).run("go")
    assert done == list(range(5))
    assert run.status == "done"


async def test_a_fan_out_within_its_own_branches_goes_as_deep_as_its_limit() -> None:
    class Tree(Role):
        @on(Goal)
        async def root(self, goal: Goal) -> Item:
            return Item(n=300)

        @on(Item, limit=300)
        async def grow(self, item: Item) -> list[Item | Part]:
            return [Item(n=item.n - 1)] if item.n > 1 else [Part(n=1)]

        @on(list[Part], limit=300)
        async def prune(self, parts: list[Part]) -> Part:
            return Part(n=sum(part.n for part in parts) + 1)

    run = await Team([Tree()], final=Part).run("go")
    assert run.output == Part(n=301)


class Big(Message):
    n: int


async def test_a_fan_out_of_a_hundred_thousand_items_runs_a_bounded_number_at_a_time() -> None:
    running: set[int] = set()
    most = 0
    size = 100_000

    class Split(Role):
        @on(Goal)
        async def split(self, goal: Goal) -> list[Big]:
            return [Big(n=n) for n in range(size)]

        @on(list[Part])
        async def collect(self, parts: list[Part]) -> Summary:
            assert [part.n for part in parts] == list(range(size))
            return Summary(parts=[len(parts)])

    class Doer(Role):
        @on(Big, concurrency=16)
        async def work(self, big: Big) -> Part:
            nonlocal most
            running.add(big.n)
            most = max(most, len(running))
            running.discard(big.n)
            return Part(n=big.n)

    team = Team([Split(), Doer()], final=Summary)
    async with team.stream("go") as stream:
        run = await stream.result()
    assert run.output == Summary(parts=[size])
    assert most <= 16
    state = run._state
    assert (len(state.branches), len(state.invocations), state.lone_parts) == (1, 0, {})


@pytest.mark.parametrize("sizes", [(2, 3), (3, 1)])
async def test_two_fan_outs_of_one_handler_are_gathered_apart(sizes: Iterable[int]) -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> tuple[Item, ...]:
            return tuple(Item(n=n) for n in sizes)

    class Outer(Role):
        @on(Item, concurrency=2)
        async def split(self, item: Item) -> list[Sub]:
            return [Sub(n=n) for n in range(item.n)]

        @on(Sub)
        async def work(self, sub: Sub) -> Part:
            return Part(n=sub.n)

        @on(list[Part])
        async def collect(self, parts: list[Part]) -> Summary:
            return Summary(parts=[part.n for part in parts])

    run = await Team([Speaker(), Outer()], final=Summary).run("go")
    assert sorted(len(output.parts) for output in run.outputs) == sorted(sizes)


async def test_the_same_run_has_the_same_content_whatever_was_faster() -> None:
    class Even(Role):
        @on(Item)
        async def work(self, item: Item) -> Part:
            return Part(n=item.n)

    class Odd(Role):
        @on(Item)
        async def work(self, item: Item) -> Part:
            for _ in range(item.n):
                await asyncio.sleep(0)
            return Part(n=item.n)

    one = await Team([Splitter(), Even("worker")], final=Summary).run("6", run_id="r")
    two = await Team([Splitter(), Odd("worker")], final=Summary).run("6", run_id="r")
    assert content(one) == content(two)
