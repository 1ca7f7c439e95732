"""People at the command line: forms, diffs, edits and time limits, across processes."""

from __future__ import annotations

import json
import os
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from pydantic import Field, model_validator

from metagpt import Edit, EditArguments, Message, Reject
from metagpt.cli.answers import read_answers
from metagpt.cli.people import TimeOverError, ask_person, line_reader
from metagpt.cli.prepare import _wait_limit
from metagpt.errors import ConfigError
from metagpt.runtime.ticks import Approve, Pending, WaitLimit
from metagpt.settings import read_settings
from tests.cli.projects import APPROVED, run_program, write
from tests.cli.terminals import at_terminal


class Review(Message):
    approved: bool
    grade: int = Field(ge=1, le=6)
    kind: Literal["short", "long"] = "short"
    remarks: list[str] = []
    notes: str = ""
    places: dict[str, int] = {}

    @model_validator(mode="after")
    def _says_why(self) -> Review:
        if not self.approved and not self.notes:
            raise ValueError("say why")
        return self


class Question(Message):
    text: str


def question(*types: type[Message]) -> Pending:
    forms = tuple(cls.__name__ for cls in types)
    return Pending(id="1", kind="question", role="editor", handler="editor.answer", text="Good?", forms=forms, schema={"type": "object"})


def answered(lines: list[str], *types: type[Message], edits: tuple[str, ...] = ()) -> object:
    script, edited = iter(lines), iter(edits)
    answer = ask_person(question(*types), read=lambda prompt: next(script), edit=lambda text: next(edited), types=types)
    assert list(script) == []
    assert list(edited) == []
    return answer


def test_a_form_asks_for_each_field_in_its_own_type() -> None:
    lines = ["yes", "2", "long", "neat", "but dear", "", "buy it", '{"page": 7}']
    wanted = Review(approved=True, grade=2, kind="long", remarks=["neat", "but dear"], notes="buy it", places={"page": 7})
    assert answered(lines, Review) == Edit(wanted)


def test_a_field_that_does_not_fit_is_asked_for_again_and_enter_takes_a_default() -> None:
    assert answered(["perhaps", "", "y", "seven", "7", "6", "medium", "", "", "", ""], Review) == Edit(Review(approved=True, grade=6))


def test_what_only_the_whole_message_can_tell_is_asked_for_again(capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["no", "2", "", "", "", "", *["no", "2", "", "", "too long", ""]]
    assert answered(lines, Review) == Edit(Review(approved=False, grade=2, notes="too long"))
    assert "say why" in capsys.readouterr().out


def test_a_person_chooses_between_messages_and_may_refuse() -> None:
    assert answered(["3", "2", "Which one?"], Review, Question) == Edit(Question(text="Which one?"))
    assert answered(["/refuse on holiday"], Review, Question) == Reject("on holiday")
    assert answered(["1", "yes", "/refuse"], Review, Question) == Reject("")


def test_a_form_may_be_left_for_the_editor() -> None:
    edits = ('{"approved": "perhaps"}', '{"approved": true, "grade": 1}')
    assert answered(["yes", "/edit", ""], Review, edits=edits) == Edit(Review(approved=True, grade=1))


ACTION = Pending(id="1", kind="action", role="r", handler="r.h", text="Run?", action="deploy", arguments='{"where":"here"}')
LIST = Pending(
    id="1", kind="approval", role="r", handler="r.h", text="Publish?", proposed=(Question(text="a"), Review(approved=True, grade=1))
)


def edited(pending: Pending, *texts: str) -> object:
    shown: list[str] = []
    script = iter(texts)

    def edit(text: str) -> str:
        shown.append(text)
        return next(script)

    answer = ask_person(pending, read=lambda prompt: "edit", edit=edit)
    assert shown[1:] == list(texts[:-1])  # what was typed is there again
    return answer


def test_an_actions_arguments_and_several_messages_are_edited_as_json() -> None:
    assert edited(ACTION, "[]", '{"where": "there"}') == EditArguments('{"where": "there"}')
    assert edited(LIST, '[{"Other": {}}]', '[{"Question": {"text": 1}}]', '[{"Question": {"text": "b"}}]') == Edit(Question(text="b"))


def test_flags_edit_refuse_and_name_files(tmp_path: Path) -> None:
    (tmp_path / "edit.json").write_text('{"where": "there"}')
    assert read_answers([f"1=edit:@{tmp_path}/edit.json"], [ACTION]) == {"1": EditArguments('{"where": "there"}')}
    assert read_answers(["1=reject:no"], [question(Review)]) == {"1": Reject("no")}
    free = Pending(id="1", kind="question", role="r", handler="r.h", text="Which?")
    assert read_answers(["1=reject:no"], [free]) == {"1": "reject:no"}  # any text is an answer there
    with pytest.raises(ConfigError, match="cannot be read"):
        read_answers([f"1=edit:@{tmp_path}/none"], [ACTION])
    with pytest.raises(ConfigError, match="does not fit"):
        read_answers(["1=edit:[]"], [LIST])


def test_all_that_is_proposed_is_shown_and_nothing_of_it_is_cut_short(capsys: pytest.CaptureFixture[str]) -> None:
    hidden = Question(text="x" * 900 + " and what comes last")
    ask_person(replace(LIST, proposed=(hidden, *LIST.proposed), about=(hidden,)), read=lambda prompt: "approve")
    shown = capsys.readouterr().out
    assert shown.count(hidden.text) == 2
    assert "\nQuestion:\n  text: a\nReview:\n  approved: true\n" in shown


def test_what_does_not_fit_is_told_without_addresses(capsys: pytest.CaptureFixture[str]) -> None:
    edited(ACTION, "[]", "{}")
    edited(LIST, '[{"Question": {"text": 1}}]', '[{"Question": {"text": "b"}}]')
    answered(["no", "7", "2", "", "", "", "", *["no", "2", "", "", "too long", ""]], Review)
    shown = capsys.readouterr().out
    assert "text: Input should be a valid string" in shown
    assert "say why" in shown
    assert "http" not in shown
    assert ".." not in shown


def test_what_would_change_is_shown_in_the_place_of_the_whole(capsys: pytest.CaptureFixture[str]) -> None:
    ask_person(LIST, read=lambda prompt: "approve", difference="--- a\n+++ b\n-old\n+new \x1b[31m\n")
    assert "--- a\n+++ b\n-old\n+new \N{REPLACEMENT CHARACTER}[31m\n" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="terminals there cannot be waited for")
