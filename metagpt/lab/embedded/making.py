"""The embedded model from nothing in one go: both trainings, the folder to ship, and the weights of the signs fitted to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metagpt.lab.embedded.export import export
from metagpt.lab.embedded.weights_of_signs import SETS, fit, gather
from metagpt.lab.jobs import Recipe, read_recipe, run_recipe
from metagpt.models.local.sign_weights import SIGNS_FILE, write_sign_weights

__all__ = ["READER", "RETELLER", "make"]

READER, RETELLER = (Path(__file__).with_name(name) for name in ("recipe.toml", "retelling.toml"))
_GOALS = 60
"""Of each generated set that the signs are fitted to."""


def make(out: Path, *, changed: Mapping[str, Any], sets: tuple[str, ...] = SETS, goals: int = _GOALS) -> Path:  # Any: TOML values
    """Train both models and return the folder that holds them; called again after it was cut, it goes on where it was.

    Args:
        out: Gets the run folders `reader` and `retelling`, and `model`.
        changed: Settings of both recipes that are to be other than there.
        sets: The sets of goals that the signs are fitted to.
        goals: How many of each set that is generated.

    Raises:
        ConfigError: a setting that cannot be, or a folder that is no run.
        LabError: a loss that is no number, or a full disk.
    """
    model = out / "model"
    reader = _trained(read_recipe(READER).overridden(changed), out / "reader")
    if not (model / "README.md").is_file():  # the last thing that is written there
        export(reader, model)
    retelling = _trained(read_recipe(RETELLER).overridden({**changed, "base": str(model)}), out / "retelling")
    if not (model / SIGNS_FILE).is_file():
        export(reader, model, retelling=retelling)
        write_sign_weights(model, fit(list(gather(model, count=goals, seed=21, sets=sets))))
    return model


def _trained(recipe: Recipe, folder: Path) -> Path:
    """The folder of the run, done."""
    if not (folder / "results.json").is_file():
        has_begun = (folder / "recipe.json").is_file()
        run_recipe(recipe, out=None if has_begun else folder, resume=folder if has_begun else None)
    return folder
