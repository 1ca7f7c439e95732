"""A person must agree before an offer goes out: the run waits in the journal, for minutes or for weeks.

Each step could be another process: the run is found again by its id.

Prints:
    waiting: {'euros': 90}
    waiting: {'euros': 80}
    done: an offer of 80 euros
"""

import tempfile
from pathlib import Path

from metagpt import Approve, Goal, Message, Reject, Role, SqliteJournal, Team, on


class Offer(Message):
    euros: int


class Seller(Role):
    """Makes offers; what the person wrote who rejected the last one is `self.feedback`."""

    @on(Goal, approve=True)
    async def offer(self, goal: Goal) -> Offer:
        return Offer(euros=80 if self.feedback else 90)


def open_team(journal: Path) -> Team[Goal, Offer]:
    """The team on its journal, as each process would open it."""
    return Team([Seller()], final=Offer, journal=SqliteJournal(journal))


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder, "journal.db")
        run = await open_team(journal).run("a price for one teapot")
        for answer in (Reject("too dear"), Approve()):
            [pending] = run.pending
            for proposed in pending.proposed:
                print(f"{run.status}: {proposed.model_dump()}")
            run = await open_team(journal).resume(run.id, answers={pending.id: answer})
        print(f"{run.status}: an offer of {run.output.euros} euros")


if __name__ == "__main__":
    import asyncio

    asyncio.run(main())
