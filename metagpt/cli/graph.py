"""`metagpt graph`: a team as a picture."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from metagpt.cli.journals import open_journal
from metagpt.cli.options import TeamArgument
from metagpt.cli.teams import load_team

__all__ = ["graph"]


class _Format(StrEnum):
    MERMAID = "mermaid"
    DOT = "dot"
    SVG = "svg"


def graph(
    team: TeamArgument,
    format: Annotated[_Format, typer.Option("--format", help="Mermaid for Markdown, DOT for graphviz, SVG to look at.")] = _Format.MERMAID,
) -> None:
    """Draw who hears what in a team.

    For a picture to look at: metagpt graph TEAM --format svg > team.svg
    """
    print(load_team(team, journal=open_journal(None)).diagram(format.value), end="")
