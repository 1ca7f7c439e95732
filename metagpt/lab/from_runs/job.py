"""The job "from-runs": what a journal's runs teach, as sets in the hub for each call of each role."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from metagpt.hub import ModelHub
from metagpt.hub.data import load_splits
from metagpt.hub.entry import Entry
from metagpt.lab.from_runs.publishing import data_from_runs
from metagpt.lab.hub_jobs.settings import HubJobSettings
from metagpt.lab.jobs import RunFolder

__all__ = ["Settings", "run"]


class Settings(HubJobSettings):
    """Which runs."""

    runs: Path | str = Field(".metagpt/journal.db", description="The journal: a file, or NAME:REST of an installed journal.")
    role: str | None = Field(None, description="Only calls of this role.")
    team: str | None = Field(None, description="Only runs of the team of this name.")
    model: str | None = Field(
        None, description="Prompts as this model reads them: embedded, hub:NAME or a folder; whole contexts if left out."
    )


def run(settings: Settings, folder: RunFolder) -> Mapping[str, Any]:
    """Make the sets; report.md then lists them. Nothing is pushed that has not changed, so that a run that was cut goes on.

    Returns:
        By set its reference and the number of rows in each part, and how many runs they come from.

    Raises:
        LabError: no such journal, or nothing in its runs that passed or was sent back.
    """
    hub = settings.open_hub()
    entries = data_from_runs(settings.runs, hub=hub, role=settings.role, team=settings.team, model=settings.model)
    sets = {name: {"reference": entry.reference, "rows": _rows(hub, entry)} for name, entry in entries.items()}
    table = "".join(f"| {entry.reference} | {hub.card(entry).summary} |\n" for entry in entries.values())
    folder.write_text("report.md", f"# From runs\n\n| set | holds |\n|---|---|\n{table}")
    runs = {parent for entry in entries.values() for parent in entry.parents if parent.startswith("run:")}
    return {"sets": sets, "runs": len(runs)}


def _rows(hub: ModelHub, entry: Entry) -> dict[str, int]:
    return {part: len(each) for part, each in load_splits(f"hub:{entry.reference}", hub=hub).items()}
