"""The journal file: durable, shared, versioned, checked, private."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from metagpt import Goal, Message, Role, SqliteJournal, Team, on
from metagpt.errors import (
    JournalCorruptError,
    JournalError,
    JournalVersionError,
    RunExistsError,
    RunLockedError,
    UnknownRunError,
)
from metagpt.journal.interface import RunHeader, RunLog
from metagpt.journal.schema import APPLICATION_ID, MIGRATIONS
from metagpt.runtime.codec import TickCodec
from metagpt.runtime.ticks import CancelRequested
from metagpt.testing import FunctionModel, check_journal
from tests.runtime.messages import Final

CODEC = TickCodec({}, ["a-secret-of-this-test"])


def header(run_id: str, session: str | None = None, goal: str = "g", created: float = 1.0) -> RunHeader:
    return RunHeader(run_id=run_id, team="t", goal=goal, created=created, session=session)


def ticks(*times: float) -> list[CancelRequested]:
    return [CancelRequested(time) for time in times]


async def write(log: RunLog, entries: Sequence[Any], **keywords: Any) -> None:
    written = log.append(entries, time=keywords.pop("time", 1.0), **keywords)
    if written is not None:
        await written


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.mark.parametrize("durability", ["process", "power"])
async def test_it_keeps_what_a_journal_promises(path: Path, durability: Any) -> None:
    await check_journal(lambda: SqliteJournal(path, durability))


def test_an_unknown_durability_is_refused(path: Path) -> None:
    with pytest.raises(JournalError, match="'none'"):
        SqliteJournal(path, "none")  # type: ignore[arg-type]


def test_nothing_is_made_before_the_first_write(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "folder" / "journal.db")
    assert journal.runs() == []
    assert journal.memories("a", "b") == []
    assert journal.prune(before=9e9) == 0
    with pytest.raises(UnknownRunError):
        journal.open("r", CODEC)
    assert list(tmp_path.iterdir()) == []


async def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / "new" / "journal.db"
        log = SqliteJournal(path).create(header("r"), CODEC)
        await write(log, ticks(1.0))
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.rglob("*") if each.is_file()}
    assert set(modes.values()) == {0o600}
    assert {"journal.db", "journal.db-wal", "r.lock"} <= set(modes)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_it_writes_ahead_and_is_marked_as_ours(path: Path) -> None:
    SqliteJournal(path).create(header("r"), CODEC)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


@pytest.mark.parametrize(("durability", "synchronous"), [("process", 1), ("power", 2)])
async def test_power_syncs_every_commit_and_process_does_not(path: Path, durability: Any, synchronous: int) -> None:
    journal = SqliteJournal(path, durability)
    assert journal.connection.execute("PRAGMA synchronous").fetchone() == (synchronous,)


async def test_with_power_the_appends_of_many_runs_share_one_commit(path: Path) -> None:
    journal = SqliteJournal(path, "power")
    logs = [journal.create(header(f"r{n}"), CODEC) for n in range(20)]
    commits: list[int] = []
    commit = journal._commit

    def counted(writes: Sequence[Any], *, wait: bool) -> None:
        commits.append(len(writes))
        commit(writes, wait=wait)

    journal._commit = counted  # type: ignore[method-assign]
    with journal._lock:  # the writer thread waits while all of them arrive
        waiting = [log.append(ticks(1.0), time=1.0) for log in logs]
    assert all(each is not None for each in waiting)
    await asyncio.gather(*(each for each in waiting if each is not None))
    assert sum(commits) == 20
    assert len(commits) <= 2
    assert all(len(log.read()) == 1 for log in logs)


async def test_what_was_acknowledged_is_read_by_another_connection(path: Path) -> None:
    log = SqliteJournal(path).create(header("r"), CODEC)
    for time in range(5):
        await write(log, ticks(time))
        assert len(list(SqliteJournal(path).records("r"))) == time + 1


async def test_an_append_is_written_whole_or_not_at_all(path: Path) -> None:
    log = SqliteJournal(path).create(header("r", session="s"), CODEC)
    with pytest.raises(Exception, match="ForwardRef|object|KeyError") as caught:
        await write(log, [*ticks(1.0), object()], memories=[("role", "m")])
    assert caught.value is not None
    assert log.read() == []
    await write(log, ticks(2.0))
    assert [tick.time for tick in log.read()] == [2.0]


# runs


async def test_runs_are_listed_the_newest_first_with_their_status(path: Path) -> None:
    journal = SqliteJournal(path)
    for number in range(3):
        log = journal.create(header(f"r{number}", created=float(number)), CODEC)
        await write(log, ticks(10.0 + number), time=10.0 + number, status="done" if number else None)
        log.close()
    listed = SqliteJournal(path).runs()
    assert [(run.run_id, run.status, run.updated) for run in listed] == [
        ("r2", "done", 12.0),
        ("r1", "done", 11.0),
        ("r0", "running", 10.0),
    ]


async def test_a_long_run_is_marked_as_written_to_now_and_then(path: Path) -> None:
    journal = SqliteJournal(path)
    log = journal.create(header("r"), CODEC)
    for time in range(1000):
        await write(log, ticks(time), time=float(time))
    assert 900 < journal.runs()[0].updated <= 999


def test_a_taken_id_is_refused(path: Path) -> None:
    journal = SqliteJournal(path)
    log = journal.create(header("r"), CODEC)
    with pytest.raises(RunExistsError):
        journal.create(header("r"), CODEC)
    log.close()
    with pytest.raises(RunExistsError):
        SqliteJournal(path).create(header("r"), CODEC)
    journal.open("r", CODEC).close()  # and the refusal let go of the lock


@pytest.mark.parametrize("run_id", ["../r", "a/b", "", ".hidden", "x" * 81, "a b", "a\n"])
def test_an_id_that_could_name_another_file_is_refused(path: Path, run_id: str) -> None:
    with pytest.raises(JournalError, match="run_id"):
        SqliteJournal(path).create(header(run_id), CODEC)
    assert not list(path.parent.glob("**/*.lock"))


async def test_pruning_removes_old_runs_with_their_records_and_locks_but_no_memories(path: Path) -> None:
    journal = SqliteJournal(path)
    held = []
    for run_id, status, is_held in (("held", "done", True), ("waits", "waiting", False), ("old", "done", False), ("cut", "running", False)):
        log = journal.create(header(run_id, session="s"), CODEC)
        await write(log, ticks(5.0), time=5.0, status=status, memories=[("role", run_id)])
        if is_held:
            held.append(log)
        else:
            log.close()
    assert journal.prune(before=5.0) == 0
    assert journal.prune(before=5.1) == 2
    assert {run.run_id for run in journal.runs()} == {"held", "waits"}
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(DISTINCT run) FROM records").fetchone() == (2,)
    assert {lock.name for lock in path.parent.glob("**/*.lock")} == {"held.lock", "waits.lock"}
    assert journal.memories("role", "s") == ["held", "waits", "old", "cut"]


async def test_a_new_run_after_pruning_has_none_of_the_old_records(path: Path) -> None:
    journal = SqliteJournal(path)
    log = journal.create(header("r"), CODEC)
    await write(log, ticks(1.0, 2.0), status="done")
    log.close()
    journal.prune(before=100.0)
    assert journal.create(header("r"), CODEC).read() == []


async def test_the_past_of_a_run_is_what_its_session_knew_when_it_began(path: Path) -> None:
    journal = SqliteJournal(path)
    first = journal.create(header("a", session="s"), CODEC)
    await write(first, ticks(1.0), memories=[("critic", "one")])
    second = journal.create(header("b", session="s"), CODEC)
    await write(first, ticks(2.0), memories=[("critic", "two")])
    await write(second, ticks(1.0), memories=[("critic", "three")])
    second.close()
    again = SqliteJournal(path).open("b", CODEC)
    assert (first.past("critic"), again.past("critic"), again.past("writer")) == ([], ["one"], [])
    assert journal.memories("critic", "s") == ["one", "two", "three"]


# secrets


async def test_secrets_are_masked_in_records_goals_and_memories(path: Path) -> None:
    journal = SqliteJournal(path)
    log = journal.create(header("r", session="s", goal="use a-secret-of-this-test please"), CODEC)
    await write(log, ticks(1.0), memories=[("role", '{"text":"a-secret-of-this-test"}')])
    journal.close()
    assert b"a-secret-of-this-test" not in path.read_bytes()
    assert journal.runs()[0].goal == "use *** please"
    assert journal.memories("role", "s") == ['{"text":"***"}']


async def test_the_keys_of_the_environment_never_reach_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_KEY", "sk-this-must-not-be-written")

    class Leaky(Role):
        note: str = ""

        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            self.note = os.environ["MY_API_KEY"]
            await self.memory.remember(self.note)
            return Final(text=await self.ask(str, "my key is {{ key }}", key=self.note))

    team = Team([Leaky()], final=Final, journal=SqliteJournal(path), model=FunctionModel(lambda request: request.chat[-1].text))
    run = await team.run("with sk-this-must-not-be-written", session="s")
    assert run.output == Final(text="my key is sk-this-must-not-be-written")
    files = b"".join(each.read_bytes() for each in path.parent.rglob("*") if each.is_file())
    assert b"sk-this-must-not" not in files
    assert b"***" in files


# versions and damage


def old_file(path: Path, version: int) -> None:
    """A file as that version's script left it, with one run of two records."""
    connection = sqlite3.connect(path)
    for script in MIGRATIONS[:version]:
        connection.create_function("crc32", 1, lambda body: 0)
        connection.executescript(script)
    connection.execute("INSERT INTO runs (run_id, team, goal, session, status, created, updated) VALUES ('r', 't', 'g', 's', 'done', 1, 2)")
    for sequence, time in enumerate((1.0, 2.0)):
        body = f'{{"time":{time}}}'.encode()
        connection.execute("INSERT INTO records (run, sequence, kind, body) VALUES (1, ?, 'CancelRequested', ?)", (sequence, body))
    connection.execute("INSERT INTO memories (session, role, body) VALUES ('s', 'critic', 'one')")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {version}")
    connection.commit()
    connection.close()


