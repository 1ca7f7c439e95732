"""`metagpt resume`: a run goes on where it stood."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from metagpt.cli import options as o
from metagpt.cli.answers import read_answers
from metagpt.cli.journals import find_run, open_journal
from metagpt.cli.prepare import named_journal, prepare
from metagpt.cli.remembered import Remembered, recall
from metagpt.cli.reopened import change_of, team_of
from metagpt.cli.teams import find_team, is_file
from metagpt.cli.wording import resume_command
from metagpt.cli.work import work
from metagpt.journal.interface import Journal
from metagpt.run import Run, RunStream
from metagpt.team import Team

__all__ = ["resume"]


def resume(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run's id, or how it begins.", show_default=False)],
    team: Annotated[
        str | None,
        typer.Option("--team", metavar="TEAM", show_default=False, help="The team; needed where it is a FILE.py:team."),
    ] = None,
    journal: o.JournalOption = None,
    model: o.ModelOption = None,
    role_model: o.RoleModelOption = None,
    answer: Annotated[
        list[str] | None,
        typer.Option(
            "--answer",
            metavar="ID=ANSWER",
            show_default=False,
            help="What a person says: ID=approve, ID=reject:NOTE, ID=edit:JSON, ID=edit:@FILE, or ID=TEXT; may be repeated.",
        ),
    ] = None,
    fresh: o.FreshOption = False,
    usd: o.UsdOption = None,
    tokens: o.TokensOption = None,
    calls: o.CallsOption = None,
    seconds: o.SecondsOption = None,
    sandbox: o.SandboxOption = None,
    json: o.JsonOption = False,
) -> None:
    """Go on with a run where it stood.

    It may have been cut, cancelled, have failed, or wait for a person; nothing recorded is bought again.

    What has waited for a person for longer than its time limit gets its default, without asking.

    A team that stands in a FILE.toml or FILE.md is found again where it stood; a FILE.py must be named.

    Models, budget and sandbox are those the run was started with, where no flag says otherwise.

    Exit status: as for run.
    """  # fmt: skip
    bounds = {"usd": usd, "tokens": tokens, "calls": calls, "seconds": seconds}
    given = o.Flags(
        team=team, model=model, role_models=o.parse_role_models(role_model), journal=journal,
        budget={name: value for name, value in bounds.items() if value is not None},
        sandbox=None if sandbox is None else sandbox.value, json=json,
    )  # fmt: skip
    named = None if team is None else find_team(team)
    kept = _journal(given, named)
    header = find_run(kept, run)
    started = recall(kept, header.run_id)

    def again(named: str) -> str:
        options = o.typed_again(given, fresh=fresh)
        return resume_command(header.run_id, team=named, journal=named_journal(given), answers=answer or [], options=options)

    spec = team_of(header, started, team, again)
    if changed := change_of(started, team):
        print(changed, file=sys.stderr)
    flags = _with_started(given, started)
    prepared = prepare(spec, find_team(spec) if named is None else named, flags)
    found = prepared.team.open_run(header.run_id)
    answers = read_answers(answer or [], found.pending)
    print(f"{prepared.choice.line}; team {prepared.team.name}, run {header.run_id}", file=sys.stderr if json else sys.stdout, flush=True)

    def line(*texts: str) -> str:
        return resume_command(header.run_id, team=spec if is_file(spec) else None, journal=named_journal(flags), answers=texts)

    def begin() -> RunStream[Any]:
        return prepared.team.resume_stream(header.run_id, answers=answers, fresh=fresh)

    rests = not answers and not found.can_go_on(time.time())
    if rests and json:
        _retell(found)
    raise typer.Exit(work(prepared, None if rests else begin, header.run_id, json=json, resume=line))


def _journal(flags: o.Flags, named: Any) -> Journal:  # Any: a Team, or a function that makes one
    """The journal that has the run: `--journal`, the durable one of a team made in Python, or the default."""
    if flags.journal is None and isinstance(named, Team) and named.journal.durable:
        return named.journal
    return open_journal(flags.journal)


def _with_started(given: o.Flags, started: Remembered | None) -> o.Flags:
    """The flags, with those of the start where they say nothing."""
    if started is None:
        return given
    return o.Flags(
        team=given.team,
        model=given.model or started.model,
        role_models={**started.role_models, **given.role_models},
        out=None if started.workspace is None else Path(started.workspace),
        journal=given.journal,
        budget={**started.budget, **given.budget},
        sandbox=given.sandbox or started.sandbox,
        json=given.json,
    )


def _retell(found: Run[Any]) -> None:
    """The run's last event once more, so that the last line is `run_ended` as ever."""
    from metagpt.cli.json_lines import JsonDisplay

    last = None
    for event in found.events():
        last = event
    if last is not None:
        JsonDisplay().show(last)
