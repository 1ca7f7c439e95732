"""A run that was killed goes on where it stood, and pays for nothing twice.

The crash is made on purpose, at the seventh write of the journal; a power cut would do as well.

Prints:
    crashed after 2 calls
    resumed: done, ['Goal', 'Plan', 'Draft', 'Final']
    calls in all: 3
"""

import asyncio
import tempfile
from pathlib import Path

from metagpt import Goal, Message, Role, SqliteJournal, Team, on
from metagpt.journal.interface import Journal
from metagpt.models.interface import ModelRequest
from metagpt.testing import Crash, FunctionModel, crash_at


class Plan(Message):
    text: str


class Draft(Message):
    text: str


class Final(Message):
    text: str


class Author(Role):
    """An author who works in three steps."""

    @on(Goal)
    async def plan(self, goal: Goal) -> Plan:
        return Plan(text=await self.ask(str, "plan {{ goal.text }}", goal=goal))

    @on(Plan)
    async def draft(self, plan: Plan) -> Draft:
        return Draft(text=await self.ask(str, "draft {{ plan.text }}", plan=plan))

    @on(Draft)
    async def finish(self, draft: Draft) -> Final:
        return Final(text=await self.ask(str, "final {{ draft.text }}", draft=draft))


def first_word(request: ModelRequest) -> str:
    """The model of this example."""
    return request.chat[-1].text.split()[0]


async def main(journal: Journal) -> None:
    model = FunctionModel(first_word)
    team = Team([Author()], final=Final, model=model)
    try:
        await team.with_(journal=crash_at(7, journal)).run("a book", run_id="book")
    except Crash:
        print("crashed after", len(model.requests), "calls")
    run = await team.with_(journal=journal).resume("book")
    print(f"resumed: {run.status}, {[type(message).__name__ for message in run.messages]}")
    print("calls in all:", len(model.requests))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(SqliteJournal(Path(folder, "journal.db"))))
