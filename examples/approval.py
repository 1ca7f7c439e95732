"""A person must agree before an offer goes out: the run waits in the journal, for minutes or for weeks.

Each step could be another process: the run is found again by its id. The person sees what would change since the last
offer, may edit it before they agree, and has a day: after that, resuming the run takes the default.

Prints:
    waiting: {'euros': 90}
    waiting: {'euros': 80}
    done: an offer of 75 euros
    waiting: {'euros': 90}
    a day later, done: an offer of 90 euros
"""

import tempfile
from pathlib import Path

from metagpt import Approve, Edit, Goal, Message, Reject, Role, Run, SqliteJournal, Team, WaitLimit, on
from metagpt.testing import FakeClock

DAY_S = 24 * 3600.0


class Offer(Message):
    euros: int


class Seller(Role):
    """Makes offers; what the person wrote who rejected the last one is `self.feedback`."""

    @on(Goal, approve=WaitLimit(seconds=DAY_S, default=Approve()))
    async def offer(self, goal: Goal) -> Offer:
        return Offer(euros=80 if self.feedback else 90)


def open_team(journal: Path, days: float = 0.0) -> Team[Goal, Offer]:
    """The team on its journal, as each process would open it; the clock is there to let a day pass."""
    return Team([Seller()], final=Offer, journal=SqliteJournal(journal), clock=FakeClock(start=days * DAY_S))


def show(run: Run[Offer]) -> None:
    """What a person is asked; `run.difference(pending)` would be the diff to the last offer that was published."""
    for pending in run.pending:
        print(f"{run.status}: {pending.proposed[0].model_dump()}")


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder, "journal.db")
        run = await open_team(journal).run("a price for one teapot")
        for answer in (Reject("too dear"), Edit(Offer(euros=75))):
            show(run)
            run = await open_team(journal).resume(run.id, answers={run.pending[0].id: answer})
        print(f"{run.status}: an offer of {run.output.euros} euros")
        run = await open_team(journal).run("a price for two teapots")
        show(run)
        run = await open_team(journal, days=1).resume(run.id)
        print(f"a day later, {run.status}: an offer of {run.output.euros} euros")


if __name__ == "__main__":
    import asyncio

    asyncio.run(main())
