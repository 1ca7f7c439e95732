"""`--journal` names a file or the journal of a plugin."""

from __future__ import annotations

from pathlib import Path

import pytest

from metagpt.cli.journals import open_journal
from metagpt.errors import ConfigError
from metagpt.journal.in_memory import InMemoryJournal
from metagpt.journal.sqlite import SqliteJournal
from tests.cli.projects import APPROVED, invoke, write

SHELF = '''
from pathlib import Path

from metagpt import SqliteJournal


class Shelf:
    """A journal of somebody's own, which happens to keep things in a file."""

    durable = True

    def __init__(self, name="books"):
        kept = SqliteJournal(Path("shelves") / f"{name}.shelf")
        kept.path.parent.mkdir(exist_ok=True)
        for part in ("create", "open", "runs", "records", "memories", "prune"):
            setattr(self, part, getattr(kept, part))
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the plugin `shelf` installed."""
    site = tmp_path / "site"
    (site / "shelf-1.0.dist-info").mkdir(parents=True)
    (site / "shelf-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: shelf\nVersion: 1.0\n")
    (site / "shelf-1.0.dist-info" / "entry_points.txt").write_text("[metagpt.journals]\nshelf = shelf_of_journals:Shelf\n")
    (site / "shelf_of_journals.py").write_text(SHELF)
    monkeypatch.syspath_prepend(str(site))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def test_a_run_is_kept_shown_and_resumed_in_the_journal_of_a_plugin(folder: Path) -> None:
    write(folder, approved=APPROVED)
    done = invoke("run", "tea", "--team", "approved.py:team", "--journal", "shelf:a")
    assert done.exit_code == 3
    assert "--journal shelf:a" in done.stdout
    assert (folder / "shelves" / "a.shelf").is_file()
    assert not [path.name for path in folder.iterdir() if ":" in path.name], "no file is called shelf:a"
    listed = invoke("runs", "--journal", "shelf:a").stdout
    assert listed.count("waiting") == 1
    run = listed.split()[0]
    assert "waiting" in invoke("show", run, "--journal", "shelf:a").stdout
    pending = invoke("resume", run, "--team", "approved.py:team", "--journal", "shelf:a")
    assert pending.exit_code == 3
    answer = f"{pending.stdout.split('--answer ')[1].split('=')[0]}=approve"
    assert invoke("resume", run, "--team", "approved.py:team", "--journal", "shelf:a", "--answer", answer).exit_code == 0
    assert "no runs in the Shelf" in invoke("runs", "--journal", "shelf").stdout


def test_a_chat_is_kept_in_the_journal_of_a_plugin(folder: Path) -> None:
    write(folder, approved=APPROVED)
    talked = invoke("chat", "approved.py:team", "--journal", "shelf:b", "--session", "s", input="tea\napprove\n")
    assert (talked.exit_code, "about tea" in talked.stdout) == (0, True)
    assert "1 turns so far" in invoke("chat", "approved.py:team", "--journal", "shelf:b", "--session", "s", input="").stderr
    assert not (folder / ".metagpt" / "journal.db").exists()


def test_what_is_no_plugin_is_a_file_and_a_misspelt_one_is_refused(folder: Path) -> None:
    assert isinstance(open_journal("memory"), InMemoryJournal)
    for name in ("else/where.db", "./shelf:a", "runs.db", "C:\\runs.db"):
        found = open_journal(name)
        assert isinstance(found, SqliteJournal)
        assert found.path == Path(name)
    named = open_journal("sqlite:else/where.db")
    assert isinstance(named, SqliteJournal)
    assert named.path == Path("else/where.db")
    with pytest.raises(ConfigError, match=r"--journal: found 'shef:a', and no journals plugin 'shef'.*Did you mean 'shelf'\?.* \./shef:a"):
        open_journal("shef:a")
    (folder / "shelf").write_bytes(b"")
    assert isinstance(open_journal("shelf"), SqliteJournal), "a file of that name is there"
    done = invoke("runs", "--journal", "shef:a")
    assert (done.exit_code, "shef" in done.stderr) == (2, True)
