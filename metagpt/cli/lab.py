"""`metagpt lab`: run recipes; each kind of job is also a command whose flags are the recipe's settings."""

from __future__ import annotations

import json as jsonlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from metagpt.cli.lab_runs import run_or_tell
from metagpt.cli.options import JsonOption
from metagpt.errors import ConfigError

if TYPE_CHECKING:
    from metagpt.lab.jobs import Recipe

__all__ = ["lab", "setting"]

lab = typer.Typer(no_args_is_help=True, help="Train, compress and evaluate models by recipes.")

OutOption = Annotated[Path | None, typer.Option("--out", metavar="FOLDER", show_default=False, help="The run's folder; it must be new.")]
SettingsOption = Annotated[bool, typer.Option("--settings", help="List the settings of this job, and end.")]


@lab.command("run")
def run(
    recipe: Annotated[Path, typer.Argument(metavar="RECIPE.toml", show_default=False, help="The recipe: job = KIND, and its settings.")],
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", show_default=False, help="Change a setting.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", show_default=False, help="Change the seed.")] = None,
    out: OutOption = None,
    json: JsonOption = False,
) -> None:
    """Run a recipe; everything that comes of it goes into a new folder."""
    from metagpt.lab.jobs import read_recipe

    changed: dict[str, Any] = dict(setting(text) for text in set_ or ())
    if seed is not None:
        changed["seed"] = seed
    _do(read_recipe(recipe).overridden(changed), out=out, json=json)


@lab.command("resume")
def resume(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", show_default=False, help="The folder of a run that was cut.")],
    json: JsonOption = False,
) -> None:
    """Go on with a run that was cut."""
    from metagpt.lab.jobs import Recipe

    _do(Recipe(kind="", source=str(folder)), resume=folder, json=json)


def setting(text: str) -> tuple[str, Any]:
    """NAME=VALUE as it stands on the command line."""
    name, mark, value = text.partition("=")
    if not mark or not name:
        raise ConfigError(f"--set: found {text!r}; expected NAME=VALUE, as --set max_epochs=3. Write it so.")
    return name.strip(), _value(value.strip())


def _value(text: str) -> Any:  # Any: a JSON value
    """A number, list or truth value where the text is one in JSON; else the text itself, which the settings then check."""
    try:
        return jsonlib.loads(text)
    except ValueError:
        return text


def _do(recipe: Recipe, *, out: Path | None = None, resume: Path | None = None, json: bool) -> None:
    folder, results = run_or_tell(recipe, out=out, resume=resume)
    if json:
        print(jsonlib.dumps({"folder": str(folder.path), "results": results}))
        return
    for name, value in results.items():
        print(f"{name:24} {value:.4f}" if isinstance(value, float) else f"{name:24} {value}")
    print(f"written: {folder.path}", file=sys.stderr)


def _flags(arguments: list[str]) -> dict[str, Any]:
    """`--max-epochs 3 --lora` as settings; a flag without a value is true."""
    found: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        flag = rest.pop(0)
        if not flag.startswith("--"):
            raise ConfigError(f"lab: found {flag!r}; expected --NAME VALUE pairs. Put the name of the setting before it.")
        name, mark, value = flag[2:].partition("=")
        if not mark:
            value = rest.pop(0) if rest and not rest[0].startswith("--") else "true"
        found[name.replace("-", "_")] = _value(value)
    return found


def _add_kind(kind: str, line: str) -> None:
    def command(
        context: typer.Context,
        out: OutOption = None,
        json: JsonOption = False,
        settings: bool = typer.Option(False, "--settings", help="List the settings of this job, and end."),
    ) -> None:
        from metagpt.lab.jobs import Recipe

        if settings:
            _list_settings(kind)
            return
        _do(Recipe(kind=kind, values=_flags(context.args), source=f"lab {kind}"), out=out, json=json)

    command.__doc__ = f"{line}\n\nEvery setting of the recipe is a flag: see --settings."
    lab.command(kind, context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(command)


def _list_settings(kind: str) -> None:
    from metagpt.lab.jobs import load_job

    for name, about in load_job(kind).Settings.model_fields.items():
        default = "required" if about.is_required() else jsonlib.dumps(about.get_default(call_default_factory=True), default=str)
        print(f"--{name.replace('_', '-'):24} {about.description or ''} ({default})")


def _add_kinds() -> None:
    from metagpt.lab.jobs.kinds import JOB_KINDS

    for kind, (_, line) in JOB_KINDS.items():
        _add_kind(kind, line)


_add_kinds()
