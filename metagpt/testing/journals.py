"""What the journal interface promises, as a check: for the tests of whoever writes one."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from metagpt.errors import JournalError, RunExistsError, RunLockedError, UnknownRunError
from metagpt.journal.interface import Journal, RunHeader, RunLog
from metagpt.testing.conformance import expect

__all__ = ["check_journal"]


class _Codec:
    """Entries are JSON values."""

    def encode(self, tick: Any, /) -> tuple[str, bytes]:
        return "Note", json.dumps(tick).encode()

    def mask(self, text: str, /) -> str:
        return text.replace("hunter2-hunter2", "***")

    def decode(self, kind: str, body: bytes, /) -> Any:
        return json.loads(body)


async def check_journal(make: Callable[[], Journal]) -> None:
    """Whether a journal keeps what `metagpt.Journal` promises.

    Args:
        make: Opens the journal, which must be empty the first time. It is called again where the journal is durable:
            the second one must then hold what was written to the first.

    Raises:
        AssertionError: a promise is broken.
    """
    journal = make()
    expect(isinstance(journal, Journal), journal, "expected `durable`, `create`, `open`, `runs`, `records`, `memories` and `prune`.")
    expect(journal.runs() == [], journal, "expected an empty journal to list no runs.")
    _check_unknown(journal)
    await _check_writing(journal)
    await _check_failing(journal)
    _check_holding(journal)
    await _check_sessions(journal)
    if journal.durable:
        again = make()
        same = [run.run_id for run in again.runs()] == [run.run_id for run in journal.runs()]
        expect(same, journal, "expected a durable journal to list the runs that were written before.")
        log = again.open("first", _Codec())
        expect(log.read() == [0, {"a": 1}, "three"], journal, "expected a durable journal to read back what was written before.")
        log.close()
    await _check_pruning(journal)


def _header(run_id: str, created: float, session: str | None = None) -> RunHeader:
    return RunHeader(run_id=run_id, team="team", goal="a goal", created=created, session=session)


async def _append(log: RunLog, entries: Sequence[Any], **keywords: Any) -> None:
    written = log.append(entries, time=10.0, **keywords)
    if written is not None:
        await written


def _raises(error: type[Exception], action: Callable[[], object]) -> bool:
    try:
        action()
    except error:
        return True
    return False


def _check_unknown(journal: Journal) -> None:
    is_unknown = _raises(UnknownRunError, lambda: journal.open("none", _Codec()))
    expect(is_unknown, journal, "expected open() of an unknown run to raise UnknownRunError.")
    is_unknown = _raises(UnknownRunError, lambda: list(journal.records("none")))
    expect(is_unknown, journal, "expected records() of an unknown run to raise UnknownRunError.")
    expect(journal.memories("critic", "none") == [], journal, "expected an unknown session to hold no memories.")
    for run_id in ("../outside", "", "a/b", "x" * 200):
        is_refused = _raises(JournalError, partial(journal.create, _header(run_id, 1.0), _Codec()))
        expect(is_refused, journal, f"expected the run id {run_id[:20]!r} to be refused with a JournalError.")


async def _check_writing(journal: Journal) -> None:
    log = journal.create(_header("first", 1.0), _Codec())
    await _append(log, [0, {"a": 1}])
    await _append(log, ["three"], status="waiting")
    expect(log.read() == [0, {"a": 1}, "three"], journal, f"expected entries to read back in order; found {log.read()!r}.")
    records = list(journal.records("first"))
    expect([r.sequence for r in records] == [0, 1, 2], journal, "expected records to be numbered from 0 on, also while the run is held.")
    expect([json.loads(r.body) for r in records] == [0, {"a": 1}, "three"], journal, "expected records to hold what the codec wrote.")
    expect({r.kind for r in records} == {"Note"}, journal, "expected records to hold the codec's kind.")
    expect(journal.runs()[0].status == "waiting", journal, f"expected the status to be the last one given; found {journal.runs()[0]!r}.")
    await _append(log, [])
    expect(len(list(journal.records("first"))) == 3, journal, "expected an empty append to write nothing.")
    log.close()


async def _check_failing(journal: Journal) -> None:
    log = journal.create(_header("torn", 1.5), _Codec())
    await _append(log, [1])
    try:
        await _append(log, ["fine", object()], status="failed")
    except (TypeError, JournalError):  # a journal that encodes later takes them
        expect(log.read() == [1], journal, "expected an append that fails to leave nothing behind.")
        expect(journal.runs()[0].status == "running", journal, "expected an append that fails to leave the status as it was.")
        await _append(log, [2])
        expect(log.read() == [1, 2], journal, "expected a journal to go on after an append that failed.")
    log.close()


def _check_holding(journal: Journal) -> None:
    is_taken = _raises(RunExistsError, lambda: journal.create(_header("first", 2.0), _Codec()))
    expect(is_taken, journal, "expected an id that is taken to raise RunExistsError.")
    log = journal.create(_header("held", 2.0), _Codec())
    expect(_raises(RunLockedError, lambda: journal.open("held", _Codec())), journal, "expected a run that is held to raise RunLockedError.")
    log.close()
    log = journal.open("held", _Codec())
    expect(log.read() == [], journal, "expected a new run to have no entries.")
    log.close()
    expect([run.run_id for run in journal.runs()] == ["held", "torn", "first"], journal, "expected runs() to list the newest first.")


async def _check_sessions(journal: Journal) -> None:
    log = journal.create(_header("with-session", 3.0, "monday"), _Codec())
    await _append(log, [1], memories=[("critic", "one"), ("writer", "two")])
    await _append(log, [2], memories=[("critic", "three")], status="done")
    log.close()
    log = journal.create(_header("without", 4.0), _Codec())
    await _append(log, [1], memories=[("critic", "lost")], status="done")
    expect(log.past("critic") == [], journal, "expected a run without a session to have no past.")
    log.close()
    log = journal.open("with-session", _Codec())
    expect(log.past("critic") == [], journal, "expected past() to hold what was remembered before the run began, and no more.")
    log.close()
    log = journal.create(_header("later", 4.5, "monday"), _Codec())
    expect(log.past("critic") == ["one", "three"], journal, "expected past() to hold what earlier runs of the session remembered.")
    await _append(log, [1], status="done")
    log.close()
    expect(journal.memories("critic", "monday") == ["one", "three"], journal, "expected memories in the order they were remembered.")
    expect(journal.memories("writer", "monday") == ["two"], journal, "expected each role to have memories of its own.")
    expect(journal.memories("critic", "tuesday") == [], journal, "expected each session to have memories of its own.")


async def _check_pruning(journal: Journal) -> None:
    held = journal.create(_header("still-held", 5.0), _Codec())
    await _append(held, [1], status="done")
    expect(journal.prune(before=-1.0) == 0, journal, "expected prune() to keep what was written after the time given.")
    journal.prune(before=math.inf)
    left = {run.run_id for run in journal.runs()}
    expect("still-held" in left, journal, "expected prune() to keep a run that is held.")
    expect("first" in left, journal, "expected prune() to keep a run that waits for a person.")
    expect("without" not in left, journal, "expected prune() to remove a run that ended.")
    expect(journal.memories("critic", "monday") == ["one", "three"], journal, "expected memories to stay when runs are pruned.")
    held.close()
