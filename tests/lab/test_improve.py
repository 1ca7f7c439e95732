"""From a journal of runs to a better role: trained, compared on held-out tasks, promoted or refused, taken back."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

from metagpt import ModelHub, SqliteJournal, Team  # noqa: E402
from metagpt.cli.app import app  # noqa: E402
from metagpt.cli.in_service import put_in_service  # noqa: E402
from metagpt.errors import HubError, LabError  # noqa: E402
from metagpt.hub.data import TextData  # noqa: E402
from metagpt.journal.trajectories import read_trajectories  # noqa: E402
from metagpt.lab.alignment.bases import Base  # noqa: E402
from metagpt.lab.from_runs import TRAIN, CompactPrompts, gather, is_held_out, record_models  # noqa: E402
from metagpt.lab.improvement import (  # noqa: E402
    ImproveSettings,
    exam,  # noqa: E402
    improve,
    rollback,
)
from metagpt.lab.improvement import job as improve_job  # noqa: E402
from metagpt.lab.improvement.decision import decide  # noqa: E402
from metagpt.lab.improvement.exam import Conditions, Mark  # noqa: E402
from metagpt.lab.improvement.learning import learn  # noqa: E402
from metagpt.lab.improvement.tasks import generated_tasks  # noqa: E402
from metagpt.lab.improvement.team_exam import held_out_goals, others_model, sit_in_team  # noqa: E402
from metagpt.lab.jobs import Recipe, RunFolder, run_recipe  # noqa: E402
from metagpt.settings import read_settings  # noqa: E402
from metagpt.testing import FunctionModel  # noqa: E402
from tests.lab.improving import Delivered, Engineer, record_runs  # noqa: E402
from tests.lab.software_runs import goal_text, run_once  # noqa: E402
from tests.models.tiny_model import save_tiny_model  # noqa: E402


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of runs, an untrained model, and the run that made and promoted a better one."""
    folder = tmp_path_factory.mktemp("improve")
    torch.set_num_threads(1)
    save_tiny_model(folder / "model")
    asyncio.run(record_runs(folder / "journal.db"))
    improve("engineer", out=folder / "run", **told(folder, max_steps=100))
    return folder


def told(folder: Path, **values: Any) -> dict[str, Any]:
    usual = {
        "runs": folder / "journal.db", "team": "small", "base": str(folder / "model"), "hub": folder / "hub", "device": "cpu",
        "method": "full", "batch": 8, "learning_rate": 4e-3, "sets": [], "samples": 2, "max_tokens": 40,
    }  # fmt: skip
    return usual | values


def results_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return found


def test_a_better_candidate_is_promoted(place: Path) -> None:
    results = results_of(place / "run")
    assert results["promoted"]
    assert (results["service_right"], results["candidate_right"], results["tasks"]) == (0, 8, 8)
    assert results["p"] == pytest.approx(2 / 2**8)
    hub = ModelHub(place / "hub")
    assert results["reference"] == "engineer@2"
    assert hub.card("engineer@2").metrics == {"held_out_right": 1.0, "before": 0.0}
    assert "| engineer.write_program | 8 | candidate | 100.0% (67.6% to 100.0%) | 100.0% |" in hub.card("engineer@2").text
    assert str(place) not in (hub.folder("engineer@2") / "README.md").read_text(), "a card tells nothing of the machine it was made on"


def test_rollback_restores_what_was_in_service(place: Path) -> None:
    hub = ModelHub(place / "hub")
    assert hub.aliases("engineer") == {"production": 2}
    assert rollback("engineer", hub).reference == "engineer@1"
    assert (hub.folder("engineer@1") / "model.safetensors").read_bytes() == (place / "model" / "model.safetensors").read_bytes()
    with pytest.raises(HubError, match="found no version that had the alias before"):
        rollback("engineer", hub)
    hub.tag("engineer@2", "production")
    with pytest.raises(HubError, match="found no critic@production"):
        rollback("critic", hub)


def test_a_candidate_spoiled_on_purpose_is_refused_with_the_reason(place: Path, tmp_path: Path) -> None:
    results = improve("engineer", out=tmp_path / "run", **told(place, max_steps=40, shuffle_labels=True))
    assert not results["promoted"]
    assert results["service"] == "hub:engineer@2", "compared with what is in service, not with what it was trained from"
    assert re.match(r"The candidate is no better: right on \d of 8 held-out tasks against 8 of the model in service", results["why"])
    hub = ModelHub(place / "hub")
    assert hub.aliases("engineer") == {"production": 2}
    assert [entry.version for entry in hub.versions("engineer")] == [1, 2]


