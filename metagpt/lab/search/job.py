"""The job "search": trials of another recipe until the best settings are known, written as a recipe."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from metagpt.lab.jobs import RunFolder
from metagpt.lab.progress import progress_bar
from metagpt.lab.search.charts import draw_history, draw_importances, importances_of
from metagpt.lab.search.settings import SearchSettings
from metagpt.lab.search.study import finished, open_study, quiet, requeue_cut, sampler_of
from metagpt.lab.search.toml import recipe_text
from metagpt.lab.search.trials import check_any, run_trial

if TYPE_CHECKING:
    import optuna

__all__ = ["Settings", "run"]

Settings = SearchSettings


def run(settings: SearchSettings, folder: RunFolder) -> Mapping[str, Any]:
    """Run the trials that are left, then write best.toml, the charts and the table of all.

    Returns:
        The best value and its settings, the counts of trials, and what share of the variance each setting explains.

    Raises:
        LabError: no trial came to a result.
        ConfigError: the job has no such result.
    """
    with quiet():
        study = open_study(settings, folder.path)
        requeue_cut(study)
        _run_trials(study, settings, folder)
        trials = finished(study)
        check_any(trials)
        return _conclude(study, trials, settings, folder)


def _run_trials(study: optuna.Study, settings: SearchSettings, folder: RunFolder) -> None:
    total = settings.trials
    if settings.sampler == "grid":
        total = min(total, len(settings.combinations() or []))
    started = time.monotonic()
    with progress_bar(total, "search", done=len(finished(study)), unit="trial") as bar:
        while (done := len(finished(study))) < total:
            if settings.max_s is not None and done and time.monotonic() - started > settings.max_s:
                break
            study.sampler = sampler_of(settings, done)
            folder.log(**run_trial(study, settings, folder))
            bar.update()


def _conclude(study: optuna.Study, trials: list[Any], settings: SearchSettings, folder: RunFolder) -> Mapping[str, Any]:
    best = study.best_trial
    importances = importances_of(study, settings)
    folder.write_text("best.toml", recipe_text(settings.inner(best.params)))
    folder.write_json("trials.json", [_row(trial) for trial in trials])
    draw_history(trials, settings, folder.path / "history.png")
    if importances:
        draw_importances(importances, folder.path / "importances.png")
    states = [trial.state.name for trial in trials]
    return {
        "best_value": float(best.value),  # type: ignore[arg-type]  # a best trial has one
        "best": best.params,
        "best_trial": f"trials/{best.user_attrs['folder']}",
        "trials": len(trials),
        "pruned": states.count("PRUNED"),
        "failed": states.count("FAIL"),
        "importances": importances,
        "recipe": str(folder.path / "best.toml"),
    }


def _row(trial: Any) -> dict[str, Any]:  # Any: Optuna's frozen trials, JSON values
    return {
        "folder": f"trials/{trial.user_attrs['folder']}",
        "settings": trial.params,
        "state": trial.state.name.lower(),
        "value": trial.value if trial.state.name == "COMPLETE" else None,
        "error": trial.user_attrs.get("error"),
        "reported": {str(step): value for step, value in trial.intermediate_values.items()},
    }
