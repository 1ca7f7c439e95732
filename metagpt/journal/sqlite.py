"""The durable journal: one SQLite file in WAL mode, shared by runs and processes.

With `durability="process"` a commit is handed to the operating system before `append` returns: nothing acknowledged is
lost by a process killed at any instant. A commit takes some 20 µs, less than handing it to a thread would, so it is made
on the event loop; only when another process holds the write lock does it go to a thread. `durability="power"` syncs every
commit to the disk, in a thread, all runs' waiting appends in one transaction (group commit).
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
import zlib
from collections.abc import Awaitable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal, NamedTuple

from filelock import FileLock, Timeout

from metagpt.errors import JournalCorruptError, JournalError, RunExistsError, RunLockedError, UnknownRunError, did_you_mean
from metagpt.journal.interface import Codec, Record, RunHeader, check_run_id
from metagpt.journal.schema import open_database

__all__ = ["SqliteJournal"]

_BUSY_TIMEOUT_S = 30.0


class _Write(NamedTuple):
    """One append on its way into a transaction."""

    run: int
    rows: list[tuple[int, int, str, bytes, int]]
    status: str | None
    memories: list[tuple[str, str, str]]


class SqliteJournal:
    """A journal file.

    Args:
        path: The file; made with its folder when first written to, mode 0600.
        durability: What an acknowledged entry survives: the `process` being killed, or the `power` failing as well.

    Raises:
        JournalVersionError: the file was written by a newer version.
        JournalCorruptError: the file is no journal, or is damaged.
    """

    durable = True

    def __init__(self, path: str | Path, durability: Literal["process", "power"] = "process") -> None:
        if durability not in ("process", "power"):
            raise JournalError(f"SqliteJournal: found durability={durability!r}; expected 'process' or 'power'.")
        self.path = Path(path)
        self.durability = durability
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._queue: list[tuple[_Write, Future[None]]] = []
        self._thread: ThreadPoolExecutor | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The open file; opened on first use."""
        if self._connection is None:
            self._connection = open_database(self.path, full_sync=self.durability == "power")
        return self._connection

    def create(self, header: RunHeader, codec: Codec) -> _Log:
        lock = self._hold(check_run_id(header.run_id))
        try:
            with self._lock:
                cursor = self._execute(
                    "INSERT INTO runs (run_id, team, goal, session, status, created, updated) VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (header.run_id, header.team, header.goal, header.session, header.status, header.created, header.created),
                )
        except sqlite3.IntegrityError as error:
            lock.release()
            raise RunExistsError(f"{self.path}: found run {header.run_id!r} already there; expected a new id. Resume it, or choose another.") from error
        except BaseException:
            lock.release()
            raise
        return _Log(self, int(cursor.lastrowid or 0), header.session, codec, lock, 0)

    def open(self, run_id: str, codec: Codec) -> _Log:
        row, session, count = self._run(run_id)
        lock = self._hold(run_id)
        row, session, count = self._run(run_id)  # again, now that nobody else can write to it
        return _Log(self, row, session, codec, lock, count)

    def runs(self) -> list[RunHeader]:
        if not self.path.exists():
            return []
        rows = self._read("SELECT run_id, team, goal, created, session, status, updated FROM runs ORDER BY created DESC, id DESC")
        return [RunHeader(run_id=r, team=t, goal=g, created=c, session=s, status=st, updated=u) for r, t, g, c, s, st, u in rows]

    def records(self, run_id: str) -> Iterator[Record]:
        row, _, _ = self._run(run_id)
        yield from self.records_of(row)

    def memories(self, role: str, session: str) -> list[str]:
        if not self.path.exists():
            return []
        return [body for (body,) in self._read("SELECT body FROM memories WHERE session = ? AND role = ? ORDER BY id", (session, role))]

    def prune(self, *, before: float) -> int:
        if not self.path.exists():
            return 0
        removed = 0
        for header in self.runs():
            if header.updated >= before or header.status == "waiting":
                continue
            try:
                lock = self._hold(header.run_id)
            except RunLockedError:
                continue
            row, _, _ = self._run(header.run_id)
            with self._lock:
                self._transaction([("DELETE FROM records WHERE run = ?", (row,)), ("DELETE FROM runs WHERE id = ?", (row,))])
            lock.release()
            Path(lock.lock_file).unlink(missing_ok=True)
            removed += 1
        return removed

    def close(self) -> None:
        """Close the file; it opens again on the next use."""
        with self._lock:
            if self._thread is not None:
                self._thread.shutdown(wait=True)
                self._thread = None
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def records_of(self, row: int) -> Iterator[Record]:
        """The checked records of the run in that row.

        Raises:
            JournalCorruptError: a record's bytes are not those that were written.
        """
        expected = 0
        for sequence, kind, body, checksum in self._read("SELECT sequence, kind, body, checksum FROM records WHERE run = ? ORDER BY sequence", (row,)):
            if sequence != expected or zlib.crc32(body) != checksum:
                raise JournalCorruptError(
                    f"{self.path}: found record {sequence} of run {row} changed or a record missing; expected what was written. Restore the file from a copy."
                )
            expected += 1
            yield Record(sequence, kind, body)

    def write(self, write: _Write) -> Awaitable[None] | None:
        """Commit one append now, or hand it to the writer thread and return what to wait for."""
        if self.durability == "process" and not self._queue and self._lock.acquire(blocking=False):
            try:
                self._commit([write], wait=False)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                    raise JournalError(f"{self.path}: {error}; nothing was written. Make room, or make the file writable, and resume.") from error
            else:
                return None
            finally:
                self._lock.release()
        return self._enqueue(write)

    def _enqueue(self, write: _Write) -> Awaitable[None]:
        done: Future[None] = Future()
        with self._lock:
            self._queue.append((write, done))
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="metagpt-journal")
            self._thread.submit(self._drain)
        return asyncio.wrap_future(done)

    def _drain(self) -> None:
        with self._lock:
            batch, self._queue = self._queue, []
            if not batch:
                return
            try:
                self._commit([write for write, _ in batch], wait=True)
            except sqlite3.Error as error:
                failure = JournalError(f"{self.path}: {error}; nothing was written. Make room, or make the file writable, and resume.")
                failure.__cause__ = error
                for _, done in batch:
                    done.set_exception(failure)
                return
        for _, done in batch:
            done.set_result(None)

    def _commit(self, writes: Sequence[_Write], *, wait: bool) -> None:
        connection = self.connection
        connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT_S * 1000) if wait else 0}")
        connection.execute("BEGIN IMMEDIATE")
        try:
            for write in writes:
                connection.executemany("INSERT INTO records (run, sequence, kind, body, checksum) VALUES (?, ?, ?, ?, ?)", write.rows)
                if write.status is not None:
                    connection.execute("UPDATE runs SET status = ?, updated = ? WHERE id = ?", (write.status, time.time(), write.run))
                if write.memories:
                    connection.executemany("INSERT INTO memories (session, role, body) VALUES (?, ?, ?)", write.memories)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _transaction(self, statements: Sequence[tuple[str, tuple[Any, ...]]]) -> None:
        connection = self.connection
        connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT_S * 1000)}")
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement, values in statements:
                connection.execute(statement, values)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise

    def _execute(self, statement: str, values: tuple[Any, ...]) -> sqlite3.Cursor:
        self.connection.execute(f"PRAGMA busy_timeout = {int(_BUSY_TIMEOUT_S * 1000)}")
        try:
            return self.connection.execute(statement, values)
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise JournalError(f"{self.path}: {error}; nothing was written. Make room, or make the file writable.") from error

    def _read(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:  # Any: sqlite rows
        try:
            with self._lock:
                return self.connection.execute(statement, values).fetchall()
        except sqlite3.DatabaseError as error:
            raise JournalCorruptError(f"{self.path}: {error}; expected a journal. Restore the file from a copy.") from error

    def _run(self, run_id: str) -> tuple[int, str | None, int]:
        rows = self._read("SELECT id, session FROM runs WHERE run_id = ?", (run_id,)) if self.path.exists() else []
        if not rows:
            known = [header.run_id for header in self.runs()]
            raise UnknownRunError(f"{self.path}: found no run {run_id!r}; expected one of its runs. {did_you_mean(run_id, known[:20])}")
        row, session = rows[0]
        ((count,),) = self._read("SELECT count(*) FROM records WHERE run = ?", (row,))
        return row, session, count

    def _hold(self, run_id: str) -> FileLock:
        """Take the run's lock: the operating system's own, so death releases it."""
        folder = self.path.with_name(self.path.name + ".locks")
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{run_id}.lock", timeout=0, mode=0o600, thread_local=False)
        try:
            lock.acquire()
        except Timeout as error:
            raise RunLockedError(f"run {run_id!r}: found it being executed by another process or task; expected it to rest. Wait for it, or stop that one.") from error
        return lock


class _Log:
    def __init__(self, journal: SqliteJournal, row: int, session: str | None, codec: Codec, lock: FileLock, count: int) -> None:
        self._journal = journal
        self._row = row
        self._session = session
        self._codec = codec
        self._lock = lock
        self._count = count

    def append(self, entries: Sequence[Any], *, status: str | None = None, memories: Sequence[tuple[str, str]] = ()) -> Awaitable[None] | None:
        rows = []
        for index, entry in enumerate(entries, self._count):
            kind, body = self._codec.encode(entry)
            rows.append((self._row, index, kind, body, zlib.crc32(body)))
        remembered = [(self._session, role, body) for role, body in memories] if self._session is not None else []
        self._count += len(rows)
        return self._journal.write(_Write(self._row, rows, status, remembered))

    def read(self) -> list[Any]:
        return [self._codec.decode(record.kind, record.body) for record in self._journal.records_of(self._row)]

    def close(self) -> None:
        self._lock.release()
