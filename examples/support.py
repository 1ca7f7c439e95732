"""Customers are answered from a handbook; where it does not do, the run waits for a person, for minutes or for days.

Each step could be another process: the run is found again by its id. From a shell: metagpt resume RUN --answer ID=TEXT

Prints:
    handbook: Yes, within 30 days if you have not used it.
    the run waits: the handbook does not say all of it
    person: A broken lid is on us: we send a new one.
"""

import tempfile
from pathlib import Path

from metagpt import Goal, SqliteJournal, Team
from metagpt.models.interface import ModelRequest
from metagpt.roles.support import Answer, Unanswered
from metagpt.testing import FunctionModel

HANDBOOK = Path(__file__).parent / "handbook"


def answer(request: ModelRequest) -> object:
    """A model that is sure of returns, and of nothing else."""
    is_sure = "30 days?" in request.chat[-1].text
    text = "Yes, within 30 days if you have not used it." if is_sure else "Please send it back."
    return {"text": text, "is_sure": is_sure, "citations": [{"document": "shop.md", "quote": "sent back within 30 days"}]}


def open_team(journal: Path) -> Team[Goal, Answer | Unanswered]:
    """The team on its journal, as each process would open it."""
    return Team.load("support", handbook=HANDBOOK, model=FunctionModel(answer), journal=SqliteJournal(journal))


def told(output: Answer | Unanswered) -> str:
    """What the customer reads, and by whom."""
    return f"{output.by}: {output.text}" if isinstance(output, Answer) else f"nobody: {output.reason}"


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = Path(folder, "journal.db")
        sure = await open_team(journal).run("May I send a teapot back within 30 days?")
        print(told(sure.output))

        unsure = await open_team(journal).run("The lid of my teapot was broken, may I send it back?")
        [pending] = unsure.pending
        reason = next(line for line in pending.text.splitlines() if line.startswith("Handed over because"))
        print("the run waits:", reason.removeprefix("Handed over because ").rstrip("."))

        answers = {pending.id: "A broken lid is on us: we send a new one."}
        done = await open_team(journal).resume(unsure.id, answers=answers)
        print(told(done.output))


if __name__ == "__main__":
    import asyncio

    asyncio.run(main())
