"""Runs of the lab that a benchmark may be cut in: what is done is read, what was begun goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from metagpt.lab.jobs import Recipe, run_recipe

__all__ = ["kept_run"]


def kept_run(kind: str, values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The results of the job of that kind in the folder: told if it is done, else after going on with it, or after all of it."""
    if (folder / "results.json").is_file():
        found: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
        return found
    source = "a benchmark"
    if (folder / "recipe.json").is_file():
        return run_recipe(Recipe(kind="", values={}, source=source), resume=folder)[1]
    return run_recipe(Recipe(kind=kind, values=values, source=source), out=folder)[1]
