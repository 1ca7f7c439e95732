"""`metagpt run`: what it prints, leaves and returns."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.cli.projects import APPROVED, PITCHERS, WRITING, invoke, run_program, runs, write


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path, team=PITCHERS, writing=WRITING, approved=APPROVED)
    return tmp_path


def test_a_run_that_succeeds_ends_with_0_and_its_output() -> None:
    done = invoke("run", "a teapot", "--team", "team.py:team")
    assert done.exit_code == 0
    first, *lines = done.stdout.splitlines()
    assert first.startswith("model function (the team's own); team pitchers, run ")
    assert "  approved: true" in lines
    assert any(line.startswith("success: run ") for line in lines)


def test_a_run_whose_verdict_is_no_ends_with_1() -> None:
    done = invoke("run", "a teapot", "--team", "team.py:never")
    assert done.exit_code == 1
    assert "ended without success" in done.stdout


def test_what_the_embedded_model_cannot_do_comes_with_two_ways_out() -> None:
    done = invoke("run", "a teapot", "--team", "team.py:small")
    assert done.exit_code == 1
    assert "export OPENAI_API_KEY=" in done.stdout
    assert "--model openai:NAME@URL" in done.stdout
    assert "export OPENAI_API_KEY=" not in invoke("run", "a teapot", "--team", "team.py:never").stdout


def test_a_handler_that_fails_ends_with_1_and_without_a_traceback() -> None:
    done = invoke("run", "a teapot", "--team", "team.py:broken")
    assert done.exit_code == 1
    assert "error: writer.pitch: " in done.stdout
    assert "to try again from there: metagpt resume" in done.stdout
    assert "Traceback" not in done.output


def test_an_exceeded_budget_ends_with_1() -> None:
    done = invoke("run", "a teapot", "--team", "team.py:team", "--calls", "1")
    assert done.exit_code == 1
    assert "budget of 1 calls is used up" in done.stdout


def test_piped_output_is_plain_lines_that_no_model_can_colour() -> None:
    status, out, err = run_program("run", "a teapot", "--team", "team.py:team", cwd=Path.cwd())
    assert (status, err) == (0, "")
    assert "\x1b" not in out
    assert "writer -> Pitch: a pot of \N{REPLACEMENT CHARACTER}[31mtea" in out
    assert "critic.review answered in " in out


def test_json_lines_are_events_and_the_last_is_run_ended() -> None:
    status, out, err = run_program("run", "a teapot", "--team", "team.py:team", "--json", cwd=Path.cwd())
    assert status == 0
    events = [json.loads(line) for line in out.splitlines()]
    assert [event["event"] for event in events[:3]] == ["run_started", "message_published", "handler_started"]
    last = events[-1]
    assert last["event"] == "run_ended"
    assert (last["status"], last["success"], last["workspace"]) == ("done", True, None)
    assert last["output"] == {"approved": True, "notes": "say more"}
    assert last["usage"]["calls"] == 4
    assert err.startswith("model function (the team's own)")


def test_json_lines_of_a_run_that_failed_end_with_its_error() -> None:
    done = invoke("run", "a teapot", "--team", "team.py:broken", "--json")
    assert done.exit_code == 1
    last = json.loads(done.stdout.splitlines()[-1])
    assert (last["event"], last["status"], last["error_type"]) == ("run_ended", "failed", "HandlerFailedError")


def test_the_journal_is_for_its_owner_alone(folder: Path) -> None:
    invoke("run", "a teapot", "--team", "team.py:team")
    assert stat.S_IMODE((folder / ".metagpt").stat().st_mode) == 0o700
    for file in (".metagpt/journal.db", f".metagpt/journal.db.runs/{runs()[0]['run_id']}.json"):
        assert stat.S_IMODE((folder / file).stat().st_mode) == 0o600


def test_products_go_into_a_folder_named_after_the_goal_and_the_record_is_completed(folder: Path) -> None:
    done = invoke("run", "Count the vowels, please!", "--team", "writing.py:team")
    assert done.exit_code == 0
    assert "files: ./count-the-vowels-please" in done.stdout
    record = json.loads((folder / "count-the-vowels-please" / "run.json").read_text())
    assert list(record) == ["goal", "run_id", "status", "models", "usage", "verdict", "entry"]
    assert record["run_id"] == runs()[0]["run_id"]
    assert (record["status"], record["models"], record["usage"]["calls"]) == ("done", ["function"], 1)


def test_a_folder_with_files_in_it_is_never_written_to(folder: Path) -> None:
    (folder / "tea").mkdir()
    (folder / "tea" / "mine.txt").write_text("mine")
    done = invoke("run", "tea", "--team", "writing.py:team")
    assert done.exit_code == 2
    assert "--out DIR" in done.stderr
    assert sorted(os.listdir(folder / "tea")) == ["mine.txt"]
    assert runs() == []


def test_out_names_the_folder(folder: Path) -> None:
    assert invoke("run", "tea", "--team", "writing.py:team", "--out", "deep/down").exit_code == 0
    assert (folder / "deep" / "down" / "main.py").is_file()


def test_the_sandbox_is_handed_to_teams_that_take_one() -> None:
    done = invoke("run", "tea", "--team", "writing.py:team", "--sandbox", "process")
    assert "team scribes-process," in done.stdout
    refused = invoke("run", "tea", "--team", "team.py:team", "--sandbox", "process")
    assert refused.exit_code == 2
    assert "--sandbox" in refused.stderr


def test_a_run_that_needs_a_person_waits_with_3_and_is_resumed_with_the_answer() -> None:
    waiting = invoke("run", "tea", "--team", "approved.py:team")
    assert waiting.exit_code == 3
    line = next(line for line in waiting.stdout.splitlines() if line.startswith("answer with"))
    words = line.partition("metagpt ")[2].split()
    assert "approved.py:team" in words
    done = invoke(*words)
    assert done.exit_code == 0
    assert "  text: about tea" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--team", "nothing"], "Known: 'debate', 'research', 'software', 'support'"),
        (["--team", "nothing.py:team"], "found no file 'nothing.py'"),
        (["--team", "team.py:teem"], "Did you mean 'team'?"),
        (["--team", "team.py:number"], "found int"),
        (["--team", "team.toml"], "team.toml: No such file or directory; expected a readable file"),
        (["--team", "failing.py:team"], "line 2: ZeroDivisionError"),
        (["--team", "team.py:team", "--model", "opnai:x"], "Did you mean 'openai'?"),
        (["--team", "team.py:team", "--role-model", "wirter=embedded"], "Did you mean 'writer'?"),
        (["--team", "team.py:team", "--role-model", "writer"], "expected ROLE=REF"),
        (["--team", "team.py:team", "--usd", "0"], "expected more than 0"),
    ],
)
def test_a_wrong_command_ends_with_2_and_says_what_to_do(folder: Path, arguments: list[str], said: str) -> None:
    (folder / "failing.py").write_text("\n1 / 0\n")
    done = invoke("run", "tea", *arguments)
    assert done.exit_code == 2
    assert done.stderr.startswith("error: ")
    assert said in done.stderr
    assert "Traceback" not in done.output
    assert not (folder / ".metagpt").exists()


def test_an_unknown_flag_and_an_empty_goal_end_with_2() -> None:
    assert invoke("run", "tea", "--tem", "x").exit_code == 2
    assert invoke("run", " ", "--team", "team.py:team").exit_code == 2


def test_settings_of_the_folder_above_bound_the_run_and_flags_override_them(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "metagpt.toml").write_text("[budget]\ncalls = 1\n")
    below = folder / "below"
    below.mkdir()
    monkeypatch.chdir(below)
    assert invoke("run", "tea", "--team", "../team.py:team").exit_code == 1
    assert invoke("run", "tea", "--team", "../team.py:team", "--calls", "9").exit_code == 0
    monkeypatch.setenv("METAGPT_BUDGET_CALLS", "9")
    assert invoke("run", "tea", "--team", "../team.py:team").exit_code == 0


def test_wrong_settings_end_with_2_and_name_the_file(folder: Path) -> None:
    (folder / "metagpt.toml").write_text("[budget]\nusdd = 1\n")
    done = invoke("run", "tea", "--team", "team.py:team")
    assert done.exit_code == 2
    assert "metagpt.toml: [budget]: found key 'usdd'" in done.stderr
    assert "Did you mean 'usd'?" in done.stderr


def test_help_comes_with_0_and_names_every_command() -> None:
    done = invoke("--help")
    assert done.exit_code == 0
    for command in ("run", "resume", "runs", "show", "check", "graph", "new", "doctor"):
        assert f"\n│ {command} " in done.stdout
        assert invoke(command, "--help").exit_code == 0
