"""`metagpt run`: a team works on a goal."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from metagpt.cli import options as o
from metagpt.cli.journals import prepare_folder
from metagpt.cli.prepare import named_journal, prepare
from metagpt.cli.remembered import remember, with_team_file
from metagpt.cli.teams import find_team, is_file
from metagpt.cli.wording import plainly, resume_command, shown_path
from metagpt.cli.work import work
from metagpt.errors import ConfigError
from metagpt.message import Message
from metagpt.run import RunStream
from metagpt.team import Team

__all__ = ["DEFAULT_TEAM", "run"]

DEFAULT_TEAM = "software"


def run(
    goal: Annotated[str, typer.Argument(metavar="GOAL", help="What you want, in your own words.", show_default=False)],
    team: Annotated[
        str, typer.Option("--team", metavar="TEAM", help="An installed team's NAME, FILE.py:team, FILE.toml or FILE.md.")
    ] = DEFAULT_TEAM,
    model: o.ModelOption = None,
    role_model: o.RoleModelOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", show_default=False, help="Folder for the products, new or empty; else named after the goal."),
    ] = None,
    journal: o.JournalOption = None,
    session: Annotated[
        str | None,
        typer.Option("--session", metavar="NAME", show_default=False, help="What the roles remember belongs to it, across runs."),
    ] = None,
    usd: o.UsdOption = None,
    tokens: o.TokensOption = None,
    calls: o.CallsOption = None,
    seconds: o.SecondsOption = None,
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", show_default=False, help="Where the roles' chance comes from.")] = None,
    sandbox: o.SandboxOption = None,
    json: o.JsonOption = False,
) -> None:
    """Have a team work on a goal.

    By default it is the software team, which writes a tested Python program.

    Ctrl-C stops the run and loses nothing: the last line says how to resume it.

    Exit status: 0 success, 1 ended without it, 2 wrong command or configuration, 3 waits for a person, 130 interrupted.
    """
    if not goal.strip():
        raise ConfigError("metagpt run: found an empty goal; expected what you want, in your own words. Write it in quotes.")
    bounds = {"usd": usd, "tokens": tokens, "calls": calls, "seconds": seconds}
    flags = o.Flags(
        team=team, model=model, role_models=o.parse_role_models(role_model), out=out, journal=journal,
        budget={name: value for name, value in bounds.items() if value is not None},
        seed=seed, sandbox=None if sandbox is None else sandbox.value, json=json,
    )  # fmt: skip
    prepared = prepare(team, find_team(team), flags, goal=goal)
    start = _start_message(prepared.team, goal)
    run_id = uuid.uuid4().hex[:12]
    into = f", files into {shown_path(prepared.workspace)}" if prepared.workspace is not None else ""
    print(f"{prepared.choice.line}; team {prepared.team.name}, run {run_id}{into}", file=sys.stderr if json else sys.stdout, flush=True)
    prepare_folder(prepared.team.journal)
    remember(prepared.team.journal, run_id, with_team_file(prepared.remembered))

    def resume(*answers: str) -> str:
        return resume_command(run_id, team=team if is_file(team) else None, journal=named_journal(flags), answers=answers)

    def begin() -> RunStream[Any]:
        return prepared.team.stream(start, run_id=run_id, session=session)

    raise typer.Exit(work(prepared, begin, run_id, json=json, resume=resume))


def _start_message(team: Team[Any, Any], goal: str) -> Message | str:
    """The goal as the team's start message: text where it has a single text field, else JSON."""
    fields = list(team.start.model_fields.values())
    if len(fields) == 1 and fields[0].annotation is str:
        return goal
    try:
        message: Message = team.start.model_validate_json(goal)
    except ValidationError as error:
        raise ConfigError(
            f"metagpt run: found a goal that is no {team.start.__name__} ({plainly(error)}); expected it as JSON. Mend it."
        ) from error
    return message