async def test_a_file_of_version_1_is_read_and_written_on(path: Path) -> None:
    old_file(path, 1)
    journal = SqliteJournal(path)
    log = journal.open("r", CODEC)
    assert [tick.time for tick in log.read()] == [1.0, 2.0]
    await write(log, ticks(3.0), status="failed")
    assert [tick.time for tick in log.read()] == [1.0, 2.0, 3.0]
    assert journal.memories("critic", "s") == ["one"]
    assert journal.connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_a_migration_that_fails_leaves_the_file_at_its_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_file(path, 1)
    monkeypatch.setattr("metagpt.journal.schema.MIGRATIONS", (*MIGRATIONS, "CREATE TABLE half (a); NONSENSE;"))
    with pytest.raises(JournalError):
        SqliteJournal(path).runs()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'half'").fetchone() == (0,)
    monkeypatch.undo()
    assert SqliteJournal(path).runs()[0].run_id == "r"


def test_a_file_of_a_newer_version_is_refused_and_left_alone(path: Path) -> None:
    old_file(path, 1)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = digest(path)
    with pytest.raises(JournalVersionError, match=f"version {len(MIGRATIONS) + 1}"):
        SqliteJournal(path).runs()
    with pytest.raises(JournalVersionError):
        SqliteJournal(path).create(header("new"), CODEC)
    assert digest(path) == before