async def test_lineage_leads_from_runs_over_set_and_model_to_a_run(place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub = ModelHub(place / "hub")
    monkeypatch.setenv("METAGPT_HUB", str(hub.path))
    journal = SqliteJournal(tmp_path / "journal.db")
    team = Team([Engineer()], final=Delivered, journal=journal, model="hub:engineer@production", success=lambda _: True, name="small")
    run = await team.run("minus: wish 7")
    await team.close()
    assert run.output is not None
    assert run.output.program == "def minus(x: int) -> int:\n    return -x\n", "the promoted model serves the role"
    record_models(hub, read_trajectories(journal))
    graph = hub.lineage("engineer@2")
    first = next(node for node in graph if node.startswith("run:") and node != f"run:{run.id}")
    assert {(first, "engineer.write_program@1"), ("engineer.write_program@1", "engineer@2"), ("engineer@2", f"run:{run.id}")} <= set(
        graph.edges
    )
    picture = CliRunner().invoke(app, ["hub", "lineage", "engineer", "--hub", str(hub.path)])
    assert "engineer.write_program@1" in picture.stdout


def test_a_run_that_was_cut_goes_on_without_training_or_asking_again(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "run"
    hub = tmp_path / "hub"
    values = told(place, hub=hub, candidate=str(place / "run" / "candidate"))
    asked: list[int] = []
    sit = exam.sit

    async def cut(model: Path, tasks: Any, conditions: Any, *, told: Any, start: int = 0) -> list[Mark]:
        asked.append(start)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return await sit(model, tasks, conditions, told=told, start=start)

    with monkeypatch.context() as patched:
        patched.setattr(improve_job, "sit", cut)
        with pytest.raises(KeyboardInterrupt):
            improve("engineer", out=folder, **values)
    assert "engineer" not in [entry.name for entry in ModelHub(hub).list()], "nothing is promoted before the comparison is done"
    monkeypatch.setattr(improve_job, "sit", cut)
    _, results = run_recipe(Recipe(kind=""), resume=folder)
    assert asked == [0, 0, 0], "the model in service was not asked again"
    assert (results["promoted"], results["candidate_right"]) == (True, 8)


def test_the_command_line_promotes_puts_in_service_and_takes_back(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    flags = ["--runs", str(place / "journal.db"), "--base", str(place / "model"), "--out", "run"]
    for name in ("team=small", "device=cpu", "sets=[]", "samples=1", "max_tokens=40", f"candidate={place / 'run' / 'candidate'}"):
        flags += ["--set", name]
    done = CliRunner().invoke(app, ["improve", "engineer", *flags])
    assert done.exit_code == 0, done.output
    assert "right on 8 of 8 held-out tasks against 0" in done.stdout
    assert "in service: hub:engineer@production, version engineer@2. Take it back with: metagpt rollback engineer" in done.stdout
    assert (tmp_path / "metagpt.toml").read_text() == '[models.engineer]\nref = "hub:engineer@production"\n'
    back = CliRunner().invoke(app, ["rollback", "engineer"])
    assert back.stdout == "in service: hub:engineer@production, version engineer@1\n"
    sets = CliRunner().invoke(app, ["data", "from-runs", "--runs", str(place / "journal.db"), "--role", "engineer"])
    assert sets.exit_code == 0, sets.output
    assert "engineer.write_program@1: 20 train, 8 held_out prompts with passed answers, from 28 runs." in sets.stdout


def test_settings_of_the_user_are_added_to_and_never_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "metagpt.toml"
    file.write_text('# mine\n[models.default]\nref = "embedded"\n')
    assert "the next `metagpt run` asks it" in put_in_service("engineer", tmp_path / "hub")
    assert file.read_text().startswith('# mine\n[models.default]\nref = "embedded"\n\n[models.engineer]\nref = "hub:engineer@production"\n')
    assert read_settings().models["engineer"].options == {"path": str(tmp_path / "hub")}
    before = file.read_text()
    assert "names it already" in put_in_service("engineer", None)
    file.write_text(before.replace("hub:engineer@production", "openai:gpt-5-mini"))
    assert "names openai:gpt-5-mini and was left so" in put_in_service("engineer", None)
    assert "gpt-5-mini" in file.read_text()


@pytest.mark.parametrize(
    ("better", "worse", "is_better", "words"),
    [
        (8, 0, True, "The candidate is right on 8 of 10"),
        (5, 0, False, "may be better by chance alone.*p must not be above 0.05"),
        (0, 0, False, "no better"),
        (0, 9, False, "no better"),
    ],
)
def test_the_decision_is_that_of_the_paired_test(better: int, worse: int, is_better: bool, words: str) -> None:
    candidate = [True] * better + [False] * (10 - better)
    service = [False] * (10 - worse) + [True] * worse
    decision = decide(candidate, service, level=0.05)
    assert decision.is_better is is_better
    assert re.search(words, decision.why)
    with pytest.raises(LabError, match="found 1 and 2 marks"):
        decide([True], [True, False], level=0.05)


def test_what_cannot_be_improved_is_refused_and_nothing_is_promoted(place: Path, tmp_path: Path) -> None:
    def refused(name: str, **values: Any) -> str:
        with pytest.raises(LabError) as caught:
            improve(values.pop("role", "engineer"), out=tmp_path / name, **told(place, **({"hub": tmp_path / "hub"} | values)))
        return str(caught.value)

    assert "found no journal" in refused("a", runs=tmp_path / "none.db")
    assert "found no answers of the role 'critic'" in refused("b", role="critic")
    assert "in 0 run(s) of the team 'other'" in refused("c", team="other")
    assert "found the role 'engineer' answered by scripted; expected a model of this machine" in refused("d", base=None)
    assert "found the set 'tset'; expected some of" in refused("e", exam="team", sets=["tset"])
    assert [entry.name for entry in ModelHub(tmp_path / "hub").list("model") if entry.name == "engineer"] == []


def test_generated_tasks_are_the_same_for_the_same_seed_and_none_is_trained_on() -> None:
    calls = ["engineer.write_program", "engineer.repair", "evaluator.write_tests"]
    tasks = list(generated_tasks("held_compositions", calls, count=6, seed=3))
    assert tasks == list(generated_tasks("held_compositions", calls, count=6, seed=3))
    assert tasks != list(generated_tasks("held_compositions", calls, count=6, seed=4))
    assert [task.call for task in tasks] == ["engineer.repair", "engineer.write_program"] * 3
    assert all(len(task.tests) >= 6 and task.function for task in tasks)
    assert all(task.context["failure"].startswith(f"{task.function}(") for task in tasks[::2])
    assert list(generated_tasks("seen", ["product_manager.specify"], count=6, seed=3)) == []


@pytest.fixture(scope="module")
def repaired(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, TextData], Base]:
    """What two runs teach whose first program was mended, and a model to start from."""
    folder = tmp_path_factory.mktemp("repaired")
    journal = SqliteJournal(folder / "journal.db")
    for number in [n for n in range(2, 20) if not is_held_out(goal_text(n))][:2]:
        asyncio.run(run_once(journal, number, wrong_first=True))
    found = gather(read_trajectories(journal), CompactPrompts(), role="engineer")
    lessons = {f"{call}{ending}": parts[TRAIN] for call, data in found.items() for ending, parts in data.sets.items()}
    return lessons, Base("model", save_tiny_model(folder / "model"))


@pytest.mark.parametrize("method", ["dpo", "grpo", "lora"])
def test_every_method_learns_from_runs(tmp_path: Path, repaired: tuple[dict[str, TextData], Base], method: str) -> None:
    lessons, base = repaired
    values = {"role": "engineer", "method": method, "max_steps": 1, "batch": 2, "generations": 2, "max_tokens": 8, "device": "cpu"}
    folder = RunFolder.create("improve", {"job": "improve"}, path=tmp_path / "run")
    model, figures = learn(base, lessons, ImproveSettings.model_validate(values), folder)
    assert figures["steps"] == 1.0
    assert hasattr(model, "merge_and_unload") is (method == "lora")


def test_drawn_answers_that_pass_their_tests_are_learned_from(place: Path, tmp_path: Path) -> None:
    from metagpt.lab.improvement.learning import _explored

    found = gather(read_trajectories(SqliteJournal(place / "journal.db")), CompactPrompts(), role="engineer")
    lessons = {"engineer.write_program": found["engineer.write_program"].examples[TRAIN][:4]}
    settings = ImproveSettings.model_validate({"role": "engineer", "explore": 2, "max_tokens": 40, "device": "cpu"})
    trained = asyncio.run(_explored(Base("c", place / "run" / "candidate"), lessons, settings))
    assert trained == [(row.text, row.fields["answer"]) for row in lessons["engineer.write_program"]]
    assert asyncio.run(_explored(Base("m", place / "model"), {}, settings)) == []


async def test_a_team_is_compared_by_whole_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    await run_once(journal, 2)
    runs = list(read_trajectories(journal))
    goals = held_out_goals(runs, ["seen"], count=2, seed=1)
    assert [bool(goal.tests) for goal in goals][-2:] == [True, True]
    assert others_model(runs, "engineer") == "scripted"

    opened = []

    def open_scripted(reference: str, settings: Any = None) -> FunctionModel:
        opened.append((reference, dict(settings)))
        return FunctionModel(lambda request: {"in_scope": False, "summary": "", "signature": "", "examples": []})

    monkeypatch.setattr("metagpt.lab.improvement.team_exam.open_model", open_scripted)
    marks: dict[int, Mark] = {}
    await sit_in_team(
        tmp_path, "engineer", goals, Conditions(seed=5), team="software", others="embedded", told=marks.__setitem__, start=len(goals) - 1
    )
    assert marks == {len(goals) - 1: Mark(first=False, right=0)}
    assert opened == [(f"local:{tmp_path}", {"seed": 5}), ("embedded", {"seed": 5})]
