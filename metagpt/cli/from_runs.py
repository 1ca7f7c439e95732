"""`metagpt data from-runs`: what a journal's runs teach, as sets in the hub."""

from __future__ import annotations

import json as jsonlib
from typing import Annotated

import typer

from metagpt.cli.hub_options import HubOption, entry_values, open_hub
from metagpt.cli.journals import DEFAULT_JOURNAL
from metagpt.cli.options import JsonOption

__all__ = ["from_runs"]


def from_runs(
    runs: Annotated[
        str | None,
        typer.Option(
            "--runs", metavar="JOURNAL", show_default=False, help="A file, or a plugin's NAME:REST; .metagpt/journal.db if left out."
        ),
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
    1 and 0, CALL.agreed what most votes were for in calls that came to nothing. One goal in five is held out, the same ones for ever.
    Nothing is pushed that has not changed. Secrets stay masked.
    """
    from metagpt.lab.from_runs import data_from_runs

    hub = open_hub(path)
    for entry in data_from_runs(runs or DEFAULT_JOURNAL, hub=hub, role=role, team=team, model=model).values():
        card = hub.card(entry)
        print(jsonlib.dumps(entry_values(hub, entry, card)) if json else f"{entry.reference}: {card.summary}")
