"""The embedded engineer, improved from the journal of 200 runs of its own team; and a candidate spoiled on purpose, refused.

    python -m benchmarks.lab_improve --folder .metagpt/improve [--runs 200] [--method full] [--explore 0] [--rehearsed 16000] [--count 400]

Cut it at will and start it again with the same folder: recorded runs, trained steps and marked tasks are kept. On one free core
about 4 s for each run, 10 s for each prompt that is explored, 20 minutes for the training, 0.2 s for each task, model and answer: an
hour in all, and a quarter for the drill. The goals of the runs are generated from wordings and compositions that training
may show, half of them with an example; the tasks of the comparison are held-out compositions and fresh ones of the known kind.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

from benchmarks.kept_runs import kept_run
from metagpt.errors import MetaGPTError
from metagpt.hub import ModelHub
from metagpt.journal.sqlite import SqliteJournal
from metagpt.lab.embedded.goal_sets import goals_of
from metagpt.lab.improvement import rollback
from metagpt.team import Team

AT_ONCE = 4
GOALS_SEED = 7


async def record_runs(journal: SqliteJournal, count: int, seed: int) -> int:
    """Runs of the embedded team until the journal holds `count` that have ended; returns how many succeeded now."""
    halves = (goals_of(name, count=count // 2 + 1, seed=seed) for name in ("seen_with_example", "seen"))
    goals = [goal.text for pair in zip(*halves, strict=True) for goal in pair][:count]
    done = {header.goal for header in journal.runs() if header.status in ("done", "failed")}
    left = [goal for goal in goals if goal not in done]
    team = Team.load("software", model="embedded", journal=journal)
    room = asyncio.Semaphore(AT_ONCE)

    async def one(goal: str) -> bool:
        async with room:
            try:
                return (await team.run(goal)).success
            except MetaGPTError as error:
                print(f"{type(error).__name__}: {goal[:60]!r}")
                return False

    succeeded = await asyncio.gather(*(one(goal) for goal in left))
    await team.close()
    return sum(succeeded)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--folder", type=Path, default=Path(".metagpt/improve"), help="journal, hub and run folders")
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--method", default="full", choices=["lora", "full", "dpo", "grpo"])
    parser.add_argument("--explore", type=int, default=0, help="answers drawn for each prompt with tests")
    parser.add_argument("--rehearsed", type=int, default=16_000, help="examples of the base's own corpus beside the lessons; 0 for none")
    parser.add_argument("--count", type=int, default=400, help="tasks of each generated set")
    parser.add_argument("--samples", type=int, default=1, help="answers to each task; the first, drawn without chance, is compared")
    parser.add_argument("--seed", type=int, default=8, help="of training and tasks")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    journal = SqliteJournal(options.folder / "journal.db")
    print(f"{asyncio.run(record_runs(journal, options.runs, GOALS_SEED))} new runs succeeded")
    hub = ModelHub(options.folder / "hub")
    values = {
        "role": "engineer", "runs": str(options.folder / "journal.db"), "hub": str(hub.path), "method": options.method,
        "count": options.count, "samples": options.samples, "seed": options.seed,
    }  # fmt: skip
    taught = {"explore": options.explore}
    if options.rehearsed:
        taught |= {"rehearse": "embedded-goals", "rehearsed": options.rehearsed}
    results = kept_run("improve", {**values, **taught}, options.folder / options.method)
    print((options.folder / options.method / "report.md").read_text())
    drill = kept_run(
        "improve", {**values, "breaks": 0, "agreed": False, "shuffle_labels": True}, options.folder / f"{options.method}-drill"
    )
    print(f"spoiled candidate: promoted {drill['promoted']}. {drill['why']}")
    if results["promoted"]:
        print("rolled back to", rollback("engineer", hub).reference)
        print("again in service:", hub.tag(results["reference"], "production").reference)
    print(hub.diagram())


if __name__ == "__main__":
    main()
