"""A person is a member of the team: they answer typed messages, here from the program, elsewhere from a terminal or a web page.

`Human` hears and says messages like any role. The run waits in the journal until somebody answers, in this process or in
another one; the journal says what is asked, what it is about and, as JSON schema, what answers it.

Prints:
    editor is asked: May this be printed? (about 'Tea, hot')
    an answer is: approved, notes
    editor is asked: May this be printed? (about 'Tea, cold in summer')
    done: Tea, cold in summer
"""

import tempfile
from pathlib import Path

from metagpt import Edit, Goal, Human, Message, Role, SqliteJournal, Team, on


class Draft(Message):
    text: str


class Review(Message):
    approved: bool
    notes: str = ""


class Printed(Message):
    text: str


class Writer(Role):
    """A writer of menus."""

    draft: str = ""

    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        self.draft = f"{goal.text}, hot"
        return Draft(text=self.draft)

    @on(Review, limit=3)
    async def go_on(self, review: Review) -> Draft | Printed:
        if review.approved:
            return Printed(text=self.draft)
        self.draft = f"Tea, {review.notes}"
        return Draft(text=self.draft)


def open_team(journal: Path) -> Team[Goal, Printed]:
    """The team on its journal, as each process would open it."""
    editor = Human("editor", hears=Draft, says=Review, question="May this be printed?")
    return Team([Writer(), editor], final=Printed, journal=SqliteJournal(journal))


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder, "journal.db")
        run = await open_team(journal).run("Tea")
        for review in (Review(approved=False, notes="cold in summer"), Review(approved=True)):
            [pending] = run.pending
            print(f"{pending.role} is asked: {pending.text} (about {pending.about[0].model_dump()['text']!r})")
            if not review.approved:
                print(f"an answer is: {', '.join((pending.schema or {})['properties'])}")
            run = await open_team(journal).resume(run.id, answers={pending.id: Edit(review)})
        print(f"{run.status}: {run.output.text}")


if __name__ == "__main__":
    import asyncio

    asyncio.run(main())
