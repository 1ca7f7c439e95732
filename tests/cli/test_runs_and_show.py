"""`runs`, `show` and `resume` of what is in a journal."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from metagpt.cli.runs import age_s
from metagpt.errors import ConfigError
from tests.cli.projects import APPROVED, PITCHERS, WRITING, invoke, runs, shown, write


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, team=PITCHERS, approved=APPROVED, writing=WRITING)
    return tmp_path


def test_runs_lists_the_newest_first_and_makes_no_journal(folder: Path) -> None:
    assert "no runs" in invoke("runs").stdout
    assert not (folder / ".metagpt").exists()
    invoke("run", "the first", "--team", "team.py:team")
    invoke("run", "the second", "--team", "team.py:never")
    lines = invoke("runs").stdout.splitlines()
    assert [line.rpartition("  ")[2] for line in lines] == ["the second", "the first"]
    assert [(run["status"], run["goal"]) for run in runs()] == [("done", "the second"), ("done", "the first")]


def test_pruning_removes_old_runs_and_what_was_kept_beside_them(folder: Path) -> None:
    invoke("run", "tea", "--team", "team.py:team")
    invoke("run", "tea", "--team", "approved.py:team")
    kept = invoke("runs", "--prune", "1h")
    assert kept.stdout.startswith("removed 0 run(s)")
    assert invoke("runs", "--prune", "0s").stdout.startswith("removed 1 run(s)")
    assert [run["status"] for run in runs()] == ["waiting"]
    assert [file.stem for file in (folder / ".metagpt" / "journal.db.runs").iterdir()] == [runs()[0]["run_id"]]


def test_an_age_has_a_unit() -> None:
    assert [age_s(text) for text in ("45s", "30m", "12h", "7d", "2w")] == [45, 1800, 43200, 604800, 1209600]
    with pytest.raises(ConfigError, match="Add the unit"):
        age_s("30")


def test_show_tells_outcome_messages_costs_and_graph() -> None:
    invoke("run", "tea", "--team", "team.py:team")
    run = runs()[0]["run_id"]
    summary = invoke("show", run[:6]).stdout
    assert f"run {run}: done, success" in summary
    assert "output Review:\n  approved: true" in summary
    messages = invoke("show", run, "--messages").stdout
    assert "user -> writer.pitch" in messages
    assert "critic.review -> writer.revise\n  Review:\n    approved: false" in messages
    costs = invoke("show", run, "--costs").stdout
    assert [line.split()[:3] for line in costs.splitlines() if line.startswith("role")] == [
        ["role", "writer", "2"],
        ["role", "critic", "2"],
    ]
    graph = invoke("show", run, "--graph").stdout
    assert 'subgraph r0["writer"]' in graph


def test_show_as_json_agrees_with_the_run() -> None:
    done = invoke("run", "tea", "--team", "team.py:team", "--json")
    ended = json.loads(done.stdout.splitlines()[-1])
    told = shown(ended["run_id"], "--messages", "--costs", "--graph")
    for figure in ("input_tokens", "output_tokens", "calls", "usd", "unpriced_calls", "by_role", "by_model"):
        assert told["usage"][figure] == ended["usage"][figure]
    assert told["usage"]["seconds"] == pytest.approx(ended["usage"]["seconds"])
    assert told["output"]["body"] == ended["output"]
    assert [each["message"]["type"] for each in told["messages"]] == ["Goal", "Pitch", "Review", "Pitch", "Review"]
    assert [each["handler"] for each in told["messages"]] == [None, "writer.pitch", "critic.review", "writer.revise", "critic.review"]
    assert sum(call["calls"] for call in told["calls"].values()) == 4


def test_showing_an_unknown_run_ends_with_2() -> None:
    done = invoke("show", "nothing")
    assert done.exit_code == 2
    assert "found no run 'nothing'" in done.stderr


def test_resuming_a_run_that_is_done_tells_its_ending_again() -> None:
    invoke("run", "tea", "--team", "team.py:team")
    run = runs()[0]["run_id"]
    done = invoke("resume", run, "--team", "team.py:team")
    assert done.exit_code == 0
    assert "  approved: true" in done.stdout
    told = json.loads(invoke("resume", run, "--team", "team.py:team", "--json").stdout.splitlines()[-1])
    assert (told["event"], told["success"]) == ("run_ended", True)


def test_a_file_team_must_be_named_again() -> None:
    invoke("run", "tea", "--team", "team.py:team")
    done = invoke("resume", runs()[0]["run_id"])
    assert done.exit_code == 2
    assert f"metagpt resume {runs()[0]['run_id']} --team team.py:team" in done.stderr


def test_the_line_that_names_the_team_again_repeats_what_was_said() -> None:
    invoke("run", "tea", "--team", "approved.py:team")
    run = runs()[0]["run_id"]
    said = ("--answer", "1=reject:too dear", "--answer", "2=approve", "--model", "m", "--role-model", "writer=x", "--calls", "9", "--fresh")
    done = invoke("resume", run, *said)
    assert done.exit_code == 2
    again = shlex.split(done.stderr.partition("Write: metagpt ")[2])
    assert again == ["resume", run, "--team", "approved.py:team", *said]


def test_a_rejected_output_comes_again_with_the_note() -> None:
    invoke("run", "tea", "--team", "approved.py:team")
    run = runs()[0]["run_id"]
    (first,) = shown(run)["pending"]
    waiting = invoke("resume", run, "--team", "approved.py:team", "--answer", f"{first}=reject:shorter")
    assert waiting.exit_code == 3
    assert "  text: about tea shorter" in waiting.stdout
    (second,) = shown(run)["pending"]
    done = invoke("resume", run, "--team", "approved.py:team", "--answer", f'{second}=edit:{{"text": "mine"}}')
    assert done.exit_code == 0
    assert "  text: mine" in done.stdout


@pytest.mark.parametrize(
    ("answer", "said"),
    [("nothing=approve", "expected something the run waits for"), ("approve", "expected ID=approve"), ("{}=fine", "reject:NOTE")],
)
def test_an_answer_that_does_not_fit_ends_with_2_and_changes_nothing(answer: str, said: str) -> None:
    invoke("run", "tea", "--team", "approved.py:team")
    run = runs()[0]["run_id"]
    (pending,) = shown(run)["pending"]
    done = invoke("resume", run, "--team", "approved.py:team", "--answer", answer.format(pending))
    assert done.exit_code == 2
    assert said in done.stderr
    assert list(shown(run)["pending"]) == [pending]


def test_a_resumption_keeps_the_budget_of_the_start_until_a_flag_raises_it() -> None:
    invoke("run", "tea", "--team", "team.py:team", "--calls", "2")
    run = runs()[0]["run_id"]
    assert invoke("resume", run, "--team", "team.py:team").exit_code == 1
    assert invoke("resume", run, "--team", "team.py:team", "--calls", "9").exit_code == 0


def test_a_journal_elsewhere_is_named_in_the_resuming_line(folder: Path) -> None:
    done = invoke("run", "tea", "--team", "approved.py:team", "--journal", "else/where.db")
    assert "--journal else/where.db" in done.stdout
    assert not (folder / ".metagpt").exists()
    assert invoke("runs", "--journal", "else/where.db").stdout.count("waiting") == 1


def test_a_changed_team_is_refused_before_anything_runs(folder: Path) -> None:
    invoke("run", "tea", "--team", "approved.py:team")
    run = runs()[0]["run_id"]
    (pending,) = shown(run)["pending"]
    (folder / "approved.py").write_text(APPROVED.replace("class Draft", "class Sketch").replace("Draft", "Sketch"))
    done = invoke("resume", run, "--team", "approved.py:team", "--answer", f"{pending}=approve")
    assert done.exit_code == 2
    assert shown(run)["status"] == "waiting"
