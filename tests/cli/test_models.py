"""Which model answers which role."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from metagpt import Goal, Message, Role, Team, on
from metagpt.cli.models import choose_models
from metagpt.models.interface import Price
from metagpt.settings import ModelSettings, PriceSettings, Settings
from metagpt.testing import FunctionModel
from tests.cli.projects import invoke, run_program
from tests.models.fault_server import FaultServer


class Part(Message):
    text: str


class Whole(Message):
    text: str


class First(Role):
    """The first."""

    @on(Goal)
    async def begin(self, goal: Goal) -> Part:
        raise AssertionError("never run here")


class Second(Role):
    """The second."""

    @on(Part)
    async def finish(self, part: Part) -> Whole:
        raise AssertionError("never run here")


def team(**keywords: Any) -> Team[Goal, Whole]:
    return Team([First(), Second()], final=Whole, **keywords)


def toml(**references: str) -> Settings:
    return Settings(models={name: ModelSettings(ref=reference) for name, reference in references.items()}, file=Path("metagpt.toml"))


KEY = {"OPENAI_API_KEY": "sk-of-nobody-at-all"}


@pytest.mark.parametrize(
    ("settings", "flags", "environ", "line"),
    [
        (toml(), {}, KEY, "model openai:gpt-5-mini (OPENAI_API_KEY is set; choose with --model)"),
        (toml(default="openai:a"), {}, KEY, "model openai:a (metagpt.toml)"),
        (toml(default="openai:a"), {"model": "openai:b"}, KEY, "model openai:b (--model)"),
        (toml(default="openai:a", second="openai:c"), {}, {}, "model openai:a (metagpt.toml); second: openai:c (metagpt.toml)"),
        (toml(second="openai:c", third="openai:d"), {"model": "openai:b"}, {}, "model openai:b (--model)"),
        (
            toml(default="openai:a", second="openai:c"), {"role_models": {"second": "openai:d"}}, {},
            "model openai:a (metagpt.toml); second: openai:d (--role-model)",
        ),
    ],
)  # fmt: skip
def test_flags_come_before_settings_and_settings_before_the_environment(
    settings: Settings, flags: Mapping[str, Any], environ: Mapping[str, str], line: str
) -> None:
    assert choose_models(team(), settings, environ=environ, **flags).line == line


def test_a_team_with_its_own_model_keeps_it_unless_a_flag_says_otherwise() -> None:
    own = FunctionModel(lambda request: "x")
    kept = choose_models(team(model=own), toml(default="openai:a"), environ=KEY)
    assert (kept.team, kept.line) == (None, "model function (the team's own)"), "None leaves what the team has"
    named = choose_models(team(model=own), toml(), model="openai:b", environ={})
    assert named.references == ("openai:b",)
    assert choose_models(team(models={"first": own, "second": own}), toml(), environ={}).team is None


def test_roles_that_share_a_reference_share_one_model() -> None:
    choice = choose_models(team(), toml(first="openai:a", second="openai:a"), environ={})
    assert choice.roles["first"] is choice.roles["second"]
    assert len(choice.opened) == 1


def test_prices_of_the_settings_reach_the_model() -> None:
    settings = Settings(
        models={"default": ModelSettings(ref="openai:my-model@http://127.0.0.1:9/v1")},
        prices={"my-model": PriceSettings(input=0.1, output=0.4)},
    )
    choice = choose_models(team(), settings, environ={})
    assert choice.team is not None
    assert choice.team.profile.price == Price(input=0.1, output=0.4)


def test_without_the_local_extra_the_run_ends_with_2_and_the_install_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("metagpt.models.local.extras.find_spec", lambda name: None)
    done = invoke("run", "count the vowels")
    assert done.exit_code == 2
    assert 'pip install "metagpt[local]"' in done.stderr
    assert "OPENAI_API_KEY" in done.stderr


def software_reply(request: dict[str, Any]) -> str:
    prompt = request["messages"][-1]["content"]
    if "Turn this goal into a specification" in prompt:
        answer = {"in_scope": True, "summary": "count vowels", "signature": "count_vowels(text: str) -> int", "examples": [["Hello", 2]]}
    elif "Write tests" in prompt:
        answer = {"inputs": ["Hello", "", "xyz"], "properties": [], "cases": [["Hello", 2], ["", 0], ["xyz", 0]], "source": ""}
    else:
        return 'def count_vowels(text: str) -> int:\n    return sum(letter in "aeiou" for letter in text.lower())\n'
    if "response_format" in request and "answer" in request["response_format"]["json_schema"]["schema"]["properties"]:
        return json.dumps({"answer": answer})
    return json.dumps(answer)


def test_the_software_team_leaves_a_program_with_tests_and_a_whole_record(tmp_path: Path) -> None:
    with FaultServer(reply=software_reply) as server:
        status, out, err = run_program(
            "run", 'count the vowels of a text, "Hello" has 2', "--model", f"openai:x@{server.url}", "--out", "vowels", cwd=tmp_path
        )
    assert (status, err) == (0, ""), out
    record = json.loads((tmp_path / "vowels" / "run.json").read_text())
    assert {"goal", "run_id", "status", "models", "usage", "verdict", "entry"} <= set(record)
    assert record["verdict"]["passed"] is True
    assert record["entry"]["function"] == "count_vowels"
    assert (tmp_path / "vowels" / record["entry"]["file"]).is_file()
    assert (tmp_path / "vowels" / "README.md").is_file()
    assert list((tmp_path / "vowels" / "tests").glob("test_*.py"))
    assert "files: ./vowels" in out


def test_a_run_of_an_installed_team_is_resumed_by_its_id_alone(tmp_path: Path) -> None:
    with FaultServer(reply=software_reply) as server:
        command = (
            "run",
            'count the vowels of a text, "Hello" has 2',
            "--model",
            f"openai:x@{server.url}",
            "--out",
            "vowels",
            "--calls",
            "2",
        )
        status, out, _ = run_program(*command, cwd=tmp_path)
        assert status == 1
        line = next(line for line in out.splitlines() if "metagpt resume " in line)
        status, out, _ = run_program("resume", line.split()[-1], "--calls", "20", cwd=tmp_path)
        assert status == 0, out
        specified = [seen for seen in server.requests if "Turn this goal" in str(seen.body["messages"])]
    assert len(specified) == 1, "what was answered before is not asked again"
    record = json.loads((tmp_path / "vowels" / "run.json").read_text())
    assert (record["run_id"], record["status"]) == (line.split()[-1], "done")
