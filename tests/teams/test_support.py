"""The support team: from the handbook, or by a person who may take their time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from metagpt import Reject, SqliteJournal, Team
from metagpt.roles.support import Answer, Unanswered, support_team
from metagpt.testing import ScriptedModel, data
from tests.cli.projects import invoke

RETURNS = "# Returns\n\nA teapot may be sent back within 30 days, unused.\n\n# Shipping\n\nWe ship to France and Italy within a week.\n"
QUESTION = "May I send a teapot back within 30 days?"


@pytest.fixture
def handbook(tmp_path: Path) -> Path:
    folder = tmp_path / "handbook"
    folder.mkdir()
    (folder / "shop.md").write_text(RETURNS)
    return folder


def draft(text: str, quote: str, *, sure: bool = True) -> Any:
    return data({"text": text, "is_sure": sure, "citations": [{"document": "shop.md", "quote": quote}]})


def team(handbook: Path, model: Any, **keywords: Any) -> Any:
    return support_team(handbook=handbook, model=model, **keywords)


async def test_what_the_handbook_says_is_answered_at_once(handbook: Path) -> None:
    with ScriptedModel([draft("Yes, within 30 days.", "sent back within 30 days")]) as model:
        run = await team(handbook, model).run(QUESTION)
    assert run.success
    assert (run.output.by, run.output.citations[0].quote) == ("handbook", "sent back within 30 days")
    assert "A teapot may be sent back" in model.requests[0].chat[-1].text


async def test_what_the_handbook_lacks_goes_to_a_person_before_any_model_is_asked(handbook: Path) -> None:
    asked = team(handbook, ScriptedModel([]))
    run = await asked.run("Which celebrities endorse ceramic glazes?")
    assert (run.status, run.pending[0].kind) == ("waiting", "question")
    assert "the handbook does not speak of it" in run.pending[0].text
    run = await asked.resume(run.id, answers={run.pending[0].id: " None that we know of. "})
    assert run.output == Answer(text="None that we know of.", by="person")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (draft("Perhaps.", "sent back within 30 days", sure=False), "does not say all of it"),
        (draft("Yes, in 90 days.", "sent back within 90 days"), "quotes what does not stand"),
        (data({"text": "Yes.", "is_sure": True, "citations": []}), "quotes what does not stand"),
    ],
)
async def test_an_agent_in_doubt_hands_its_draft_over(reply: Any, reason: str, handbook: Path) -> None:
    with ScriptedModel([reply]) as model:
        asked = team(handbook, model)
        run = await asked.run(QUESTION)
        text = run.pending[0].text
        assert reason in text
        assert "Draft: " in text
        assert "comes closest in shop.md" in text
        run = await asked.resume(run.id, answers={run.pending[0].id: "Send"})
    assert run.output.by == "person"
    assert f"Draft: {run.output.text}\n" in text


async def test_a_person_who_will_not_answer_is_an_end_and_no_success(handbook: Path) -> None:
    asked = team(handbook, ScriptedModel([]))
    run = await asked.run("Which celebrities endorse ceramic glazes?")
    run = await asked.resume(run.id, answers={run.pending[0].id: Reject("not our business")})
    assert (run.status, run.success) == ("done", False)
    assert isinstance(run.output, Unanswered)
    assert "not our business" in run.output.reason


async def test_another_process_answers_hours_later(handbook: Path, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    run = await team(handbook, None, journal=SqliteJournal(journal)).run("Which celebrities endorse ceramic glazes?", run_id="r")
    program = (
        "import asyncio, sys; from metagpt import SqliteJournal; from metagpt.roles.support import support_team\n"
        "team = support_team(handbook=sys.argv[1], journal=SqliteJournal(sys.argv[2])); [pending] = team.open_run('r').pending\n"
        "print(asyncio.run(team.resume('r', answers={pending.id: 'None.'})).output.text)"
    )
    said = subprocess.run([sys.executable, "-c", program, str(handbook), str(journal)], capture_output=True, text=True, check=True)
    assert (run.status, said.stdout.strip()) == ("waiting", "None.")


def test_the_command_line_hands_over_and_resumes(handbook: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(handbook.parent)
    done = invoke("run", "Which celebrities endorse ceramic glazes?", "--team", "support", "--model", "openai:x")
    assert done.exit_code == 3, done.output
    run = Team.load("support", journal=SqliteJournal(Path(".metagpt/journal.db"))).journal.runs()[0].run_id
    (pending,) = Team.load("support", journal=SqliteJournal(Path(".metagpt/journal.db"))).open_run(run).pending
    done = invoke("resume", run, "--answer", f"{pending.id}=None that we know of.")
    assert done.exit_code == 0, done.output
    assert "None that we know of." in done.stdout
