"""What the commands of the hub and of its data share."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metagpt.hub.telling import entry_values, lineage_values

if TYPE_CHECKING:
    from metagpt.hub.entry import Entry
    from metagpt.hub.hub import ModelHub

__all__ = [
    "AliasOption",
    "HubOption",
    "NameArgument",
    "ParentOption",
    "ReferenceArgument",
    "entry_values",
    "lineage_values",
    "megabytes",
    "open_hub",
    "print_entries",
]

HubOption = Annotated[
    Path | None,
    typer.Option("--hub", metavar="DIR", show_default=False, help="The hub's folder; METAGPT_HUB or .metagpt/hub if left out."),
]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The entry's name.", show_default=False)]
ReferenceArgument = Annotated[str, typer.Argument(metavar="REF", help="NAME, NAME@VERSION or NAME@ALIAS.", show_default=False)]
AliasOption = Annotated[str | None, typer.Option("--alias", metavar="ALIAS", show_default=False, help="An alias for the new version.")]
ParentOption = Annotated[
    list[str] | None,
    typer.Option("--parent", metavar="REF", show_default=False, help="What it was made from, as NAME@VERSION or run:ID; may be repeated."),
]


def open_hub(path: Path | None) -> ModelHub:
    """The hub that the flag or the settings name."""
    from metagpt.hub.hub import ModelHub

    return ModelHub(path)


def print_entries(hub: ModelHub, entries: list[Entry], *, json: bool) -> None:
    """A line for each entry."""
    rows = [entry_values(hub, entry, hub.card(entry)) for entry in entries]
    if json:
        for row in rows:
            print(jsonlib.dumps(row, default=str))
        return
    if not rows:
        print(f"nothing in {hub.path}")
    width = max((len(row["reference"]) for row in rows), default=0)
    for row in rows:
        print(f"{row['reference']:{width}}  {row['kind']:11}  {megabytes(row):>9}  {_marks(row):24}  {_short(row['summary'])}".rstrip())


def megabytes(row: Mapping[str, Any]) -> str:
    """Its size for people."""
    return f"{row['size_bytes'] / 1e6:.1f} MB"


def _marks(row: Mapping[str, Any]) -> str:
    return ", ".join([*row["aliases"], *(["built in"] if row["built_in"] else [])])


def _short(summary: str) -> str:
    return summary if len(summary) <= 80 else f"{summary[:79]}…"
