"""What a person at a terminal sees and is asked."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from metagpt import Approve, Edit, Message, Reject
from metagpt import events as ev
from metagpt.cli.live import LiveDisplay
from metagpt.cli.people import ask_person
from metagpt.cli.plain import line_of
from metagpt.cli.progress import Progress
from metagpt.cli.wording import counted, shown_path
from metagpt.runtime.ticks import Pending
from tests.cli.projects import APPROVED, write
from tests.cli.terminals import END, INTERRUPT, at_terminal


class Draft(Message):
    text: str


APPROVAL = Pending(id="1", kind="approval", role="writer", handler="writer.draft", text="Publish?", proposed=(Draft(text="tea"),))


def typed(*lines: str) -> Iterator[str]:
    yield from lines


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (["approve"], Approve()),
        (["a"], Approve()),
        (["reject too long"], Reject("too long")),
        (["reject", "too long"], Reject("too long")),
        (["what?", "", "approve"], Approve()),
    ],
)
def test_an_approval_is_asked_for_until_the_answer_is_understood(lines: list[str], answer: object) -> None:
    script = typed(*lines)
    assert ask_person(APPROVAL, read=lambda prompt: next(script)) == answer


def test_an_edit_that_does_not_fit_is_asked_for_again() -> None:
    script, edits = typed("edit", "edit"), typed('{"txt": "x"}', '{"text": "mine"}')
    answer = ask_person(APPROVAL, read=lambda prompt: next(script), edit=lambda text: next(edits))
    assert answer == Edit(Draft(text="mine"))


def test_a_question_is_answered_with_text_and_an_action_with_its_result() -> None:
    question = Pending(id="1", kind="question", role="writer", handler="writer.draft", text="Which?")
    assert ask_person(question, read=lambda prompt: " approve ") == "approve"
    action = Pending(id="1", kind="action", role="writer", handler="writer.draft", text="Run?")
    assert ask_person(action, read=lambda prompt: 'result {"ok": 1}') == '{"ok": 1}'


HANDLER: dict[str, Any] = {"run_id": "r", "role": "writer", "handler": "writer.draft", "invocation": "i", "attempt": 1}
CALL: dict[str, Any] = {"run_id": "r", "role": "writer", "call": "writer.draft", "invocation": "i"}


def told() -> list[ev.Event]:
    return [
        ev.RunStartedEvent(run_id="r", time=0.0, goal="tea"),
        ev.HandlerStartedEvent(time=1.0, **HANDLER),
        ev.ModelCalledEvent(time=1.0, model="openai:x", **CALL),
        ev.DeltaEvent(time=2.0, text="Pours to", **CALL),
    ]


def test_progress_counts_what_was_bought_and_not_what_was_replayed() -> None:
    progress = Progress()
    for event in told():
        progress.take(event)
    assert progress.roles["writer"].working == {"i": "draft · asks openai:x"}
    for replayed in (True, False):
        progress.take(ev.ModelRepliedEvent(time=3.0, text="", input_tokens=5, output_tokens=2, usd=0.25, replayed=replayed, **CALL))
    progress.take(ev.HandlerEndedEvent(time=4.0, **HANDLER))
    assert (progress.tokens, progress.usd, progress.elapsed_s) == (7, 0.25, 4.0)
    assert progress.roles["writer"].working == {}


def test_the_live_picture_says_who_works_on_what_for_how_long() -> None:
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, color_system=None)
    with LiveDisplay(console) as display:
        for event in told():
            display.show(event)
        file.truncate(0)
        console.print(display.picture(now=6.0))
    picture = file.getvalue()
    assert "draft · asks openai:x · Pours to" in picture
    assert "5.0 s" in picture
    assert "idle" not in picture
    assert "6.0 s, 0 tokens, $0" in picture


def test_the_live_picture_calls_a_role_without_work_idle() -> None:
    display = LiveDisplay(Console(file=io.StringIO(), force_terminal=True, width=100, color_system=None))
    for event in (*told(), ev.HandlerEndedEvent(time=4.0, **HANDLER)):
        display.show(event)
    file = io.StringIO()
    Console(file=file, width=100).print(display.picture(now=6.0))
    assert re.search(r"writer +idle", file.getvalue())


def test_a_call_that_was_stopped_is_told_without_a_reason() -> None:
    assert line_of(ev.DeltasDiscardedEvent(time=1.0, reason="", **CALL)) == "writer: the call was stopped"
    assert line_of(ev.DeltasDiscardedEvent(time=1.0, reason="cut", **CALL)) == "writer: the call failed: cut"


def test_paths_and_counts_are_written_as_people_write_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [shown_path(each) for each in (tmp_path, tmp_path / "out", Path(tmp_path.root))] == [".", "./out", tmp_path.root]
    assert [counted(number, "role") for number in (0, 1, 2)] == ["0 roles", "1 role", "2 roles"]


def answered(folder: Path, keys: str) -> tuple[str, int]:
    """What a run shows when the keys are typed at the first question, and its exit status."""
    return at_terminal(folder, ["run", "tea", "--team", "team.py:team"], [("[approve/reject/edit]", keys)])


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_the_approval_is_asked_for_on_the_spot(tmp_path: Path) -> None:
    write(tmp_path, team=APPROVED)
    seen, status = answered(tmp_path, "approve\n")
    assert status == 0
    assert "success: run" in seen
    assert "works on" in seen


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("key", "status"), [(INTERRUPT, 130), (END, 3)], ids=["ctrl-c", "ctrl-d"])
def test_leaving_a_question_open_leaves_the_run_waiting(tmp_path: Path, key: str, status: int) -> None:
    write(tmp_path, team=APPROVED)
    seen, ended = answered(tmp_path, key)
    assert ended == status
    assert "metagpt resume" in seen
    assert "Traceback" not in seen