@pytest.mark.parametrize("wal", [False, True])
def test_a_sqlite_file_of_another_program_is_refused_and_left_alone(path: Path, wal: bool) -> None:
    connection = sqlite3.connect(path)
    if wal:
        connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE bookmarks (url)")
    connection.commit()
    connection.close()
    before = digest(path)
    with pytest.raises(JournalCorruptError, match="another program"):
        SqliteJournal(path).create(header("r"), CODEC)
    assert digest(path) == before


@pytest.mark.parametrize("content", [b"Dear diary, today nothing happened.\n" * 40, b"x", b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_sqlite_file_is_refused_and_left_alone(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(JournalCorruptError, match=r"journal\.db"):
        SqliteJournal(path).create(header("r"), CODEC)
    assert path.read_bytes() == content


def test_a_folder_in_the_files_place_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(JournalError, match=r"journal\.db"):
        SqliteJournal(path).create(header("r"), CODEC)


async def test_damage_anywhere_is_an_error_or_does_no_harm(path: Path) -> None:
    """Bytes are turned over throughout the file: what reads back at all is what was written."""
    journal = SqliteJournal(path)
    log = journal.create(header("r"), CODEC)
    for number in range(40):
        await write(log, [CancelRequested(number) for _ in range(10)])
    log.close()
    journal.close()
    whole = path.read_bytes()
    expected = [float(number) for number in range(40) for _ in range(10)]
    damaged, refused = path.with_name("damaged.db"), 0
    for at in range(16, len(whole), 331):
        content = bytearray(whole)
        for offset in range(at, min(at + 3, len(whole))):
            content[offset] ^= 0x5A
        damaged.write_bytes(content)
        for side in ("-wal", "-shm"):
            damaged.with_name(damaged.name + side).unlink(missing_ok=True)
        journal = SqliteJournal(damaged)
        try:
            log = journal.open("r", CODEC)
            try:
                assert [tick.time for tick in log.read()] == expected
            finally:
                log.close()
        except JournalError:
            refused += 1
            journal.close()
            assert damaged.read_bytes() == bytes(content)
        else:
            journal.close()
    assert refused > 20


async def test_a_record_that_was_changed_or_is_missing_is_found(path: Path) -> None:
    journal = SqliteJournal(path)
    log = journal.create(header("r"), CODEC)
    await write(log, ticks(1.0, 2.0, 3.0))
    journal.connection.execute("UPDATE records SET body = ? WHERE sequence = 1", (b'{"time":9.0}',))
    with pytest.raises(JournalCorruptError, match="record 1"):
        log.read()
    journal.connection.execute("DELETE FROM records WHERE sequence = 1")
    with pytest.raises(JournalCorruptError, match="record 2"):
        list(journal.records("r"))


async def test_a_damaged_run_does_not_keep_the_others_from_being_read(path: Path) -> None:
    journal = SqliteJournal(path)
    for run_id in ("a", "b"):
        await write(journal.create(header(run_id), CODEC), ticks(1.0))
    journal.connection.execute("UPDATE records SET body = x'00' WHERE run = 1")
    with pytest.raises(JournalCorruptError):
        list(journal.records("a"))
    assert len(list(journal.records("b"))) == 1


# many at once


def test_closing_while_the_writer_thread_works_loses_nothing(path: Path) -> None:
    journal = SqliteJournal(path, "power")

    async def writing() -> None:
        log = journal.create(header("r"), CODEC)
        written = [log.append(ticks(time), time=1.0) for time in range(20)]
        await asyncio.to_thread(journal.close)
        await asyncio.gather(*(each for each in written if each is not None))

    asyncio.run(asyncio.wait_for(writing(), 20))
    assert len(list(SqliteJournal(path).records("r"))) == 20


async def test_a_writer_that_holds_the_file_is_waited_for_without_stopping_the_loop(path: Path) -> None:
    journal = SqliteJournal(path)
    log = journal.create(header("r"), CODEC)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waiting = log.append(ticks(1.0), time=1.0)
    assert waiting is not None
    also = log.append(ticks(2.0), time=1.0)  # while the writer thread is waiting
    assert also is not None
    for _ in range(20):
        await asyncio.sleep(0)
    other.execute("COMMIT")
    await asyncio.gather(waiting, also)
    assert [tick.time for tick in log.read()] == [1.0, 2.0]
    assert log.append(ticks(3.0), time=1.0) is None


def test_threads_may_open_a_journal_at_the_same_time(path: Path) -> None:
    journal = SqliteJournal(path)
    barrier = threading.Barrier(8)
    problems: list[BaseException] = []

    def open_one(number: int) -> None:
        barrier.wait()
        try:
            journal.create(header(f"r{number}"), CODEC).close()
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=open_one, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(journal.runs()) == 8


WRITER = """
import asyncio, sys
from tests.journal.test_sqlite import CODEC, header, ticks, write
from metagpt import SqliteJournal
async def main(path, name):
    for run in range(5):
        log = SqliteJournal(path).create(header(f"{name}-{run}"), CODEC)
        for time in range(40):
            await write(log, ticks(time))
        log.close()
asyncio.run(main(*sys.argv[1:]))
"""


def test_processes_write_different_runs_of_one_file_at_once(path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name]) for name in ("a", "b", "c")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    journal = SqliteJournal(path)
    assert len(journal.runs()) == 15
    assert all(len(list(journal.records(run.run_id))) == 40 for run in journal.runs())


HOLDER = """
import sys
from tests.journal.test_sqlite import CODEC, header
from metagpt import SqliteJournal
log = SqliteJournal(sys.argv[1]).create(header("r"), CODEC)
print("held", flush=True)
sys.stdin.read()
"""


def test_another_process_is_refused_while_the_first_lives_and_let_in_when_it_is_killed(path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdin is not None
    try:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunLockedError, match="'r'"):
            SqliteJournal(path).open("r", CODEC)
        with pytest.raises(RunExistsError):
            SqliteJournal(path).create(header("r"), CODEC)
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()
    SqliteJournal(path).open("r", CODEC).close()


class Later(Message):
    text: str


async def test_a_team_that_lacks_a_message_type_cannot_resume_and_says_which(path: Path) -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Later:
            return Later(text="x")

    class Other(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Final:
            return Final(text="x")

    await Team([Speaker()], final=Later, journal=SqliteJournal(path)).run("go", run_id="r")
    with pytest.raises(JournalCorruptError, match="'Later'"):
        Team([Other("speaker")], final=Final, journal=SqliteJournal(path)).open_run("r")
