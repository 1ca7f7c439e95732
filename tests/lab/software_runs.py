"""Runs of the software team whose models answer from a script: what the tests of from_runs and improve read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metagpt import SqliteJournal, Team
from metagpt.testing import ScriptedModel
from metagpt.testing.scripted import data, text

RIGHT = "def {name}(number: int) -> int:\n    return number + {n}\n"
WRONG = "def {name}(number: int) -> int:\n    return number - {n}\n"


def specification(n: int) -> dict[str, Any]:
    return {
        "in_scope": True,
        "summary": f"add {n}",
        "signature": f"add_{n}(number: int) -> int",
        "examples": [[1, 1 + n], [5, 5 + n]],
    }


CHECKS = {"inputs": [0, 3, 7], "properties": [], "cases": [], "source": ""}


def goal_text(n: int) -> str:
    return f"Add {n} to a whole number."


async def run_once(journal: SqliteJournal, n: int, *, wrong_first: bool = False, never_right: bool = False, secret: str = "") -> str:
    """One run; its first program may be wrong, and mended or not. Returns its id."""
    right, wrong = (each.format(name=f"add_{n}", n=n) for each in (RIGHT, WRONG))
    written = [text(wrong if wrong_first or never_right else right)]
    repaired = [text(wrong)] * 3 if never_right else [text(f"```python\n{right}```")] if wrong_first else []
    script = {
        "product_manager": [data(specification(n))],
        "engineer.write_program": written,
        "engineer.repair": repaired,
        "evaluator": [data(CHECKS)],
    }
    script = {name: steps for name, steps in script.items() if steps}
    with ScriptedModel(script) as model:
        run = await Team.load("software", model=model, journal=journal).run(goal_text(n) + secret)
    return run.id


def open_journal(folder: Path) -> SqliteJournal:
    return SqliteJournal(folder / "journal.db")
