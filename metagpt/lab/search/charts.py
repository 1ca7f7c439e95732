"""The charts of a search: how the best came about, and which settings mattered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.lab.pictures import new_picture, save_picture
from metagpt.lab.search.settings import SearchSettings

if TYPE_CHECKING:
    import optuna

__all__ = ["draw_history", "draw_importances", "importances_of"]

_BLUE = "#4477aa"


def importances_of(study: optuna.Study, settings: SearchSettings) -> dict[str, float]:
    """The share of the result's variance that each setting explains; empty where the trials do not differ.

    Source: Hutter, Hoos and Leyton-Brown 2014, ICML (fANOVA), as Optuna computes it.
    """
    import optuna

    done = study.get_trials(states=(optuna.trial.TrialState.COMPLETE,))
    if len({trial.value for trial in done}) < 2:
        return {}
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=settings.seed)
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in found.items()}


def draw_history(trials: list[Any], settings: SearchSettings, picture: Path) -> None:
    """The value of every trial, and the best so far."""
    figure, axes = new_picture()
    done = [(trial.number, trial.value) for trial in trials if trial.state.name == "COMPLETE"]
    ended = [trial.number for trial in trials if trial.state.name != "COMPLETE"]
    better = max if settings.direction == "maximize" else min
    best: list[float] = []
    for _, value in done:
        best.append(better(value, best[-1]) if best else value)
    axes.plot([number for number, _ in done], [value for _, value in done], "o", color=_BLUE, markersize=4, label="trial")
    axes.step([number for number, _ in done], best, where="post", color="#cc6677", label="best so far")
    for number in ended:
        axes.axvline(number, color="#bbbbbb", linewidth=0.8, zorder=0)
    axes.set(xlabel="trial (grey: pruned or failed)", ylabel=settings.result)
    axes.legend()
    save_picture(figure, picture)


def draw_importances(importances: Mapping[str, float], picture: Path) -> None:
    """A bar for each setting."""
    figure, axes = new_picture(6.4, 0.9 + 0.35 * len(importances))
    axes.barh(list(importances), list(importances.values()), color=_BLUE)
    axes.set(xlabel="share of the variance explained", xlim=(0, 1))
    axes.invert_yaxis()
    save_picture(figure, picture)
