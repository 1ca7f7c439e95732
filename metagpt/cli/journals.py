"""The journal of the command line: one SQLite file in the working folder's `.metagpt`, or what `--journal` names."""

from __future__ import annotations

from pathlib import Path

from metagpt.errors import UnknownRunError, did_you_mean
from metagpt.journal.interface import Journal, RunHeader
from metagpt.journal.sqlite import SqliteJournal
from metagpt.plugins import open_journal_or_file

__all__ = ["DEFAULT_JOURNAL", "find_run", "folder_beside", "open_journal", "place_of", "prepare_folder"]

DEFAULT_JOURNAL = Path(".metagpt") / "journal.db"


def open_journal(named: str | Path | None) -> Journal:
    """The journal of a plugin, `NAME` or `NAME:REST`, or the file of that path; None: the default file.

    A file is made when it is first written to.

    Raises:
        ConfigError: no plugin has the name before the ':', or it opens no journal.
    """
    return open_journal_or_file(DEFAULT_JOURNAL if named is None else named)


def place_of(journal: Journal) -> str:
    """Where a journal is, for people."""
    return str(journal.path) if isinstance(journal, SqliteJournal) else f"the {type(journal).__name__}"


def folder_beside(journal: Journal) -> Path:
    """The folder for files that belong to a journal's runs: its own, or the default one of a journal that is no file."""
    return journal.path.parent if isinstance(journal, SqliteJournal) else DEFAULT_JOURNAL.parent


def prepare_folder(journal: Journal) -> None:
    """Make the folder of a journal that is about to be written to, for its owner alone; git leaves ours out."""
    if not isinstance(journal, SqliteJournal):
        return
    folder = journal.path.parent
    if not folder.exists():
        folder.mkdir(mode=0o700, parents=True)
        if folder.name == DEFAULT_JOURNAL.parent.name:
            (folder / ".gitignore").write_text("*\n")


def find_run(journal: Journal, run_id: str) -> RunHeader:
    """The header of a run; the beginning of an id will do where it is that of one run only.

    Raises:
        UnknownRunError: there is none, or several begin so.
    """
    headers = journal.runs()
    found = [header for header in headers if header.run_id == run_id] or [h for h in headers if run_id and h.run_id.startswith(run_id)]
    if len(found) == 1:
        return found[0]
    where = place_of(journal)
    if found:
        raise UnknownRunError(f"{where}: found {len(found)} runs that begin with {run_id!r}; expected one. Write more of its id.")
    known = [header.run_id for header in headers[:10]]
    raise UnknownRunError(f"{where}: found no run {run_id!r}; expected one of its runs. {did_you_mean(run_id, known)}")
