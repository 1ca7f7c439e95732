"""The journal file's schema, its version and its migrations."""

from __future__ import annotations

import os
import sqlite3
import zlib
from contextlib import suppress
from pathlib import Path

from metagpt.errors import JournalCorruptError, JournalError, JournalVersionError

__all__ = ["APPLICATION_ID", "BUSY_TIMEOUT_S", "MIGRATIONS", "open_database"]

APPLICATION_ID = 0x4D475054
"""'MGPT': marks a SQLite file as a journal."""

_SMALLEST_BYTES = 512
"""No SQLite file is shorter."""

BUSY_TIMEOUT_S = 30.0
"""How long to wait for another process that is writing."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        run_id TEXT NOT NULL UNIQUE,
        team TEXT NOT NULL,
        goal TEXT NOT NULL,
        session TEXT,
        status TEXT NOT NULL,
        created REAL NOT NULL,
        updated REAL NOT NULL
    );
    CREATE TABLE records (
        run INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        kind TEXT NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (run, sequence)
    ) WITHOUT ROWID;
    CREATE TABLE memories (id INTEGER PRIMARY KEY, session TEXT NOT NULL, role TEXT NOT NULL, body TEXT NOT NULL);
    CREATE INDEX memories_of ON memories (session, role);
    """,
    """
    ALTER TABLE records ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0;
    UPDATE records SET checksum = crc32(body);
    """,
    "ALTER TABLE runs ADD COLUMN remembered INTEGER NOT NULL DEFAULT 0;",
)
"""Migration i takes a file from version i to i + 1. Never changed once released: a new one is added.

`runs.remembered` is the id of the last memory of any run when the run began.
"""


def open_database(path: Path, *, full_sync: bool) -> sqlite3.Connection:
    """Open a journal file, making or migrating it where needed.

    Raises:
        JournalVersionError: it was written by a newer version; it is not touched.
        JournalCorruptError: it is not a journal or is damaged; it is not touched.
        JournalError: it cannot be made, read or written.
    """
    try:
        if path.exists() and path.stat().st_size:
            _check(path)
        else:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return _connected(path, full_sync=full_sync)
    except (OSError, sqlite3.OperationalError) as error:
        raise JournalError(f"{path}: {error}; expected a file to write the journal to. Make it writable, or name another file.") from error


def _connected(path: Path, *, full_sync: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if full_sync else 'NORMAL'}")
        _migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _check(path: Path) -> None:
    """Look before touching: the file is opened read-only first, and by SQLite alone.

    Closing any other handle of the file would let go of every lock that this process's connections hold on it (POSIX), and
    another process could then take away the log that they write to.
    """
    if path.stat().st_size < _SMALLEST_BYTES:  # SQLite itself takes a short text for an empty file, and would write over it
        raise JournalCorruptError(f"{path}: found no SQLite file; expected a journal. Restore it from a copy, or name another file.")
    try:
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
            if application != APPLICATION_ID and (application or version or tables):
                raise JournalCorruptError(
                    f"{path}: found a SQLite file of another program (application id {application:#x}); expected a journal."
                    " Name another file."
                )
            if version > len(MIGRATIONS):
                raise JournalVersionError(
                    f"{path}: found version {version}; expected at most {len(MIGRATIONS)}. Upgrade metagpt, or name another file."
                )
            (healthy,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        finally:
            connection.close()
    except sqlite3.OperationalError:
        raise  # it cannot be opened, which says nothing about what is in it
    except sqlite3.DatabaseError as error:
        raise JournalCorruptError(f"{path}: {error}; expected a journal. Restore it from a copy, or name another file.") from error
    if healthy != "ok":
        raise JournalCorruptError(f"{path}: found damage ({healthy}); expected a whole journal. Restore it from a copy.")


def _migrate(connection: sqlite3.Connection) -> None:
    if connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),):
        return
    connection.create_function("crc32", 1, zlib.crc32, deterministic=True)
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()  # again: another process may have been faster
        for script in MIGRATIONS[version:]:
            for statement in script.split(";"):
                if statement.strip():
                    connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
