"""Recipes, run folders and the commands of the lab."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from metagpt.cli.lab import _add_kind, lab
from metagpt.errors import ConfigError
from metagpt.lab.jobs import JOB_KINDS, Recipe, RunFolder, load_job, read_recipe, run_recipe


@pytest.fixture(autouse=True)
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setitem(JOB_KINDS, "count", ("counting_job", "Count."))  # type: ignore[arg-type]  # a dict behind a read-only type
    monkeypatch.delitem(sys.modules, "counting_job", raising=False)


def recipe_file(folder: Path, text: str) -> Path:
    file = folder / "recipe.toml"
    file.write_text(text)
    return file


def test_a_recipe_leaves_recipe_environment_log_and_results(tmp_path: Path) -> None:
    folder, results = run_recipe(read_recipe(recipe_file(tmp_path, 'job = "count"\nsteps = 3\n')), out=tmp_path / "run")
    assert results == {"counted": 3, "seed": 7}
    assert json.loads((folder.path / "results.json").read_text()) == results
    assert folder.recipe == {"job": "count", "seed": 7, "device": "auto", "memory_gb": None, "steps": 3, "cut_at": None}
    assert [line["step"] for line in folder.logged()] == [0, 1, 2]
    assert "python" in json.loads((folder.path / "environment.json").read_text())


def test_a_run_that_was_cut_goes_on_where_it_stood(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run_recipe(Recipe(kind="count", values={"steps": 4, "cut_at": 2}), out=out)
    folder, results = run_recipe(Recipe(kind=""), resume=out)
    assert results["counted"] == 4
    assert [line["step"] for line in folder.logged()] == [0, 1, 2, 3]
    with pytest.raises(ConfigError, match="its run is done"):
        run_recipe(Recipe(kind=""), resume=out)


def test_a_folder_that_holds_something_is_never_written_to(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(ConfigError, match="expected a new folder"):
        run_recipe(Recipe(kind="count", values={"steps": 1}), out=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('job = "cont"\n', r"found 'cont'.*Did you mean 'count'\?"),
        ("steps = 3\n", "expected the kind of job"),
        ('job = "count"\n', "found no 'steps'"),
        ('job = "count"\nstep = 3\nsteps = 1\n', r"found the setting 'step'.*Did you mean 'steps'\?"),
        ('job = "count"\nsteps = "many"\n', "steps: found 'many'"),
        ('job = "count"\nsteps = 0\n', "greater than or equal to 1"),
        ("job = \n", "expected TOML"),
    ],
)
def test_a_bad_recipe_is_refused_before_anything_is_made(tmp_path: Path, text: str, told: str) -> None:
    file = recipe_file(tmp_path, text)
    with pytest.raises(ConfigError, match=told):
        run_recipe(read_recipe(file), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_log_line_cut_short_by_a_kill_is_left_out(tmp_path: Path) -> None:
    folder = RunFolder.create("count", {"job": "count"}, path=tmp_path / "run")
    folder.log(step=0)
    with (folder.path / "log.jsonl").open("a") as file:
        file.write('{"step": 1, "lo')
    assert list(folder.logged()) == [{"step": 0}]


def test_a_kind_is_a_command_with_its_settings_as_flags(tmp_path: Path) -> None:
    _add_kind("count", "Count.")
    out = tmp_path / "run"
    done = CliRunner().invoke(lab, ["count", "--steps", "2", "--seed=9", "--out", str(out), "--json"])
    assert json.loads(done.stdout) == {"folder": str(out), "results": {"counted": 2, "seed": 9}}
    assert "--steps" in CliRunner().invoke(lab, ["count", "--settings"]).stdout


def test_a_setting_of_a_recipe_is_changed_by_a_flag(tmp_path: Path) -> None:
    file = recipe_file(tmp_path, 'job = "count"\nsteps = 2\n')
    done = CliRunner().invoke(lab, ["run", str(file), "--set", "steps=5", "--seed", "1", "--out", str(tmp_path / "run"), "--json"])
    assert json.loads(done.stdout)["results"] == {"counted": 5, "seed": 1}


def test_every_kind_that_is_listed_is_there() -> None:
    for kind in JOB_KINDS:
        assert issubclass(load_job(kind).Settings, object)
        assert callable(load_job(kind).run)