def test_a_person_who_does_not_answer_in_time_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    readable, writable = os.pipe()
    with os.fdopen(readable) as stdin, os.fdopen(writable, "w") as typed:
        monkeypatch.setattr(sys, "stdin", stdin)
        with pytest.raises(TimeOverError):
            line_reader(0.0)("? ")
        typed.write("in time\n")
        typed.flush()
        assert line_reader(4e9)("? ") == "in time"
        typed.close()
        with pytest.raises(EOFError):
            line_reader(4e9)("? ")


# across processes

LIMITED = APPROVED.replace("from metagpt import", "from metagpt import Approve, WaitLimit,").replace(
    "approve=True", "approve=WaitLimit(seconds=0.001, default=Approve())"
)

HUMAN = """
from metagpt import Goal, Human, Message, Team, on


class Review(Message):
    approved: bool
    notes: str = ""


class Post(Message):
    text: str


class Writer(Human):
    @on(Review)
    async def post(self, review: Review) -> Post:
        return Post(text=f"{review.approved}: {review.notes}")


def team(journal):
    roles = [Human("editor", hears=Goal, says=Review, question="May this be printed?"), Writer()]
    return Team(roles, final=Post, journal=journal)
"""


def asked_id(printed: str) -> str:
    found = re.search(r"--answer '?(\w+(?:\.\d+)?)=", printed)
    assert found is not None, printed
    return found[1]


def run_id(printed: str) -> str:
    found = re.search(r"run (\w+)", printed)
    assert found is not None, printed
    return found[1]


def test_another_process_goes_on_with_the_edited_text_after_a_restart(tmp_path: Path) -> None:
    write(tmp_path, team=APPROVED)
    status, printed, _ = run_program("run", "tea", "--team", "team.py:team", cwd=tmp_path)
    assert status == 3
    assert "Draft:\n  text: about tea" in printed
    resume = ("resume", run_id(printed), "--team", "team.py:team", "--answer")
    status, _, said = run_program(*resume, f"{asked_id(printed)}=edit:{{'text': 1}}", cwd=tmp_path)
    assert (status, "does not fit" in said) == (2, True)
    status, printed, _ = run_program(*resume, f'{asked_id(printed)}=edit:{{"text": "about coffee"}}', cwd=tmp_path)
    assert status == 0
    assert "Post:\n  text: about coffee" in printed


def test_a_later_process_shows_the_difference_to_the_last_proposal_that_was_published(tmp_path: Path) -> None:
    again = APPROVED.replace("@on(Draft)", "@on(Draft, when=lambda draft: 'twice' in draft.text, approve=True, limit=1)").replace(
        "-> Post:\n        return Post(text=draft.text)", "-> Draft:\n        return Draft(text=draft.text.replace('twice', 'once'))"
    )
    write(tmp_path, team=again.replace("final=Post", "final=Draft"))
    status, printed, _ = run_program("run", "tea twice", "--team", "team.py:team", cwd=tmp_path)
    approve = ("resume", run_id(printed), "--team", "team.py:team", "--answer", f"{asked_id(printed)}=approve")
    status, printed, _ = run_program(*approve, cwd=tmp_path)
    assert status == 3
    assert "-text: about tea twice\n+text: about tea once\n" in printed


