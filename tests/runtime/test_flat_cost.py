"""Work per message depends neither on the length of the run nor on roles that do not hear it: calls are counted, not timed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from metagpt import Goal, InMemoryJournal, Role, SqliteJournal, Team, on
from metagpt.environment import Environment
from metagpt.testing import FunctionModel
from tests.runtime.messages import Final, Item, Left, Part, Plan, Right, Summary

HOPS = 1500


class Calls:
    """How many functions of the package have been called."""

    def __init__(self) -> None:
        self.count = 0
        self.at: dict[int, int] = {}

    def __call__(self, frame: FrameType, event: str, arg: Any) -> None:
        if event == "call" and "/metagpt/" in frame.f_code.co_filename:
            self.count += 1

    def between(self, first: int, last: int) -> int:
        return self.at[last] - self.at[first]


def pinging(calls: Calls) -> list[Role]:
    class Ping(Role):
        count: int = 0

        @on(Goal)
        async def start(self, goal: Goal) -> Left:
            return Left(n=0)

        @on(Right, limit=HOPS)
        async def ping(self, right: Right) -> Left | Final:
            self.count += 1
            calls.at[right.n] = calls.count
            if right.n % 500 == 0:
                await self.ask(str, "{{ n }}", n=right.n)
            return Left(n=right.n + 1) if right.n + 2 < HOPS else Final(text=str(self.count))

    class Pong(Role):
        @on(Left)
        async def pong(self, left: Left) -> Right:
            return Right(n=left.n + 1)

    return [Ping(), Pong()]


class Deaf(Role):
    """Hears nothing of it."""

    @on(Plan)
    async def listen(self, plan: Plan) -> None: ...


class Planner(Role):
    @on(Goal)
    async def plan(self, goal: Goal) -> Plan | None:
        return None


async def counted(team: Team[Any, Any], calls: Calls) -> Any:
    sys.setprofile(calls)
    try:
        return await team.run("go")
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("durable", [False, True])
async def test_a_hop_late_in_a_run_costs_what_an_early_one_does(tmp_path: Path, durable: bool) -> None:
    calls = Calls()
    journal = SqliteJournal(tmp_path / "j.db") if durable else InMemoryJournal()
    run = await counted(Team(pinging(calls), final=Final, journal=journal, model=FunctionModel(lambda request: "x")), calls)
    assert run.status == "done"
    early, late = calls.between(101, 301), calls.between(1201, 1401)
    assert early == late


async def test_roles_that_do_not_hear_a_message_cost_nothing() -> None:
    found = []
    for crowd in (1, 200):
        calls = Calls()
        roles = [*pinging(calls), Planner(), *(Deaf(f"deaf{n}") for n in range(crowd))]
        await counted(Team(roles, final=Final, model=FunctionModel(lambda request: "x")), calls)
        found.append(calls.between(101, 301))
    assert found[0] == found[1]


async def test_the_state_of_a_long_run_is_no_larger_than_that_of_a_short_one() -> None:
    class Busy(Role):
        """Fails, fans out, joins and gathers in every round, and ends as it began."""

        @on(Goal)
        async def start(self, goal: Goal) -> Left:
            return Left(n=int(goal.text))

        @on(Left, limit=1000, retry=1)
        async def split(self, left: Left) -> list[Item]:
            if self._attempt.invocation.attempt == 1:
                raise ValueError("once")
            return [Item(n=left.n), Item(n=left.n)]

        @on(Item)
        async def plan(self, item: Item) -> tuple[Plan, Part]:
            return Plan(text=str(item.n)), Part(n=item.n)

        @on(Plan, Part, keep=Plan)
        async def join(self, plan: Plan, part: Part) -> Right:
            return Right(n=part.n)

        @on(list[Right])
        async def collect(self, rights: list[Right]) -> Left | Summary:
            left = rights[0].n - 1
            return Left(n=left) if left else Summary(parts=[])

    environments: list[Environment] = []

    class Watched(Team[Any, Any]):
        def _environment(self, *args: Any) -> Environment:
            environments.append(super()._environment(*args))
            return environments[-1]

    for rounds in (2, 60):
        await Watched([Busy()], final=Summary).run(str(rounds))
    short, long = (size(environment) for environment in environments)
    assert short == long


def size(environment: Environment) -> dict[str, int]:
    """How many things each part of a run holds."""
    state = environment.state
    parts: dict[str, Any] = {
        "branches": state.branches,
        "invocations": state.invocations,
        "outputs": state.outputs,
        "lone_parts": state.lone_parts,
        "pending": state.pending,
        "role_state": state.role_state,
        "reservations": state.ledger.open,
        "queued": [invocation for lane in state.lanes for invocation in lane.queue],
        "waiting": [branch for waiting in state.awaiting_kept.values() for branch in waiting],
        "raised": environment._raised,
        "grants": environment._grants,
        "tasks": environment._tasks,
        "inbox": environment._inbox,
        "starters": environment._starters,
    }
    return {name: len(part) for name, part in parts.items()}


async def test_a_fan_out_forgets_its_branches_as_soon_as_it_is_gathered() -> None:
    most = 0

    class Boss(Role):
        @on(Goal)
        async def start(self, goal: Goal) -> Left:
            return Left(n=30)

        @on(Left, limit=100)
        async def split(self, left: Left) -> list[Item]:
            nonlocal most
            assert isinstance(self._attempt.host, Environment)
            most = max(most, len(self._attempt.host.state.branches))
            return [Item(n=left.n)] * 10

        @on(Item)
        async def work(self, item: Item) -> Part:
            await asyncio.sleep(0)
            return Part(n=item.n)

        @on(list[Part])
        async def collect(self, parts: list[Part]) -> Left | Summary:
            return Left(n=parts[0].n - 1) if parts[0].n else Summary(parts=[])

    await Team([Boss()], final=Summary).run("go")
    assert most == 1
