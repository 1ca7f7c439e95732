"""A team inside a web application: three functions that any framework can call from its routes.

`start` answers at once with the run's id, `events` is the body of a server-sent-events response, `approve` is what a
button posts to. Everything they share is the journal; each may run in another process.

Prints:
    data: run_started
    data: message_published
    data: handler_started
    data: approval_needed
    data: run_ended
    status: waiting
    after approval: done, refund 12 euros to order 4711
"""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from metagpt import Approve, Budget, Message, Reject, Role, SqliteJournal, Team, on


class Complaint(Message):
    order: int
    text: str


class Refund(Message):
    order: int
    euros: int


class Agent(Role[dict[int, int]]):
    """Settles complaints. What orders cost comes from the application, as `deps`: it is never journaled."""

    @on(Complaint, approve=True)
    async def settle(self, complaint: Complaint) -> Refund:
        return Refund(order=complaint.order, euros=self.deps[complaint.order])


PRICES = {4711: 12}


def open_team(journal: Path) -> Team[Complaint, Refund]:
    return Team([Agent()], start=Complaint, final=Refund, journal=SqliteJournal(journal), budget=Budget(usd=0.05, seconds=60))


async def events(team: Team[Complaint, Refund], complaint: Complaint, run_id: str) -> AsyncIterator[str]:
    async with team.stream(complaint, run_id=run_id, deps=PRICES) as stream:
        async for event in stream:
            yield f"data: {json.dumps(event.as_json())}\n\n"


async def approve(team: Team[Complaint, Refund], run_id: str, *, agrees: bool) -> str:
    [pending] = team.open_run(run_id).pending
    run = await team.resume(run_id, answers={pending.id: Approve() if agrees else Reject("no")}, deps=PRICES)
    return f"{run.status}, refund {run.output.euros} euros to order {run.output.order}"


async def main(journal: Path) -> None:
    async for line in events(open_team(journal), Complaint(order=4711, text="it drips"), "complaint-1"):
        print("data:", json.loads(line.removeprefix("data: "))["event"])
    print("status:", open_team(journal).open_run("complaint-1").status)
    print("after approval:", await approve(open_team(journal), "complaint-1", agrees=True))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(Path(folder, "journal.db")))
