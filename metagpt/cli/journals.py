"""The journal of the command line: one SQLite file in the working folder's `.metagpt`."""

from __future__ import annotations

from pathlib import Path

from metagpt.errors import UnknownRunError, did_you_mean
from metagpt.journal.interface import Journal, RunHeader
from metagpt.journal.sqlite import SqliteJournal

__all__ = ["DEFAULT_JOURNAL", "find_run", "open_journal", "prepare_folder"]

DEFAULT_JOURNAL = Path(".metagpt") / "journal.db"


def open_journal(path: Path | None) -> SqliteJournal:
    """The journal at the path, or the default one; the file is made when it is first written to."""
    return SqliteJournal(path or DEFAULT_JOURNAL)


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
    where = journal.path if isinstance(journal, SqliteJournal) else "journal"
    if found:
        raise UnknownRunError(f"{where}: found {len(found)} runs that begin with {run_id!r}; expected one. Write more of its id.")
    known = [header.run_id for header in headers[:10]]
    raise UnknownRunError(f"{where}: found no run {run_id!r}; expected one of its runs. {did_you_mean(run_id, known)}")
