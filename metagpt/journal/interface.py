"""The journal interface: an append-only list of entries per run, durable before anything follows from them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

from metagpt.errors import JournalError

__all__ = ["Codec", "Journal", "Record", "RunHeader", "RunLog", "check_run_id"]


def check_run_id(run_id: str) -> str:
    """The id, if it may name a run (and a file).

    Raises:
        JournalError: it has other characters than letters, digits, `.`, `_`, `-`, or more than 80.
    """
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}", run_id):
        raise JournalError(
            f"run_id: found {run_id!r}; expected up to 80 letters, digits, '.', '_' or '-', a letter or digit first. Choose another."
        )
    return run_id


class Record(NamedTuple):
    """One entry as it is stored."""

    sequence: int
    kind: str
    body: bytes
    """JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunHeader:
    """What a list of runs shows of one."""

    run_id: str
    team: str
    goal: str
    created: float
    """Seconds since 1970 UTC."""
    session: str | None = None
    status: str = "running"
    updated: float = 0.0
    """When it was last written to, to the minute."""


class Codec(Protocol):
    """Turns entries into records and back; the journal itself knows nothing of what it keeps."""

    def encode(self, tick: Any, /) -> tuple[str, bytes]:  # Any: the journal's entries are opaque to it
        """Kind and JSON body."""
        ...

    def mask(self, text: str, /) -> str:
        """The text without secrets: all text that is kept beside the entries passes through here."""
        ...

    def decode(self, kind: str, body: bytes, /) -> Any:  # Any: as above
        """The entry again."""
        ...


class RunLog(Protocol):
    """One run's entries, held by one writer at a time."""

    def append(
        self, entries: Sequence[Any], *, time: float, status: str | None = None, memories: Sequence[tuple[str, str]] = ()
    ) -> Awaitable[None] | None:
        """Add entries in one transaction, with the run's new status and what roles remember for its session.

        Args:
            entries: What happened, in order.
            time: When the newest of it happened, in seconds since 1970 UTC.
            status: The run's status from now on, if it changes.
            memories: (role, JSON text) pairs; kept only when the run belongs to a session.

        Returns:
            None when all is durable already, else an awaitable that ends when it is.

        Raises:
            JournalError: nothing of it was written.
        """
        ...

    def read(self) -> list[Any]:
        """All entries from the first."""
        ...

    def past(self, role: str) -> list[str]:
        """What the role remembered of the run's session when the run began; nothing without a session.

        It stays the same however often the run is resumed and whatever other runs of the session remember meanwhile.
        """
        ...

    def close(self) -> None:
        """Let the next writer in."""
        ...


@runtime_checkable
class Journal(Protocol):
    """A plugin of the entry point group `metagpt.journals`."""

    durable: bool
    """Whether another process can go on with what this one wrote."""

    def create(self, header: RunHeader, codec: Codec) -> RunLog:
        """Begin a run and hold it.

        Raises:
            RunExistsError: the id is taken.
        """
        ...

    def open(self, run_id: str, codec: Codec) -> RunLog:
        """Hold an existing run, to go on with it.

        Raises:
            UnknownRunError: there is none of that id.
            RunLockedError: somebody else holds it.
        """
        ...

    def runs(self) -> list[RunHeader]:
        """All runs, the newest first."""
        ...

    def records(self, run_id: str) -> Iterator[Record]:
        """A run's raw records, without holding it: for looking only.

        Raises:
            UnknownRunError: there is none of that id.
        """
        ...

    def memories(self, role: str, session: str) -> list[str]:
        """What a role remembers of a session, as JSON texts in the order they were remembered."""
        ...

    def prune(self, *, before: float) -> int:
        """Remove runs that were last written to before that time; returns how many.

        Runs that somebody executes or that wait for a person stay, and so do all memories.
        """
        ...
