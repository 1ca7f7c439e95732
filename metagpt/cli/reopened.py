"""Which team goes on with a run: the one that the user names, one that is installed, or one that is data and stands where it did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from metagpt.cli.remembered import Remembered, has_changed
from metagpt.cli.teams import DATA_FILES, is_file, is_installed
from metagpt.errors import ConfigError
from metagpt.journal.interface import RunHeader

__all__ = ["change_of", "team_of"]


def team_of(header: RunHeader, started: Remembered | None, named: str | None, line: Callable[[str], str]) -> str:
    """The team's name: as given, as the run was started with, or as it is called in the journal.

    Args:
        header: The run.
        started: What it was started with, where that is known.
        named: What the user named now.
        line: Makes the command that names a team and says all else that was said now.

    Raises:
        ConfigError: it must be named.
    """
    if named is not None:
        return named
    for name in (started.team if started else "", header.team):
        if name and not is_file(name) and is_installed(name):
            return name
    if started is not None and started.team.endswith(DATA_FILES):
        return _where_it_stood(header.run_id, started, line)
    spec = started.team if started is not None else "FILE.py:team"
    raise ConfigError(
        f"metagpt resume: found run {header.run_id} of team {header.team!r}, which is not installed; expected --team, for a program runs"
        f" only where it is named. Write: {line(spec)}"
    )


def _where_it_stood(run_id: str, started: Remembered, line: Callable[[str], str]) -> str:
    """The team's file, which holds what it held: reading it runs nothing."""
    recorded = Path(started.file or started.team)
    file = Path(started.team) if Path(started.team).resolve() == recorded else recorded
    if not file.is_file():
        raise ConfigError(
            f"metagpt resume: found no team file {str(file)!r}, which run {run_id} was started with; expected it there."
            f" Put it back, or name it where it is now: {line('FILE')}"
        )
    if has_changed(started, file):
        raise ConfigError(
            f"metagpt resume: found team file {str(file)!r} changed since run {run_id} was started; expected it as it was."
            f" Put it back, or go on with it as it is now: {line(str(file))}"
        )
    return str(file)


def change_of(started: Remembered | None, named: str | None) -> str:
    """A note for somebody who names the team's file again, where that has changed; else empty."""
    if started is None or named is None or started.file != str(Path(named).resolve()) or not has_changed(started, Path(named)):
        return ""
    return f"note: {named} has changed since the run was started"
