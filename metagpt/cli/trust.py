"""`metagpt trust`: the user has looked at settings that stand where runs write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metagpt.cli.wording import shown_path
from metagpt.settings import FILE_NAME, believe_settings
from metagpt.trust import is_noted

__all__ = ["trust"]


def trust(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The settings file, or where it was.")] = Path(FILE_NAME),
) -> None:
    """Take a settings file for your own as it stands now, where a run could have written it.

    Look at it first: it may name programs to start, and say what models may do.
    """
    found = believe_settings(file)
    if not is_noted(file):
        print(f"{shown_path(file)}: no run has written there; nothing is to be done")
    elif found:
        print(f"{shown_path(file)}: read as it stands now, until it changes")
    else:
        print(f"{shown_path(file)}: expected no more")