def test_resuming_after_the_limit_takes_the_default_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, team=LIMITED)
    status, printed, _ = run_program("run", "tea", "--team", "team.py:team", cwd=tmp_path)
    assert status == 3
    assert "without an answer by 2" in printed
    assert "it is approved" in printed
    status, printed, _ = run_program("resume", run_id(printed), "--team", "team.py:team", "--json", cwd=tmp_path)
    events = [json.loads(line) for line in printed.splitlines()]
    assert status == 0
    (taken,) = [event for event in events if event["event"] == "answered"]
    assert (taken["role"], taken["answer"], taken["by_default"]) == ("writer", "approve", True)
    assert events[-1]["output"] == {"text": "about tea"}


def test_a_limit_may_stand_in_the_settings(tmp_path: Path) -> None:
    write(tmp_path, team=APPROVED)
    (tmp_path / "metagpt.toml").write_text('[people]\nseconds = 0.001\ndefault = "reject: too slow"\n')
    status, printed, _ = run_program("run", "tea", "--team", "team.py:team", cwd=tmp_path)
    assert "it is rejected (too slow), and the run ends" in printed
    resume = ("resume", run_id(printed), "--team", "team.py:team")
    for _ in range(2):  # and it is not asked again
        status, printed, _ = run_program(*resume, cwd=tmp_path)
        assert status == 1
        assert "writer.draft: found its output rejected as nobody answered in time (too slow)" in printed
        assert "writer.draft starts" not in printed
        assert "to try again" not in printed
    status, printed, _ = run_program(*resume, "--answer", f"{asked_id(printed)}=approve", cwd=tmp_path)
    assert (status, "text: about tea" in printed) == (0, True)


def test_settings_of_people_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "metagpt.toml"
    file.write_text('[people]\nseconds = 60\ndefault = "approve"\n')
    people = read_settings(tmp_path, {}).people
    assert people.seconds is not None
    assert _wait_limit(people, people.seconds) == WaitLimit(seconds=60, default=Approve())
    assert read_settings(tmp_path, {"METAGPT_PEOPLE_SECONDS": "5"}).people.seconds == 5
    file.write_text('[people]\ndefault = "perhaps"\n')
    with pytest.raises(ConfigError, match='expected "approve" or'):
        read_settings(tmp_path, {})


def test_a_human_role_is_answered_from_another_process(tmp_path: Path) -> None:
    write(tmp_path, team=HUMAN)
    status, printed, _ = run_program("run", "tea", "--team", "team.py:team", cwd=tmp_path)
    assert status == 3
    assert printed.startswith("no model; team team")  # people need none
    assert "May this be printed?" in printed
    assert "answer with ID=JSON (Review)" in printed
    resume = ("resume", run_id(printed), "--team", "team.py:team", "--answer")
    answer = f'{asked_id(printed)}={{"approved": true, "notes": "fine"}}'
    status, printed, _ = run_program(*resume, answer, cwd=tmp_path)
    assert (status, "text: True: fine" in printed) == (0, True)


# at a terminal


RUN = ("run", "tea", "--team", "team.py:team", "--model", "openai:x")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_the_editor_opens_and_its_text_is_published(tmp_path: Path) -> None:
    write(tmp_path, team=APPROVED, editor="import sys\nopen(sys.argv[1], 'w').write('{\"text\": \"edited\"}')\n")
    seen, status = at_terminal(
        tmp_path, RUN, [("[approve/reject/edit]", "edit\n")], EDITOR=f"{sys.executable} editor.py", OPENAI_API_KEY="k"
    )
    assert status == 0
    assert "text: edited" in seen


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_a_human_role_is_a_form(tmp_path: Path) -> None:
    write(tmp_path, team=HUMAN)
    typed = [("approved (yes or no)", "maybe\n"), ("approved (yes or no)", "no\n"), ("notes []", "too hot\n")]
    seen, status = at_terminal(tmp_path, RUN, typed, OPENAI_API_KEY="k")
    assert status == 0
    assert "expected yes or no" in seen
    assert "text: False: too hot" in seen


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_on_a_terminal_where_nobody_answers_in_time_a_run_ends_and_asks_no_more(tmp_path: Path) -> None:
    write(tmp_path, team=APPROVED)
    seen, status = at_terminal(tmp_path, RUN, [], METAGPT_PEOPLE_SECONDS="0.2", OPENAI_API_KEY="k")
    assert status == 1
    assert seen.count("[approve/reject/edit]") == 1
    assert "nobody answered in time" in seen
