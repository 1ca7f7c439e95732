"""`metagpt data from-runs`: what a journal's runs teach, as sets in the hub."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import Annotated

import typer

from metagpt.cli.hub_options import HubOption, entry_values, open_hub
from metagpt.cli.options import JsonOption
from metagpt.errors import LabError

__all__ = ["from_runs"]


def from_runs(
    runs: Annotated[
        Path | None, typer.Option("--runs", metavar="JOURNAL", show_default=False, help=".metagpt/journal.db if left out.")
    ] = None,
    role: Annotated[str | None, typer.Option("--role", show_default=False, help="Only calls of this role.")] = None,
    team: Annotated[str | None, typer.Option("--team", show_default=False, help="Only runs of the team of this name.")] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", metavar="REF", show_default=False, help="Prompts as this model reads them; whole contexts if left out."),
    ] = None,
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """Make sets of what passed: examples, preference pairs and rewards for each call of each role.

    CALL holds prompts with the answers that passed, CALL.pairs what was sent back beside what passed in the end, CALL.rewards both with
    1 and 0. One goal in five is held out, the same ones for ever. Nothing is pushed that has not changed. Secrets stay masked.
    """
    from metagpt.cli.journals import open_journal
    from metagpt.journal.trajectories import read_trajectories
    from metagpt.lab.alignment.bases import open_base
    from metagpt.lab.from_runs import CompactPrompts, gather, push_runs, record_models

    journal = open_journal(runs)
    if not journal.path.is_file():
        raise LabError(f"data from-runs: found no journal {str(journal.path)!r}; expected the one of some runs. Name it: --runs FILE.")
    hub = open_hub(path)
    prompts = CompactPrompts(None if model is None else open_base(model, hub).folder)
    told = list(read_trajectories(journal, team=team))
    found = gather(told, prompts, role=role)
    if not found:
        raise LabError(f"data from-runs: found nothing that passed or was sent back in {len(told)} run(s); expected some. Do more runs.")
    record_models(hub, told)
    for entry in push_runs(hub, found).values():
        card = hub.card(entry)
        print(jsonlib.dumps(entry_values(hub, entry, card)) if json else f"{entry.reference}: {card.summary}")
    if not json:
        print(f"from {len(told)} run(s) of {journal.path}", file=sys.stderr)
