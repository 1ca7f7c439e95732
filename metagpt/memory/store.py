"""The file of the long-term memory: SQLite, shared by processes, searched by words.

What is forgotten is overwritten in the file and in its log before `forget` returns; only a digest of it stays, so that a
session that still holds it in its journal does not bring it back.
"""

from __future__ import annotations

import os
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from metagpt.errors import JournalCorruptError, JournalError, JournalVersionError
from metagpt.memory.interface import MemoryEntry
from metagpt.memory.words import highest, scored, telling, words

__all__ = ["SHARED", "Store"]

SHARED = ""
"""The scope of what every role recalls; the other scopes are the roles' names."""

_APPLICATION_ID = 0x4D47504D
"""'MGPM': marks a SQLite file as a long-term memory."""
_BUSY_TIMEOUT_S = 30.0
_VERSION = 1
_SCHEMA = (
    """CREATE TABLE entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT, scope TEXT NOT NULL, digest TEXT NOT NULL, kind TEXT NOT NULL, key TEXT NOT NULL,
        text TEXT NOT NULL, answer TEXT NOT NULL, time REAL NOT NULL, kept REAL NOT NULL, times INTEGER NOT NULL,
        length INTEGER NOT NULL, UNIQUE (scope, digest))""",
    "CREATE INDEX entries_by_key ON entries (scope, key)",
    "CREATE INDEX entries_by_age ON entries (scope, kept)",
    """CREATE TABLE words (word TEXT NOT NULL, entry INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE, times INTEGER NOT NULL,
        PRIMARY KEY (word, entry)) WITHOUT ROWID""",
    "CREATE INDEX words_by_entry ON words (entry)",
    """CREATE TABLE vectors (entry INTEGER NOT NULL REFERENCES entries ON DELETE CASCADE, encoder TEXT NOT NULL, piece INTEGER NOT NULL,
        row BLOB NOT NULL, PRIMARY KEY (entry, encoder, piece)) WITHOUT ROWID""",
    "CREATE TABLE forgotten (scope TEXT NOT NULL, digest TEXT NOT NULL, PRIMARY KEY (scope, digest)) WITHOUT ROWID",
    "CREATE TABLE deletions (count INTEGER NOT NULL)",
    "INSERT INTO deletions VALUES (0)",
    f"PRAGMA application_id = {_APPLICATION_ID}",
    f"PRAGMA user_version = {_VERSION}",
)
"""`times` says how often the same thing was remembered, `kept` when for the last time, `length` how many words it has."""

_COLUMNS = "scope, kind, key, text, answer, time"


