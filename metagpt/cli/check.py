"""`metagpt check`: a team's graph, before a token is spent."""

from __future__ import annotations

import typer

from metagpt.cli.journals import open_journal
from metagpt.cli.options import TeamArgument
from metagpt.cli.statuses import FAILURE
from metagpt.cli.teams import load_team
from metagpt.errors import HandlerSignatureError, TeamError

__all__ = ["check"]


def check(team: TeamArgument) -> None:
    """Check a team's graph before a token is spent.

    All findings are told at once.

    Exit status: 0 nothing, 1 findings, 2 there is no such team.
    """
    try:
        found = load_team(team, journal=open_journal(None))
    except (TeamError, HandlerSignatureError) as error:
        print(error)
        raise typer.Exit(FAILURE) from error
    kinds = [about["kind"] for _, about in found.graph.nodes(data=True)]
    counts = f"{len(found.roles)} roles, {kinds.count('handler')} handlers, {kinds.count('message')} messages"
    print(f"team {found.name!r}: {counts}; no findings")
