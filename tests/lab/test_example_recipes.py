"""Every kind of job has a recipe in examples/recipes that its settings take."""

from __future__ import annotations

from pathlib import Path

import pytest

from metagpt.lab.jobs import JOB_KINDS, read_recipe

RECIPES = Path(__file__).resolve().parents[2] / "examples" / "recipes"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with the files whose place is checked before a run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shakespeare.txt").write_text("To be, or not to be.")
    return tmp_path


def test_every_kind_has_a_recipe_and_every_recipe_a_kind() -> None:
    assert sorted(path.name for path in RECIPES.iterdir()) == sorted(f"{kind}.toml" for kind in JOB_KINDS)


@pytest.mark.parametrize("kind", JOB_KINDS)
def test_a_recipe_fits_the_settings_of_its_kind(kind: str, folder: Path) -> None:
    recipe = read_recipe(RECIPES / f"{kind}.toml")
    assert recipe.kind == kind
    settings = recipe.settings()
    assert set(recipe.values) <= settings.model_fields_set
    assert (RECIPES / f"{kind}.toml").read_text().startswith("# "), "a line that says what it is for"
    assert [path.name for path in folder.iterdir()] == ["shakespeare.txt"], "nothing is made by checking"