class Store:
    """One open file. Its methods block: they are for a thread.

    Args:
        path: The file; made with its folder where there is none, mode 0600.
        most: Most entries of one scope; beyond that the oldest that have no key are forgotten.

    Raises:
        JournalVersionError: the file was written by a newer version.
        JournalCorruptError: the file is another program's, or damaged.
        JournalError: it cannot be made or read.
    """

    def __init__(self, path: Path, *, most: int) -> None:
        self.path = path
        self._most = most
        self.connection = self._connected()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    # opening

    def _connected(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
            connection = sqlite3.connect(self.path, isolation_level=None, timeout=_BUSY_TIMEOUT_S, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        try:
            if self._is_new(connection):
                with _transaction(connection):
                    if self._is_new(connection):  # else another process was faster
                        for statement in _SCHEMA:
                            connection.execute(statement)
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "secure_delete = ON"):
                connection.execute(f"PRAGMA {pragma}")
        except sqlite3.OperationalError as error:
            raise self._unusable(error) from error
        except sqlite3.DatabaseError as error:
            raise JournalCorruptError(f"{self.path}: {error}; expected a long-term memory. Restore it, or name another file.") from error

    def _is_new(self, connection: sqlite3.Connection) -> bool:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if application != _APPLICATION_ID and (application or version or tables):
            raise JournalCorruptError(
                f"{self.path}: found a SQLite file of another program (application id {application:#x}); expected a long-term memory."
                " Name another file."
            )
        if version > _VERSION:
            raise JournalVersionError(f"{self.path}: found version {version}; expected at most {_VERSION}. Upgrade metagpt.")
        return not tables

    def _unusable(self, error: Exception) -> JournalError:
        return JournalError(f"{self.path}: {error}; expected a file to keep memories in. Make it writable, or name another file.")

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with _transaction(self.connection):
                yield self.connection
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    # writing

    def put(self, scope: str, entries: Iterable[MemoryEntry], now: float, *, only_unknown: bool = False) -> None:
        """Keep entries, in one transaction; one that is there already is only dated anew.

        Args:
            scope: Whose they are.
            entries: What to keep; one with a key takes the place of the earlier one with that key.
            now: When an entry was remembered that does not say so, in seconds since 1970 UTC.
            only_unknown: Leave alone what is there and what was forgotten.
        """
        with self._writing() as connection:
            for entry in entries:
                if only_unknown and self._is_known(scope, entry):
                    continue
                self._insert(scope, entry, entry.time or now)
            (count,) = connection.execute("SELECT count(*) FROM entries WHERE scope = ?", (scope,)).fetchone()
            if count > self._most:
                self._delete("scope = ? AND key = '' ORDER BY kept, id LIMIT ?", (scope, count - self._most))

    def _is_known(self, scope: str, entry: MemoryEntry) -> bool:
        """Whether it is there, was there and is forgotten, or something later stands under its key."""
        for table in ("entries", "forgotten"):
            if self.connection.execute(f"SELECT 1 FROM {table} WHERE scope = ? AND digest = ?", (scope, entry.digest)).fetchone():  # noqa: S608
                return True
        later = "SELECT 1 FROM entries WHERE scope = ? AND key = ? AND kept >= ?"
        return bool(entry.key) and self.connection.execute(later, (scope, entry.key, entry.time)).fetchone() is not None

    def _insert(self, scope: str, entry: MemoryEntry, kept: float) -> None:
        connection, digest, found = self.connection, entry.digest, words(entry.content)
        connection.execute("DELETE FROM forgotten WHERE scope = ? AND digest = ?", (scope, digest))
        if entry.key:
            self._delete("scope = ? AND key = ? AND digest != ?", (scope, entry.key, digest))
        cursor = connection.execute(
            "UPDATE entries SET times = times + 1, kept = max(kept, ?) WHERE scope = ? AND digest = ?", (kept, scope, digest)
        )
        if cursor.rowcount:
            return
        row = (scope, digest, entry.kind, entry.key, entry.text, entry.answer, entry.time, kept, len(found))
        number = connection.execute(
            "INSERT INTO entries (scope, digest, kind, key, text, answer, time, kept, times, length) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, ?)",
            row,
        ).lastrowid
        counts: dict[str, int] = defaultdict(int)
        for word in found:
            counts[word] += 1
        connection.executemany("INSERT INTO words VALUES (?, ?, ?)", [(word, number, times) for word, times in counts.items()])

    def _delete(self, where: str, values: Sequence[object]) -> int:
        """Delete entries and remember their digests; inside a transaction."""
        connection = self.connection
        found = connection.execute(f"SELECT id, scope, digest FROM entries WHERE {where}", values).fetchall()  # noqa: S608 - ours
        connection.executemany("INSERT OR IGNORE INTO forgotten VALUES (?, ?)", [(scope, digest) for _, scope, digest in found])
        connection.executemany("DELETE FROM entries WHERE id = ?", [(number,) for number, _, _ in found])
        if found:
            connection.execute("UPDATE deletions SET count = count + 1")
        return len(found)

    def forget(self, *, scope: str | None, key: str | None, before: float | None) -> int:
        """Delete the entries that fit all that is given, and their bytes; returns how many.

        Raises:
            JournalError: they are deleted, but another process reads the file for so long that the log cannot be emptied.
        """
        wanted = {"scope = ?": scope, "key = ?": key, "kept < ?": before}
        given = {condition: value for condition, value in wanted.items() if value is not None}
        with self._writing():
            count = self._delete(" AND ".join(given) or "1", list(given.values()))
        try:
            self.connection.execute("VACUUM")
            (busy, _, _) = self.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        if busy:
            raise JournalError(f"{self.path}: found it read by another process for long; expected a moment to empty its log. Forget again.")
        return count

    def put_vectors(self, encoder: str, rows: Iterable[tuple[int, int, bytes]]) -> None:
        """Keep (entry, piece, vector) rows of entries that are still there."""
        statement = "INSERT OR IGNORE INTO vectors SELECT id, ?, ?, ? FROM entries WHERE id = ?"
        with self._writing() as connection:
            connection.executemany(statement, [(encoder, piece, row, number) for number, piece, row in rows])

    # reading

    def entries(self, *scopes: str) -> list[tuple[int, MemoryEntry]]:
        """The entries of the scopes with their numbers, or of all, in the order in which they were first remembered."""
        where = f"WHERE scope IN ({_marks(scopes)})" if scopes else ""
        return [(number, _entry(row)) for number, *row in self.read(f"SELECT id, {_COLUMNS} FROM entries {where} ORDER BY id", *scopes)]  # noqa: S608

    def numbered(self, numbers: Sequence[int]) -> list[MemoryEntry]:
        """The entries of those numbers that are still there, in that order."""
        found = {n: _entry(row) for n, *row in self.read(f"SELECT id, {_COLUMNS} FROM entries WHERE id IN ({_marks(numbers)})", *numbers)}  # noqa: S608
        return [found[number] for number in numbers if number in found]

    def newest(self, scope: str, limit: int) -> list[int]:
        """Numbers of the entries remembered last, the oldest of them first."""
        rows = self.read("SELECT id FROM entries WHERE scope = ? ORDER BY kept DESC, id DESC LIMIT ?", scope, limit)
        return [number for (number,) in rows][::-1]

    def rows(self) -> Iterator[dict[str, object]]:
        """Every entry as it is exported."""
        names = ("scope", "kind", "key", "text", "answer", "time", "kept", "times")
        for row in self.read(f"SELECT {', '.join(names)} FROM entries ORDER BY id"):  # noqa: S608
            yield dict(zip(names, row, strict=True))

    def by_words(self, query: str, limit: int, *scopes: str) -> dict[int, float]:
        """Scores of the scopes' entries that share words with the query by number, the best first, of equals the newest."""
        marks = _marks(scopes)
        counting = f"SELECT count(*), avg(length) FROM entries WHERE scope IN ({marks})"  # noqa: S608 - question marks
        holding_it = f"FROM words w JOIN entries ON id = entry WHERE word = ? AND scope IN ({marks})"
        ((texts, mean_length),) = self.read(counting, *scopes)
        asked = sorted(set(words(query)))
        holding = {word: self.read(f"SELECT count(*) {holding_it}", word, *scopes)[0][0] for word in asked}
        found = {word: self.read(f"SELECT id, w.times, length {holding_it}", word, *scopes) for word in telling(holding, texts)}
        return highest(scored(found, holding, texts, mean_length), limit)

    def read(self, statement: str, *values: object) -> list[Any]:
        """The rows that a SELECT finds."""
        try:
            return self.connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise self._unusable(error) from error


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _entry(row: Sequence[Any]) -> MemoryEntry:
    scope, kind, key, text, answer, time = row
    return MemoryEntry(kind=kind, key=key, text=text, answer=answer, time=time, shared=scope == SHARED)
