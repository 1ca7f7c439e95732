"""A search as a call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metagpt.lab.jobs import Recipe, read_recipe, run_recipe

__all__ = ["SearchResult", "search_hyperparameters"]


@dataclass(frozen=True)
class SearchResult:
    """What a search found."""

    folder: Path
    """Study, trials, charts, best.toml."""
    results: Mapping[str, Any]

    @property
    def best_value(self) -> float:
        """Of the result that decided."""
        return float(self.results["best_value"])

    @property
    def best(self) -> dict[str, Any]:
        """The varied settings of the best trial."""
        return dict(self.results["best"])

    @property
    def recipe(self) -> Recipe:
        """The best settings as a recipe, to be run."""
        return read_recipe(self.folder / "best.toml")


def search_hyperparameters(
    recipe: Recipe | Path | str | None = None,
    vary: Mapping[str, Any] | None = None,
    *,
    result: str | None = None,
    out: Path | None = None,
    resume: Path | None = None,
    **settings: Any,
) -> SearchResult:
    """Search settings of a job of any kind, or go on with a search that was cut.

    Args:
        recipe: What to vary: a recipe, or its TOML file.
        vary: For each setting a table with `low` and `high` (and `log` or `step`), or a list of values.
        result: The name of the result to make best.
        out: The run's new folder; one below `.metagpt/lab` if left out.
        resume: The folder of a search that was cut; it goes on with its own settings and the trials that it has.
        settings: Further fields of `SearchSettings`.

    Raises:
        ConfigError: a setting that does not fit, before anything is made.
        LabError: no trial came to a result.
    """
    given = {"job": recipe.kind, **recipe.values} if isinstance(recipe, Recipe) else recipe
    named = {"recipe": str(given) if isinstance(given, Path) else given, "vary": vary, "result": result}
    values = {**{name: value for name, value in named.items() if value is not None}, **settings}
    folder, results = run_recipe(Recipe(kind="search", values=values, source="search"), out=out, resume=resume)
    return SearchResult(folder.path, results)
