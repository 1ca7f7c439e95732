"""`metagpt check`: a team's graph, before a token is spent."""

from __future__ import annotations

from pathlib import Path

import typer

from metagpt.cli.journals import open_journal
from metagpt.cli.options import TeamArgument
from metagpt.cli.statuses import FAILURE
from metagpt.cli.teams import DATA_FILES, load_team
from metagpt.cli.wording import counted
from metagpt.errors import HandlerSignatureError, TeamError
from metagpt.from_file import is_role_file
from metagpt.role import Role

__all__ = ["check"]


def check(team: TeamArgument) -> None:
    """Check a team's graph before a token is spent; of a role's FILE.toml or FILE.md, the role.

    All findings are told at once.

    Exit status: 0 nothing, 1 findings, 2 there is no such team.
    """
    try:
        if team.endswith(DATA_FILES) and is_role_file(Path(team)):
            print(_role(Path(team)))
            return
        found = load_team(team, journal=open_journal(None))
    except (TeamError, HandlerSignatureError) as error:
        print(error)
        raise typer.Exit(FAILURE) from error
    kinds = [about["kind"] for _, about in found.graph.nodes(data=True)]
    counts = (counted(len(found.roles), "role"), counted(kinds.count("handler"), "handler"), counted(kinds.count("message"), "message"))
    print(f"team {found.name!r}: {', '.join(counts)}; no findings")


def _role(file: Path) -> str:
    """What a role's file holds, which is right as far as that can be told without its team."""
    role = Role.from_file(file)
    return f"role {role.name!r}: {counted(len(role.handlers), 'handler')}; no findings. Its graph is checked in a team that names it"
