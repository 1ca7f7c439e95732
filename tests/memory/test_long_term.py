"""The memory that outlives runs and processes: whose it is, what it forgets, and what becomes of it at a crash."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metagpt import Goal, InMemoryJournal, Role, SqliteJournal, Team, on
from metagpt.errors import ConfigError, JournalCorruptError, JournalError, JournalVersionError
from metagpt.memory.interface import MemoryEntry
from metagpt.memory.long_term import LongTermMemory
from metagpt.plugins import load_plugin
from metagpt.testing import Crash, FakeClock, check_memory, crash_at
from tests.memory.bags import BagEncoder
from tests.runtime.messages import Draft, Final

VESSELS = ("teapot kettle", "cup mug", "samovar", "tray")
DAY = timedelta(days=1)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[LongTermMemory]:
    opened = LongTermMemory(tmp_path / "m.db")
    yield opened
    opened.close()


def texts(memory: LongTermMemory, tmp_path: Path) -> list[str]:
    return [line["text"] for line in exported(memory, tmp_path)]


def exported(memory: LongTermMemory, tmp_path: Path) -> list[dict[str, Any]]:
    path = tmp_path / "out.jsonl"
    path.unlink(missing_ok=True)
    memory.export(path)
    return [json.loads(line) for line in path.read_text().splitlines()]


def bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.name.startswith("m.db"))


@pytest.mark.parametrize("encoder", [None, BagEncoder(*VESSELS)])
async def test_it_keeps_what_the_interface_promises_and_is_registered(tmp_path: Path, encoder: BagEncoder | None) -> None:
    memory = LongTermMemory(tmp_path / "m.db", encoder=encoder)
    await check_memory(memory)
    memory.close()
    assert load_plugin("memory", "long_term") is LongTermMemory


# what it holds


async def test_a_role_recalls_its_own_and_what_is_shared_across_objects(tmp_path: Path) -> None:
    first = LongTermMemory(tmp_path / "m.db")
    first.remember("the teapot is blue", role="critic")
    first.remember("the kettle is loud")
    first.close()
    again = LongTermMemory(tmp_path / "m.db")
    assert [entry.text for entry in await again.open("critic", []).recall("teapot or kettle", 5)] == [
        "the kettle is loud",
        "the teapot is blue",
    ]
    assert [entry.text for entry in await again.open("writer", []).recall("teapot or kettle", 5)] == ["the kettle is loud"]
    assert [entry.shared for entry in again.recall("teapot or kettle")] == [True]
    again.close()


async def test_the_same_thing_remembered_again_is_dated_anew_and_kept_once(tmp_path: Path) -> None:
    clock = FakeClock()
    memory = LongTermMemory(tmp_path / "m.db", clock=clock.now)
    memory.remember("likes tea", role="host")
    await clock.sleep(60)
    memory.remember("likes tea", role="host")
    [row] = exported(memory, tmp_path)
    assert (row["times"], row["kept"] - row["time"]) == (2, 60)
    memory.close()


def test_a_key_holds_one_entry_for_each_role_and_one_for_all(memory: LongTermMemory, tmp_path: Path) -> None:
    for role in ("a", "b", None):
        for text in ("old", "new"):
            memory.remember(f"{text} {role}", role=role, key="k")
    assert texts(memory, tmp_path) == ["new a", "new b", "new None"]


def test_more_than_the_bound_forgets_the_oldest_that_have_no_key(tmp_path: Path) -> None:
    memory = LongTermMemory(tmp_path / "m.db", most=3)
    memory.remember("kept", role="a", key="k")
    for number in range(5):
        memory.remember(f"note {number}", role="a")
    memory.remember("of another", role="b")
    assert texts(memory, tmp_path) == ["kept", "note 3", "note 4", "of another"]
    memory.close()


async def test_entries_are_found_by_meaning_and_words_and_vectors_are_kept_in_the_file(tmp_path: Path) -> None:
    encoder = BagEncoder(*VESSELS)
    memory = LongTermMemory(tmp_path / "m.db", encoder=encoder)
    memory.remember("the kettle is loud", role="host")
    memory.remember("the mug is red")
    memory.remember("order 1142", role="host")
    assert [entry.text for entry in memory.recall("which teapot?", 1, role="host")] == ["the kettle is loud"]
    assert [entry.text for entry in memory.recall("cup", 1, role="host")] == ["the mug is red"]
    assert [entry.text for entry in memory.recall("1142", 1, role="host")] == ["order 1142"]
    memory.close()
    later = BagEncoder(*VESSELS)
    again = LongTermMemory(tmp_path / "m.db", encoder=later)
    assert [entry.text for entry in again.recall("which teapot?", 1, role="host")] == ["the kettle is loud"]
    assert later.texts == ["which teapot?"]
    again.forget(key="", role="host")
    again.remember("the samovar is gone", role="host")
    assert [entry.text for entry in again.recall("teapot samovar", 5, role="host")] == ["the samovar is gone"]
    again.close()


@settings(max_examples=20)
@given(st.lists(st.text("ab ", max_size=6), max_size=8), st.text("ab ", max_size=4))
def test_words_are_ranked_as_they_are_in_other_memories(
    tmp_path_factory: pytest.TempPathFactory, given_texts: list[str], query: str
) -> None:
    from metagpt.memory.notebook import Notebook

    distinct = list(dict.fromkeys(given_texts))
    memory = LongTermMemory(tmp_path_factory.mktemp("m") / "m.db")
    for text in distinct:
        memory.remember(text, role="a")
    notebook = Notebook(MemoryEntry(text=text) for text in distinct)
    found = [entry.text for entry in memory.recall(query, 9, role="a")]
    memory.close()
    assert found == [notebook.entries[number].text for number in notebook.by_words(query, 9)]


# runs


class Host(Role):
    """Notes every guest, and greets with what it knows."""

    @on(Goal)
    async def note(self, goal: Goal) -> Draft:
        known = await self.memory.recall("guest")
        await self.memory.remember(f"guest {goal.text}")
        await self.memory.remember(f"house rule of {goal.text}", shared=True)
        return Draft(text=f"{sorted(known)}")


class Porter(Role):
    @on(Draft)
    async def open_door(self, draft: Draft) -> Final:
        return Final(text=f"{draft.text} {sorted(await self.memory.recall('house rule guest'))}")


def house(memory: LongTermMemory, journal: Any = None) -> Team[Goal, Final]:
    return Team([Host(), Porter()], final=Final, memory=memory, journal=journal or InMemoryJournal())


async def test_what_a_role_remembers_is_there_in_the_next_run_without_a_session(memory: LongTermMemory) -> None:
    assert (await house(memory).run("ada")).output == Final(text="[] ['house rule of ada']")
    assert (await house(memory).run("bob")).output == Final(text="['guest ada'] ['house rule of ada', 'house rule of bob']")


class Silent(Role):
    """Remembers, and recalls nothing."""

    @on(Goal)
    async def note(self, goal: Goal) -> Draft:
        await self.memory.remember(goal.text)
        return Draft(text="")


class Late(Role):
    @on(Draft)
    async def end(self, draft: Draft) -> Final:
        return Final(text="")


async def test_a_role_that_only_remembers_is_kept_before_its_run_has_ended(memory: LongTermMemory, tmp_path: Path) -> None:
    await Team([Silent(), Late()], final=Final, memory=memory).run("noted")
    with sqlite3.connect(tmp_path / "m.db") as other:
        assert other.execute("SELECT text FROM entries").fetchall() == [("noted",)]


async def test_a_run_that_is_cut_anywhere_leaves_the_memory_that_it_would_have_left(tmp_path: Path) -> None:
    whole = crash_at(0, InMemoryJournal())
    expected = (tmp_path / "whole").with_suffix(".db")
    memory = LongTermMemory(expected)
    output = (await house(memory, whole).run("ada", run_id="r")).output
    kept = [(line["text"], line["times"]) for line in exported(memory, tmp_path)]
    memory.close()
    for at in range(2, whole.appends + 1):
        journal, path = InMemoryJournal(), tmp_path / f"{at}.db"
        memory = LongTermMemory(path)
        with pytest.raises(Crash):
            await house(memory, crash_at(at, journal)).run("ada", run_id="r")
        memory.close()
        again = LongTermMemory(path)
        assert (await house(again, journal).resume("r")).output == output
        assert [(line["text"], line["times"]) for line in exported(again, tmp_path)] == kept
        again.close()


async def test_a_run_that_was_killed_before_the_file_had_it_brings_it_there_when_it_is_resumed(tmp_path: Path) -> None:
    journal = InMemoryJournal()
    lost, memory = LongTermMemory(tmp_path / "lost.db"), LongTermMemory(tmp_path / "m.db")
    with pytest.raises(Crash):
        await Team([Silent(), Late()], final=Final, memory=lost, journal=crash_at(4, journal)).run("noted", run_id="r")
    assert [record.kind for record in journal.records("r")] == ["RunStarted", "HandlerEnded", "HandlerEnded"]
    await Team([Silent(), Late()], final=Final, memory=memory, journal=journal).resume("r")
    assert texts(memory, tmp_path) == ["noted"]
    lost.close()
    memory.close()


async def test_a_resumed_run_recalls_what_it_recalled_although_it_was_forgotten_meanwhile(tmp_path: Path) -> None:
    memory = LongTermMemory(tmp_path / "m.db")
    memory.remember("guest zoe", role="host")
    journal = SqliteJournal(tmp_path / "j.db")
    with pytest.raises(Crash):
        await house(memory, crash_at(3, journal)).run("ada", run_id="r")  # 1 start, 2 what was recalled, 3 the outcome
    assert memory.forget(older_than=-DAY) == 1
    memory.remember("guest yan", role="host")
    run = await house(memory, journal).resume("r")
    memory.close()
    assert run.output.text.startswith("['guest zoe']")


async def test_what_was_forgotten_does_not_come_back_with_its_session(memory: LongTermMemory, tmp_path: Path) -> None:
    journal = InMemoryJournal()
    await house(memory, journal).run("ada", session="s")
    assert memory.forget(role="host") == 1
    run = await house(memory, journal).run("bob", session="s")
    assert "guest ada" not in run.output.text
    assert "guest ada" not in texts(memory, tmp_path)
    await house(memory, journal).run("ada", session="s")
    assert "guest ada" in texts(memory, tmp_path)  # it was said again


# forgetting


async def test_forgetting_takes_key_role_and_age_and_all_that_is_given_counts(tmp_path: Path) -> None:
    clock = FakeClock()
    memory = LongTermMemory(tmp_path / "m.db", clock=clock.now)
    for role, key in [("a", "k"), ("a", ""), ("b", "k"), (None, "k")]:
        memory.remember(f"{role} {key}", role=role, key=key)
    await clock.sleep(10 * DAY.total_seconds())
    memory.remember("young", role="a")
    assert memory.forget(role="a", key="k", older_than=20 * DAY) == 0
    assert memory.forget(role="a", key="k", older_than=9 * DAY) == 1
    assert memory.forget(role="", key="k") == 1
    assert memory.forget(key="k") == 1
    assert memory.forget(older_than=9 * DAY) == 1
    assert texts(memory, tmp_path) == ["young"]
    with pytest.raises(ConfigError, match="found no condition"):
        memory.forget()
    memory.close()


@pytest.mark.parametrize("encoder", [None, BagEncoder(*VESSELS)])
def test_what_is_forgotten_is_in_no_byte_of_the_file_or_its_log(tmp_path: Path, encoder: BagEncoder | None) -> None:
    memory = LongTermMemory(tmp_path / "m.db", encoder=encoder)
    reader = LongTermMemory(tmp_path / "m.db")
    for number in range(200):
        memory.remember(f"Zanzibarwitness number {number} " + "filler " * 30, role="a", key="gone")
        memory.remember(f"staying note {number}", role="a")
    reader.recall("zanzibarwitness", role="a")  # another open file
    memory.recall("zanzibarwitness", role="a")
    assert b"anzibarwitness" in bytes_of(tmp_path)
    before = (tmp_path / "m.db").stat().st_size
    assert memory.forget(key="gone") == 1
    for spelling in (b"anzibarwitness", b"ANZIBARWITNESS"):
        assert spelling not in bytes_of(tmp_path)
    assert len(texts(memory, tmp_path)) == 200
    assert memory.forget(role="a") == 200
    assert (tmp_path / "m.db").stat().st_size < before
    memory.close()
    reader.close()


# the file


def test_two_processes_write_one_file(tmp_path: Path) -> None:
    count = 40
    program = [sys.executable, str(Path(__file__).with_name("write_store.py")), str(tmp_path / "m.db")]
    writers = [subprocess.Popen([*program, name, str(count)], stdout=subprocess.PIPE, text=True) for name in ("ada", "bob")]
    assert [writer.communicate(timeout=120)[0] for writer in writers] == ["written\n", "written\n"]
    memory = LongTermMemory(tmp_path / "m.db")
    rows = exported(memory, tmp_path)
    assert len(rows) == 2 * count + 2
    assert next(row["times"] for row in rows if row["text"] == "both wrote this") == 2 * count
    assert [row["text"] for row in rows if row["key"] == "last"] in (["ada was last"], ["bob was last"])
    assert len(memory.recall("line", 2 * count, role="clerk")) == 2 * count
    memory.close()


async def test_two_runs_at_once_share_one_object(memory: LongTermMemory, tmp_path: Path) -> None:
    await asyncio.gather(*(house(memory).run(f"guest{number}") for number in range(20)))
    assert len(texts(memory, tmp_path)) == 40


def test_the_file_is_its_owners_alone_and_export_writes_over_nothing(memory: LongTermMemory, tmp_path: Path) -> None:
    memory.remember("é 茶", role="a")
    assert memory.export(tmp_path / "out.jsonl") == 1
    assert "é 茶" in (tmp_path / "out.jsonl").read_text(encoding="utf-8")
    for name in ("m.db", "out.jsonl"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        memory.export(tmp_path / "out.jsonl")


def test_an_application_secret_is_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "correct-horse-battery")
    memory = LongTermMemory(tmp_path / "m.db")
    memory.remember("the password is correct-horse-battery", role="a", key="correct-horse-battery")
    assert [(row["text"], row["key"]) for row in exported(memory, tmp_path)] == [("the password is ***", "***")]
    memory.close()
    assert b"correct-horse-battery" not in bytes_of(tmp_path)


@pytest.mark.parametrize(
    ("spoil", "kind", "words"),
    [
        (lambda path: path.write_bytes(b"no database at all" * 99), JournalCorruptError, "expected a long-term memory"),
        (lambda path: run_sql(path, "CREATE TABLE x (y)"), JournalCorruptError, "of another program"),
        (
            lambda path: run_sql(path, "PRAGMA application_id = 1296519245", "PRAGMA user_version = 9", "CREATE TABLE x (y)"),
            JournalVersionError,
            "version 9",
        ),
        (lambda path: path.mkdir(), JournalError, "expected a file to keep memories in"),
    ],
)
def test_a_file_that_is_no_memory_is_left_alone(tmp_path: Path, spoil: Any, kind: type[Exception], words: str) -> None:
    path = tmp_path / "m.db"
    spoil(path)
    before = path.read_bytes() if path.is_file() else None
    memory = LongTermMemory(path)
    with pytest.raises(kind, match=words):
        memory.remember("x")
    memory.close()
    assert (path.read_bytes() if path.is_file() else None) == before


def run_sql(path: Path, *statements: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


async def test_a_memory_that_cannot_be_written_fails_the_run_that_must_not_forget(tmp_path: Path) -> None:
    (tmp_path / "m.db").mkdir()
    journal = InMemoryJournal()
    memory = LongTermMemory(tmp_path / "m.db")
    with pytest.raises(JournalError, match="expected a file to keep memories in"):
        await Team([Silent(), Late()], final=Final, memory=memory, journal=journal).run("noted", run_id="r")
    (tmp_path / "m.db").rmdir()
    run = await Team([Silent(), Late()], final=Final, memory=memory, journal=journal).resume("r")
    assert run.status == "done"
    assert texts(memory, tmp_path) == ["noted"]
    memory.close()


@pytest.mark.parametrize("wrong", [{"best": -1}, {"last": -1}, {"most": 0}])
def test_wrong_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="LongTermMemory: found"):
        LongTermMemory(**wrong)  # type: ignore[arg-type]
