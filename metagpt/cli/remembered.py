"""What a run was started with, kept beside the journal, so that `metagpt resume RUN` goes on the same way.

It holds names and figures only. A FILE.py is never run because a file like this says so: the user names it again. A team
that is data runs nothing, so it is found again by where it stood, as long as it is what it was.
"""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from metagpt.cli.teams import DATA_FILES
from metagpt.errors import ConfigError
from metagpt.from_file import fingerprint
from metagpt.journal.interface import Journal
from metagpt.journal.sqlite import SqliteJournal

__all__ = ["Remembered", "forget_lost", "has_changed", "recall", "remember", "with_team_file"]


class Remembered(BaseModel):
    """The flags of one run, as far as a resumption needs them."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    team: str
    """As the user named it."""
    file: str | None = None
    """Where the team stands, if it is data; absolute."""
    fingerprint: str | None = None
    """What that file held, and the role files that it names."""
    workspace: str | None = None
    model: str | None = None
    role_models: dict[str, str] = {}
    budget: dict[str, float | int] = {}
    sandbox: str | None = None


def with_team_file(started: Remembered) -> Remembered:
    """The same, with what tells a team's file again where the team is data."""
    if not started.team.endswith(DATA_FILES):
        return started
    file = Path(started.team).resolve()
    return started.model_copy(update={"file": str(file), "fingerprint": fingerprint(file)})


def has_changed(started: Remembered, file: Path) -> bool:
    """Whether a team's file, or a role file that it names, holds something else than when the run was started."""
    return started.fingerprint not in (None, fingerprint(file))


def _folder(journal: Journal) -> Path | None:
    return journal.path.with_name(journal.path.name + ".runs") if isinstance(journal, SqliteJournal) else None


def remember(journal: Journal, run_id: str, started: Remembered) -> None:
    """Keep it; a journal that is no file keeps nothing."""
    folder = _folder(journal)
    if folder is None:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{run_id}.json", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(started.model_dump_json())


def recall(journal: Journal, run_id: str) -> Remembered | None:
    """What the run was started with; None where it was not started from the command line.

    Raises:
        ConfigError: the file is damaged.
    """
    folder = _folder(journal)
    if folder is None or not (folder / f"{run_id}.json").is_file():
        return None
    file = folder / f"{run_id}.json"
    try:
        return Remembered.model_validate_json(file.read_bytes())
    except ValidationError as error:
        raise ConfigError(f"{file}: found text that does not read back; expected what `run` wrote. Remove it, name --team.") from error


def forget_lost(journal: Journal) -> None:
    """Remove what belongs to runs that the journal no longer has."""
    folder = _folder(journal)
    if folder is None or not folder.is_dir():
        return
    known = {header.run_id for header in journal.runs()}
    for file in folder.glob("*.json"):
        if file.stem not in known:
            file.unlink()
