"""`metagpt improve ROLE` and `metagpt rollback ROLE`: a role's model from its own runs, put in service and taken back."""

from __future__ import annotations

import json as jsonlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metagpt.cli.hub_options import HubOption, open_hub
from metagpt.cli.in_service import put_in_service
from metagpt.cli.lab_runs import run_or_tell
from metagpt.cli.options import JsonOption

if TYPE_CHECKING:
    from metagpt.lab.jobs import Recipe

__all__ = ["improve", "rollback"]

RoleArgument = Annotated[str, typer.Argument(metavar="ROLE", help="The role, as engineer.", show_default=False)]


class _Method(StrEnum):
    LORA = "lora"
    FULL = "full"
    DPO = "dpo"
    GRPO = "grpo"


def improve(
    role: RoleArgument,
    runs: Annotated[
        str | None,
        typer.Option(
            "--runs", metavar="JOURNAL", show_default=False, help="A file, or a plugin's NAME:REST; .metagpt/journal.db if left out."
        ),
    ] = None,
    base: Annotated[
        str | None, typer.Option("--base", metavar="REF", show_default=False, help="Train from it; what is in service if left out.")
    ] = None,
    method: Annotated[_Method | None, typer.Option("--method", help="lora if left out.", show_default=False)] = None,
    count: Annotated[
        int | None, typer.Option("--count", metavar="N", show_default=False, help="Tasks of each generated set; 200 if left out.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", show_default=False, help="7 if left out.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", show_default=False, help="See: metagpt lab improve --settings")
    ] = None,
    service: Annotated[bool, typer.Option(help="Write a promoted model into metagpt.toml, if no other is named there.")] = True,
    resume: Annotated[Path | None, typer.Option("--resume", metavar="FOLDER", show_default=False, help="Go on with a cut run.")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FOLDER", show_default=False, help="The run's new folder.")] = None,
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """Train a role's model on what passed in its runs; promote it only if it beats the one in service.

    Both answer the same held-out tasks, as often and with the same seeds, and every answer is run; an exact paired test decides. The
    winner is hub:ROLE@production, and `metagpt rollback ROLE` takes it back. Exit status 0 also where nothing was promoted.
    """
    from metagpt.cli.lab import setting
    from metagpt.lab.jobs import Recipe

    flags = {"runs": runs, "base": base, "method": method and method.value, "count": count, "seed": seed, "hub": path}
    said: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    recipe: Recipe = Recipe(kind="improve", values={"role": role, **said, **dict(map(setting, set_ or ()))}, source="improve")
    folder, results = run_or_tell(recipe, out=out, resume=resume, go_on=f"metagpt improve {role} --resume")
    told = put_in_service(role, path) if results["promoted"] and service else ""
    if json:
        print(jsonlib.dumps({"folder": str(folder.path), "results": results}))
        return
    print((folder.path / "report.md").read_text(encoding="utf-8"))
    if results["promoted"]:
        print(f"in service: hub:{role}@production, version {results['reference']}. Take it back with: metagpt rollback {role}")
        print(told or f"use it with: metagpt run --role-model {role}=hub:{role}@production")
    else:
        print("not promoted: the model in service stays")
    print(f"written: {folder.path}", file=sys.stderr)


def rollback(role: RoleArgument, path: HubOption = None, json: JsonOption = False) -> None:
    """Let the model answer again that was in service before the last promotion."""
    from metagpt.lab.improvement.service import rollback as take_back

    reference = take_back(role, open_hub(path)).reference
    told = {"role": role, "in_service": f"hub:{role}@production", "reference": reference}
    print(jsonlib.dumps(told) if json else f"in service: hub:{role}@production, version {reference}")
