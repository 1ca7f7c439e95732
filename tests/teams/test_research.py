"""The research team: questions side by side, quotes that stand in the documents, a report that cites them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from metagpt import InMemoryJournal, Team
from metagpt.errors import ActionError, HandlerFailedError, RefusedError
from metagpt.models.interface import ModelRequest
from metagpt.roles.research import Report, research_team
from metagpt.testing import FunctionModel, ScriptedModel, data, error, text

CLAY = "# Clay\n\nTeapots of stoneware are fired at 1250 degrees.\n\nA good spout does not drip, for its lip is sharp.\n"
TEA = "Green tea is brewed at 75 degrees. Black tea takes boiling water.\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "clay.md").write_text(CLAY)
    (documents / "tea.txt").write_text(TEA)
    return documents


def reading(answer: str, *quotes: tuple[str, str]) -> Any:
    return data({"answer": answer, "citations": [{"document": document, "quote": quote} for document, quote in quotes]})


def run_team(folder: Path, model: Any, **keywords: Any) -> Any:
    return research_team(documents=folder, model=model, workspace=folder.parent / "out", **keywords).run_sync(
        "How are teapots made and used?"
    )


def test_questions_are_read_up_and_the_report_cites_what_stands_there(folder: Path) -> None:
    clay, tea = "How hot are teapots of stoneware fired?", "How hot is green tea brewed?"

    def answer(request: ModelRequest) -> Any:
        """The readers work side by side: which of them asks first is left to chance."""
        if request.call.startswith("planner"):
            return data([clay, tea])
        if request.call.startswith("author"):
            return text("Fired at 1250 [1], used at 75 [2].")
        if clay in request.chat[-1].text:
            return reading("At 1250 degrees.", ("clay.md", "fired at 1250 degrees"))
        return reading("At 75 degrees.", ("tea.txt", "Green tea is brewed at 75 degrees."))

    model = FunctionModel(answer)
    run = run_team(folder, model)
    report = run.output
    assert run.success
    assert isinstance(report, Report)
    assert [(source.number, source.document) for source in report.sources] == [(1, "clay.md"), (2, "tea.txt")]
    written = (folder.parent / "out" / "report.md").read_text()
    assert written.startswith("Fired at 1250 [1]")
    assert "2. tea.txt: “Green tea is brewed at 75 degrees.”" in written
    assert "- clay.md\n- tea.txt" in model.requests[0].chat[-1].text
    read = [request.chat[-1].text for request in model.requests if request.call.startswith("reader")]
    assert ['<passage document="clay.md">' in asked for asked in read if clay in asked] == [True]


def test_a_quote_that_stands_nowhere_is_asked_for_again_and_told(folder: Path) -> None:
    script = {
        "planner": [data(["How hot are teapots fired?"])],
        "reader": [
            reading("At 1300 degrees.", ("clay.md", "fired at 1300 degrees")),
            reading("At 1250 degrees.", ("clay.md", "fired at 1250 degrees")),
        ],
        "author": [text("At 1250 degrees [1].")],
    }
    with ScriptedModel(script) as model:
        run = run_team(folder, model)
    assert run.success
    assert "These quotes of your last answer stand in none of the passages" in model.requests[2].chat[-1].text
    assert "- clay.md: fired at 1300 degrees" in model.requests[2].chat[-1].text


def test_an_answer_without_a_standing_quote_is_no_answer(folder: Path) -> None:
    made_up = reading("At 9000 degrees.", ("clay.md", "fired at 9000 degrees"))
    script = {"planner": [data(["How hot are teapots fired?"])], "reader": [made_up, made_up]}
    with ScriptedModel(script) as model:
        run = run_team(folder, model)
    assert (run.status, run.success) == ("done", False)
    assert run.output.sources == []
    assert run.output.unanswered == ["How hot are teapots fired?"]
    assert "9000" not in run.output.text


def test_of_mixed_quotes_only_those_that_stand_are_kept(folder: Path) -> None:
    mixed = reading("Sharp lip.", ("clay.md", "its lip is sharp"), ("clay.md", "its lip is gold"))
    script = {"planner": [data(["Why does a spout not drip?"])], "reader": [mixed, mixed], "author": [text("Sharp [1].")]}
    with ScriptedModel(script) as model:
        run = run_team(folder, model)
    assert [source.quote for source in run.output.sources] == ["its lip is sharp"]


def test_a_number_that_is_no_source_is_asked_to_be_mended_and_then_taken_out(folder: Path) -> None:
    script = {
        "planner": [data(["How hot are teapots fired?"])],
        "reader": [reading("At 1250.", ("clay.md", "fired at 1250 degrees"))],
        "author": [text("Hot [7]."), text("At 1250 degrees [1] [8].")],
    }
    with ScriptedModel(script) as model:
        run = run_team(folder, model)
    assert "cited [7], which is none of the sources" in model.requests[-1].chat[-1].text
    assert run.output.text == "At 1250 degrees [1] ."


def test_a_question_that_shares_no_word_with_the_documents_costs_no_reader(folder: Path) -> None:
    with ScriptedModel({"planner": [data(["Quo vadis?"])]}) as model:
        assert run_team(folder, model).output.unanswered == ["Quo vadis?"]
    assert len(model.requests) == 1


def test_too_many_and_repeated_questions_are_cut(folder: Path) -> None:
    asked = [*(f"Question {number} about teapots?" for number in range(9)), "Question 0 about teapots?", " "]
    model = FunctionModel(lambda request: {"answer": asked} if request.call == "planner.plan" else {"answer": "", "citations": []})
    assert len(run_team(folder, model).output.unanswered) == 6


def test_a_goal_that_no_question_is_asked_for_is_the_question(folder: Path) -> None:
    with ScriptedModel({"planner": [data([])], "reader": [reading("")]}) as model:
        assert run_team(folder, model).output.unanswered == ["How are teapots made and used?"]


def test_a_folder_without_documents_fails_before_a_model_is_asked(tmp_path: Path) -> None:
    model = ScriptedModel([])
    with pytest.raises(ActionError, match=r"found none in [^;]*; expected files"):
        research_team(documents=tmp_path / "none", model=model).run_sync("x")
    assert model.requests == []


def test_a_resumed_run_reads_what_it_read_before(folder: Path) -> None:
    journal = InMemoryJournal()
    script = {
        "planner": [data(["How hot are teapots of stoneware fired?"])],
        "reader": [error(RefusedError("no")), reading("At 1250.", ("clay.md", "fired at 1250 degrees"))],
        "author": [text("At 1250 [1].")],
    }
    with ScriptedModel(script) as model:
        with pytest.raises(HandlerFailedError):
            run_team(folder, model, journal=journal)
        (folder / "clay.md").write_text("All changed.")
        resumed = research_team(documents=folder, model=model, journal=journal, workspace=folder.parent / "out")
        run = asyncio.run(resumed.resume(journal.runs()[0].run_id))
    assert "fired at 1250 degrees" in model.requests[2].chat[-1].text
    assert [source.quote for source in run.output.sources] == ["fired at 1250 degrees"]


def test_it_is_found_by_its_name(folder: Path) -> None:
    assert sorted(Team.load("research", documents=folder).roles) == ["author", "planner", "reader"]
