"""The journal that lives as long as the process."""

from __future__ import annotations

import pytest

from metagpt import Goal, InMemoryJournal, Role, Team, on
from metagpt.errors import RunExistsError, RunLockedError, UnknownRunError
from metagpt.journal.interface import RunHeader
from metagpt.runtime.codec import TickCodec
from metagpt.runtime.ticks import CancelRequested
from metagpt.testing import check_journal
from tests.runtime.messages import Final

CODEC = TickCodec({})


def header(run_id: str, created: float = 1.0, session: str | None = None) -> RunHeader:
    return RunHeader(run_id=run_id, team="t", goal="g", created=created, session=session)


async def test_it_keeps_what_a_journal_promises() -> None:
    journal = InMemoryJournal()
    await check_journal(lambda: journal)


def test_entries_are_kept_as_they_are_and_encoded_when_somebody_looks() -> None:
    journal = InMemoryJournal()
    log = journal.create(header("r"), CODEC)
    tick = CancelRequested(2.0)
    log.append([tick], time=2.0)
    assert log.read()[0] is tick
    assert [(record.sequence, record.kind, record.body) for record in journal.records("r")] == [
        (0, "CancelRequested", b'{"time":2.0,"leaves":false}')
    ]


def test_reading_a_log_gives_a_list_of_ones_own() -> None:
    log = InMemoryJournal().create(header("r"), CODEC)
    log.read().append("not in the journal")
    assert log.read() == []


def test_a_run_is_held_by_one_at_a_time() -> None:
    journal = InMemoryJournal()
    log = journal.create(header("r"), CODEC)
    with pytest.raises(RunLockedError):
        journal.open("r", CODEC)
    with pytest.raises(RunExistsError):
        journal.create(header("r"), CODEC)
    log.close()
    journal.open("r", CODEC)


def test_an_unknown_run_is_named_with_the_closest_known_one() -> None:
    journal = InMemoryJournal()
    journal.create(header("monday"), CODEC)
    with pytest.raises(UnknownRunError, match="'monday'"):
        journal.open("mondai", CODEC)


def test_the_past_of_a_run_is_what_its_session_knew_when_it_began() -> None:
    journal = InMemoryJournal()
    first = journal.create(header("a", session="s"), CODEC)
    first.append([1], time=1.0, memories=[("critic", "one")])
    second = journal.create(header("b", session="s"), CODEC)
    first.append([2], time=2.0, memories=[("critic", "two")])
    second.append([1], time=3.0, memories=[("critic", "three")])
    assert (first.past("critic"), second.past("critic")) == ([], ["one"])
    second.close()
    assert journal.open("b", CODEC).past("critic") == ["one"]
    assert journal.memories("critic", "s") == ["one", "two", "three"]


def test_runs_that_are_held_or_wait_are_not_pruned() -> None:
    journal = InMemoryJournal()
    for run_id, status, is_held in (("held", "done", True), ("waits", "waiting", False), ("old", "done", False), ("cut", "running", False)):
        log = journal.create(header(run_id), CODEC)
        log.append([1], time=5.0, status=status)
        if not is_held:
            log.close()
    assert journal.prune(before=5.0) == 0
    assert journal.prune(before=5.1) == 2
    assert [run.run_id for run in journal.runs()] == ["waits", "held"]


async def test_a_team_without_a_journal_keeps_its_runs_in_memory() -> None:
    class Speaker(Role):
        @on(Goal)
        async def speak(self, goal: Goal) -> Final:
            return Final(text="a")

    team = Team([Speaker()], final=Final)
    run = await team.run("go")
    assert isinstance(team.journal, InMemoryJournal)
    assert team.open_run(run.id).output == Final(text="a")
