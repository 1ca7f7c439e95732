"""A small team whose engineer answers from a script, and a tiny model that can learn what its runs teach."""

from __future__ import annotations

from pathlib import Path

from metagpt import Goal, Message, Role, SqliteJournal, Team, on
from metagpt.lab.from_runs import is_held_out
from metagpt.testing import ScriptedModel
from metagpt.testing.scripted import text

PROGRAMS = {"same": "def same(x: int) -> int:\n    return x\n", "minus": "def minus(x: int) -> int:\n    return -x\n"}
"""What is right for the goals that ask for it: small enough for a model of a hundred thousand numbers."""


class Delivered(Message):
    program: str
    given: list[tuple[int, int]]


class Engineer(Role):
    """An engineer."""

    @on(Goal)
    async def write_program(self, goal: Goal) -> Delivered:
        name, _, summary = goal.text.partition(": ")
        program = await self.ask(str, "Write {{ summary }}", name="write_program", signature=f"{name}(x: int) -> int", summary=summary)
        sign = 1 if name == "same" else -1
        return Delivered(program=program, given=[(1, sign), (-4, -4 * sign)])


def goals(*, held_out: bool, count: int) -> list[str]:
    every = [f"{name}: wish {number}" for number in range(100) for name in PROGRAMS]
    return [goal for goal in every if is_held_out(goal) is held_out][:count]


async def record_runs(journal: Path, *, trained: int = 20, held_out: int = 8) -> Path:
    """A journal of runs that passed."""
    opened = SqliteJournal(journal)
    for goal in [*goals(held_out=False, count=trained), *goals(held_out=True, count=held_out)]:
        with ScriptedModel([text(PROGRAMS[goal.partition(":")[0]])]) as model:
            await Team([Engineer()], final=Delivered, journal=opened, model=model, success=lambda _: True, name="small").run(goal)
    return journal
