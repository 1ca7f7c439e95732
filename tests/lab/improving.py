"""A small team whose engineer answers from a script, and a tiny model that can learn what its runs teach."""

from __future__ import annotations

from pathlib import Path

from metagpt import Goal, Message, Role, SqliteJournal, Team, on
from metagpt.lab.from_runs import is_held_out
from metagpt.testing import ScriptedModel
from metagpt.testing.scripted import text

PROGRAM = "def same(x: int) -> int:\n    return x\n"
"""What is right for every goal here: small enough for a model of sixty thousand numbers."""
WORDS = "give back keep return hand over pass on leave echo repeat copy mirror yield send".split()


class Delivered(Message):
    program: str
    given: list[tuple[int, int]]


class Engineer(Role):
    """An engineer."""

    @on(Goal)
    async def write_program(self, goal: Goal) -> Delivered:
        program = await self.ask(str, "Write {{ summary }}", name="write_program", signature="same(x: int) -> int", summary=goal.text)
        return Delivered(program=program, given=[(1, 1), (-4, -4)])


def goals(*, held_out: bool, count: int) -> list[str]:
    every = [f"{first} {second} the number" for first in WORDS for second in WORDS if first != second]
    return [goal for goal in every if is_held_out(goal) is held_out][:count]


async def record_runs(journal: Path, *, trained: int = 8, held_out: int = 6) -> Path:
    """A journal of runs that passed."""
    opened = SqliteJournal(journal)
    for goal in [*goals(held_out=False, count=trained), *goals(held_out=True, count=held_out)]:
        with ScriptedModel([text(PROGRAM)]) as model:
            await Team([Engineer()], final=Delivered, journal=opened, model=model, success=lambda _: True, name="small").run(goal)
    return journal
