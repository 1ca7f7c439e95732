"""A job of the lab on the command line: Ctrl-C ends it with a word on where it stands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from metagpt.cli.statuses import INTERRUPTED

if TYPE_CHECKING:
    from metagpt.lab.jobs import Recipe, RunFolder

__all__ = ["run_or_tell"]


def run_or_tell(
    recipe: Recipe, *, out: Path | None = None, resume: Path | None = None, go_on: str = "metagpt lab resume"
) -> tuple[RunFolder, dict[str, Any]]:
    """Run the recipe; the folder and the results.

    Args:
        recipe: What to do.
        out: The run's new folder.
        resume: The folder of a run that was cut.
        go_on: The command that goes on with a run, without its folder.

    Raises:
        Exit: it was interrupted.
    """
    from metagpt.lab.jobs import run_recipe

    begun: list[RunFolder] = []
    try:
        return run_recipe(recipe, out=out, resume=resume, begun=begun.append)
    except KeyboardInterrupt:
        print(f"\n{_stand(begun[0], go_on) if begun else 'interrupted before anything was done'}", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None


def _stand(folder: RunFolder, go_on: str) -> str:
    step = max((line["step"] for line in folder.logged() if isinstance(line.get("step"), int)), default=0)
    after = f" after step {step}" if step else ""
    return f"interrupted{after}; what was done is in {folder.path}. Go on with: {go_on} {folder.path}"
