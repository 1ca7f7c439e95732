"""A team that does everything a run can do: what the crash tests cut at every point.

Its model answers with nothing but the request, so that the same questions have the same answers whenever they are asked.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from metagpt import Goal, Message, Role, Team, action, on
from metagpt.actions.interface import ActionContext
from metagpt.models.interface import ModelRequest
from tests.runtime.messages import Draft, Item, Left, Part, Plan, Result, Review, Right, Sub, Summary

__all__ = ["answer", "whole_team"]


def answer(request: ModelRequest) -> str:
    """Six letters that depend on all of the chat."""
    return blake2b(repr(request.chat).encode(), digest_size=3).hexdigest()


class Planner(Role):
    count: int = 0

    @on(Goal)
    async def plan(self, goal: Goal) -> tuple[Plan, Left]:
        self.count += 1
        text = await self.ask(str, "plan {{ goal.text }}", goal=goal)
        await self.memory.remember(f"planned {text}")
        return Plan(text=text), Left(n=self.count)

    @on(Plan)
    async def split(self, plan: Plan) -> list[Item]:
        self.count += 1
        answers = [await self.ask(str, "how many, {{ n }}", n=n) for n in range(2)]
        return [Item(n=n) for n in range(1 + len(set(answers)))]


class Worker(Role):
    @on(Plan, Item, keep=Plan, concurrency=2)
    async def work(self, plan: Plan, item: Item) -> list[Sub]:
        await self.ask(str, "split {{ n }} of {{ plan }}", n=item.n, plan=plan.text)
        return [Sub(n=10 * item.n + n) for n in range(item.n)]

    @on(Sub, retry=2)
    async def dig(self, sub: Sub) -> Draft:
        found = await self.do("measure", n=sub.n)
        text = await self.ask(str, "dig {{ n }} {{ found }}", n=sub.n, found=found)
        await self.do("store", name=f"{sub.n}", text=text)
        return Draft(text=text)

    @on(list[Draft])
    async def collect(self, drafts: list[Draft]) -> Part:
        return Part(n=len(drafts))

    @on(list[Part])
    async def sum_up(self, parts: list[Part]) -> Summary:
        await self.memory.remember(f"summed {[part.n for part in parts]}")
        return Summary(parts=[part.n for part in parts])


class Critic(Role):
    seen: list[str] = []

    @on(Left, Summary)
    async def compare(self, left: Left, summary: Summary) -> Review:
        notes = await self.ask(str, "compare {{ left }} {{ parts }}", left=left.n, parts=summary.parts)
        self.seen.append(notes)
        return Review(approved=False, notes=notes)

    @on(Right, limit=2)
    async def check(self, right: Right) -> Review | Result:
        notes = await self.ask(str, "check {{ n }} {{ seen }}", n=right.n, seen=self.seen)
        self.seen.append(notes)
        return Review(approved=False, notes=notes) if right.n < 2 else Result(text=" ".join(self.seen))


class Mender(Role):
    @on(Review, limit=2)
    async def mend(self, review: Review) -> Right:
        attempt = len(await self.memory.recall("mended", 9))
        await self.ask(str, "mend {{ notes }}", notes=review.notes)
        await self.memory.remember(f"mended {review.notes}")
        return Right(n=attempt + 1)


@action(reads=True)
async def measure(n: int) -> dict[str, int]:
    """Measure it."""
    return {"size": n * n}


@action(writes=True, idempotent=True)
async def store(name: str, text: str, context: ActionContext) -> None:
    """Keep it."""
    context.workspace.write_text(f"{name}.txt", text)


def whole_team(**keywords: Any) -> Team[Goal, Message]:
    """The team, with keywords of `Team`."""
    roles = [Planner(), Worker(actions=[measure, store]), Critic(), Mender()]
    return Team(roles, final=Result, **keywords)
