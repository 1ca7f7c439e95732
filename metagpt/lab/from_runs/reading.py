"""The runs of a journal that somebody named: a file, or the journal of a plugin."""

from __future__ import annotations

from pathlib import Path

from metagpt.errors import LabError
from metagpt.journal.interface import Journal
from metagpt.journal.sqlite import SqliteJournal
from metagpt.journal.trajectories import Trajectory, read_trajectories
from metagpt.plugins import open_journal_or_file

__all__ = ["read_runs"]


def read_runs(journal: Journal | Path | str, *, team: str | None = None, owner: str = "from runs") -> list[Trajectory]:
    """The runs that have ended, the oldest first.

    Args:
        journal: A journal, the path of its file, or `NAME:REST` of an installed one.
        team: Only runs of the team of that name.
        owner: Who asks, for errors.

    Raises:
        LabError: the file is not there.
        ConfigError: no plugin has the name before the ':'.
    """
    opened = open_journal_or_file(journal, owner=f"{owner}: runs") if isinstance(journal, str | Path) else journal
    if isinstance(opened, SqliteJournal) and not opened.path.is_file():
        raise LabError(
            f"{owner}: found no journal {str(opened.path)!r}; expected the one of the runs to learn from: a file, or NAME:REST of an"
            " installed journal. Name it: --runs JOURNAL"
        )
    return list(read_trajectories(opened, team=team))
