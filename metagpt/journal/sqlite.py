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
import zlib
from collections.abc import Awaitable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from metagpt.errors import JournalCorruptError, JournalError, RunExistsError, RunLockedError, UnknownRunError, did_you_mean
from metagpt.journal.interface import Codec, Record, RunHeader, check_run_id
from metagpt.journal.schema import BUSY_TIMEOUT_S, open_database

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from filelock import FileLock

__all__ = ["SqliteJournal"]

_TOUCH_S = 60.0
"""How far `updated` may lag behind the last record."""

_INSERT = "INSERT INTO records (run, sequence, kind, body, checksum) VALUES (?, ?, ?, ?, ?)"


class _Write(NamedTuple):
    """One append on its way into a transaction."""

    run: int
    rows: list[tuple[int, int, str, bytes, int]]
    status: str | None
    updated: float | None
    memories: list[tuple[str, str, str]]

    @property
    def is_one_record(self) -> bool:
        """Whether a single INSERT writes it all."""
        return len(self.rows) == 1 and self.updated is None and not self.memories


class _Row(NamedTuple):
    """A run as its table knows it."""

    id: int
    session: str | None
    remembered: int
    """Id of the last memory of any run when it began."""


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
            raise JournalError(f"SqliteJournal: found durability={durability!r}; expected 'process' or 'power'. Name one of them.")
        self.path = Path(path)
        self.durability = durability
        self._lock = threading.Lock()
        """Held while the connection is in use."""
        self._connection: sqlite3.Connection | None = None
        self._waits: bool | None = None
        """Whether the connection waits for other processes' locks; None: not told yet."""
        self._queue_lock = threading.Lock()
        """Held for moments only: an event loop may wait for it."""
        self._queue: list[tuple[_Write, Future[None]]] = []
        self._thread: ThreadPoolExecutor | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The open file; opened on first use."""
        if self._connection is None:
            self._connection = open_database(self.path, full_sync=self.durability == "power")
        return self._connection

    def create(self, header: RunHeader, codec: Codec) -> _Log:
        try:
            lock = self._hold(check_run_id(header.run_id))
        except RunLockedError:
            if self._rows(header.run_id):
                raise self._exists(header.run_id) from None
            raise
        try:
            with self._lock:
                self._change(
                    [
                        (
                            "INSERT INTO runs (run_id, team, goal, session, status, created, updated, remembered)"
                            " SELECT ?, ?, ?, ?, ?, ?, ?, coalesce(max(id), 0) FROM memories",
                            (
                                header.run_id, header.team, codec.mask(header.goal), header.session, header.status,
                                header.created, header.created,
                            ),
                        )
                    ]
                )  # fmt: skip
            return _Log(self, self._row(header.run_id), codec, lock, 0)
        except sqlite3.IntegrityError as error:
            lock.release()
            raise self._exists(header.run_id) from error
        except BaseException:
            lock.release()
            raise

    def open(self, run_id: str, codec: Codec) -> _Log:
        self._row(check_run_id(run_id))
        lock = self._hold(run_id)
        try:
            row = self._row(run_id)  # again, now that nobody else can write to it
            ((count,),) = self._read("SELECT count(*) FROM records WHERE run = ?", (row.id,))
        except BaseException:
            lock.release()
            raise
        return _Log(self, row, codec, lock, count)

    def runs(self) -> list[RunHeader]:
        if not self.path.exists():
            return []
        rows = self._read("SELECT run_id, team, goal, created, session, status, updated FROM runs ORDER BY created DESC, id DESC")
        return [RunHeader(run_id=r, team=t, goal=g, created=c, session=s, status=st, updated=u) for r, t, g, c, s, st, u in rows]

    def records(self, run_id: str) -> Iterator[Record]:
        yield from self.records_of(self._row(run_id).id)

    def memories(self, role: str, session: str) -> list[str]:
        return self.memories_until(role, session, None)

    def memories_until(self, role: str, session: str, last: int | None) -> list[str]:
        """What the role remembers of the session, up to that memory."""
        if not self.path.exists():
            return []
        where = "session = ? AND role = ? AND (? IS NULL OR id <= ?)"
        return [body for (body,) in self._read(f"SELECT body FROM memories WHERE {where} ORDER BY id", (session, role, last, last))]  # noqa: S608 - a constant

    def prune(self, *, before: float) -> int:
        return sum(self._prune(header.run_id) for header in self.runs() if header.updated < before and header.status != "waiting")

    def _prune(self, run_id: str) -> bool:
        try:
            lock = self._hold(run_id)
        except RunLockedError:
            return False
        try:
            row = self._row(run_id).id
            with self._lock:
                self._change([("DELETE FROM records WHERE run = ?", (row,)), ("DELETE FROM runs WHERE id = ?", (row,))])
            Path(lock.lock_file).unlink(missing_ok=True)  # while it is held: who comes later locks a new file
        finally:
            lock.release()
        return True

    def close(self) -> None:
        """Close the file; it opens again on the next use."""
        with self._queue_lock:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.shutdown(wait=True)
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = self._waits = None

    def records_of(self, row: int) -> Iterator[Record]:
        """The checked records of the run in that row.

        Raises:
            JournalCorruptError: a record's bytes are not those that were written.
        """
        statement = "SELECT sequence, kind, body, checksum FROM records WHERE run = ? ORDER BY sequence"
        for expected, (sequence, kind, body, checksum) in enumerate(self._read(statement, (row,))):
            if sequence != expected or zlib.crc32(body) != checksum:
                raise JournalCorruptError(
                    f"{self.path}: found record {sequence} of run {row} changed or a record missing; expected what was written."
                    " Restore the file from a copy."
                )
            yield Record(sequence, kind, body)

    def write(self, write: _Write) -> Awaitable[None] | None:
        """Commit one append now, or hand it to the writer thread and return what to wait for.

        Raises:
            JournalError: nothing of it was written.
        """
        if self.durability == "process" and not self._queue and self._lock.acquire(blocking=False):
            try:
                self._commit([write], wait=False)
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF != sqlite3.SQLITE_BUSY:
                    raise self._unwritten(error) from error
            else:
                return None
            finally:
                self._lock.release()
        return self._enqueue(write)

    def _enqueue(self, write: _Write) -> Awaitable[None]:
        done: Future[None] = Future()
        with self._queue_lock:
            self._queue.append((write, done))
            if self._thread is None:
                from concurrent.futures import ThreadPoolExecutor

                self._thread = ThreadPoolExecutor(1, thread_name_prefix="metagpt-journal")
            self._thread.submit(self._drain)
        return asyncio.wrap_future(done)

    def _drain(self) -> None:
        """Commit everything that waits, in one transaction; runs in the writer thread."""
        with self._lock:
            with self._queue_lock:
                batch, self._queue = self._queue, []
            failure: BaseException | None = None
            try:
                if batch:
                    self._commit([write for write, _ in batch], wait=True)
            except sqlite3.Error as error:
                failure = self._unwritten(error)
                failure.__cause__ = error
            except BaseException as error:  # noqa: BLE001 - whoever waits for the write must hear of it
                failure = error
        for _, done in batch:
            if failure is None:
                done.set_result(None)
            else:
                done.set_exception(failure)

    def _commit(self, writes: Sequence[_Write], *, wait: bool) -> None:
        connection = self.connection
        self._wait_when_busy(wait)
        if len(writes) == 1 and writes[0].is_one_record:
            connection.execute(_INSERT, writes[0].rows[0])  # a statement by itself is a transaction, at half the cost
            return
        connection.execute("BEGIN IMMEDIATE")
        try:
            for write in writes:
                connection.executemany(_INSERT, write.rows)
                if write.updated is not None:
                    connection.execute(
                        "UPDATE runs SET status = coalesce(?, status), updated = ? WHERE id = ?", (write.status, write.updated, write.run)
                    )
                if write.memories:
                    connection.executemany("INSERT INTO memories (session, role, body) VALUES (?, ?, ?)", write.memories)
            connection.execute("COMMIT")
        except BaseException:
            self._roll_back(connection)
            raise

    def _wait_when_busy(self, waits: bool) -> None:
        if waits is not self._waits:
            self.connection.execute(f"PRAGMA busy_timeout = {int(BUSY_TIMEOUT_S * 1000) if waits else 0}")
            self._waits = waits

    def _change(self, statements: Sequence[tuple[str, tuple[Any, ...]]]) -> None:  # Any: what sqlite binds
        connection = self.connection
        try:
            self._wait_when_busy(True)
            connection.execute("BEGIN IMMEDIATE")
            try:
                for statement, values in statements:
                    connection.execute(statement, values)
                connection.execute("COMMIT")
            except BaseException:
                self._roll_back(connection)
                raise
        except sqlite3.IntegrityError:
            raise
        except sqlite3.Error as error:
            raise self._unwritten(error) from error

    @staticmethod
    def _roll_back(connection: sqlite3.Connection) -> None:
        if connection.in_transaction:  # some failures have rolled it back already
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")

    def _unwritten(self, error: sqlite3.Error) -> JournalError:
        return JournalError(f"{self.path}: {error}; nothing was written. Make room, or make the file writable, and resume.")

    def _exists(self, run_id: str) -> RunExistsError:
        return RunExistsError(f"{self.path}: found run {run_id!r} already there; expected a new id. Resume it, or choose another.")

    def _read(self, statement: str, values: tuple[Any, ...] = ()) -> list[Any]:  # Any: sqlite rows
        try:
            with self._lock:
                return self.connection.execute(statement, values).fetchall()
        except sqlite3.OperationalError as error:
            raise JournalError(f"{self.path}: {error}; expected to read it. Make it readable, or wait for whoever holds it.") from error
        except sqlite3.DatabaseError as error:
            raise JournalCorruptError(f"{self.path}: {error}; expected a journal. Restore the file from a copy.") from error

    def _rows(self, run_id: str) -> list[_Row]:
        if not self.path.exists():
            return []
        return [_Row(*row) for row in self._read("SELECT id, session, remembered FROM runs WHERE run_id = ?", (run_id,))]

    def _row(self, run_id: str) -> _Row:
        rows = self._rows(run_id)
        if not rows:
            known = [header.run_id for header in self.runs()[:20]]
            raise UnknownRunError(f"{self.path}: found no run {run_id!r}; expected one of its runs. {did_you_mean(run_id, known)}")
        return rows[0]

    def _hold(self, run_id: str) -> FileLock:
        """Take the run's lock: the operating system's own, so death releases it."""
        from filelock import FileLock, Timeout

        folder = self.path.with_name(self.path.name + ".locks")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            lock = FileLock(folder / f"{run_id}.lock", timeout=0, mode=0o600, thread_local=False)
            lock.acquire()
        except Timeout as error:
            raise RunLockedError(
                f"run {run_id!r}: found it being executed by another process or task; expected it to rest. Wait for it, or stop that one."
            ) from error
        except OSError as error:
            raise JournalError(
                f"{self.path}: found no way to lock run {run_id!r} ({error}); expected a folder to write to. Make {folder} writable."
            ) from error
        return lock


class _Log:
    def __init__(self, journal: SqliteJournal, row: _Row, codec: Codec, lock: FileLock, count: int) -> None:
        self._journal = journal
        self._row = row
        self._codec = codec
        self._lock = lock
        self._count = count
        self._touched = float("-inf")

    def append(
        self, entries: Sequence[Any], *, time: float, status: str | None = None, memories: Sequence[tuple[str, str]] = ()
    ) -> Awaitable[None] | None:
        rows = []
        for index, entry in enumerate(entries, self._count):
            kind, body = self._codec.encode(entry)
            rows.append((self._row.id, index, kind, body, zlib.crc32(body)))
        session = self._row.session
        remembered = [] if session is None else [(session, role, self._codec.mask(body)) for role, body in memories]
        self._count += len(rows)
        updated = time if status is not None or time - self._touched > _TOUCH_S else None
        self._touched = self._touched if updated is None else updated
        return self._journal.write(_Write(self._row.id, rows, status, updated, remembered))

    def read(self) -> list[Any]:
        return [self._codec.decode(record.kind, record.body) for record in self._journal.records_of(self._row.id)]

    def past(self, role: str) -> list[str]:
        row = self._row
        return [] if row.session is None else self._journal.memories_until(role, row.session, row.remembered)

    def close(self) -> None:
        self._lock.release()
