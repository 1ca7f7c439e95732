"""One trial: the recipe with its settings, run in a folder of its own, whose log is watched."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from metagpt.errors import ConfigError, LabError, MetaGPTError
from metagpt.lab.jobs import RunFolder, load_job
from metagpt.lab.search.settings import SearchSettings
from metagpt.lab.search.study import FOLDER, suggest

if TYPE_CHECKING:
    import optuna

__all__ = ["check_any", "run_trial"]


@dataclass(frozen=True)
class _WatchedFolder(RunFolder):
    """A run folder that shows each line of its log to the search."""

    watch: Callable[[Mapping[str, Any]], None]

    def log(self, **values: Any) -> None:  # Any: JSON values
        """Append a line, and end the job if it shows no promise."""
        super().log(**values)
        self.watch(values)


class _Watch:
    """Reports what a job logs to the pruner, each step once."""

    def __init__(self, trial: optuna.Trial, settings: SearchSettings) -> None:
        self._trial = trial
        self._name = settings.prune_on
        self._sign = -1.0 if (settings.prune_direction or settings.direction) != settings.direction else 1.0
        self._steps: set[int] = set()

    def __call__(self, values: Mapping[str, Any]) -> None:
        import optuna

        if self.report(values) and self._trial.should_prune():
            raise optuna.TrialPruned

    def report(self, values: Mapping[str, Any]) -> bool:
        """Whether the line held the value, at a step that was not reported before."""
        value = values.get(self._name or "")
        step = values.get("step", len(self._steps))
        if not isinstance(value, int | float) or not isinstance(step, int) or step in self._steps:
            return False
        self._steps.add(step)
        self._trial.report(self._sign * value, step)
        return True


def run_trial(study: optuna.Study, settings: SearchSettings, folder: RunFolder) -> dict[str, Any]:
    """Ask for the next settings, run the job with them, and tell the study what came of it.

    Returns:
        A line for the log: the trial's number, folder, settings, state, and value or error.

    Raises:
        ConfigError: the job has no such result.
    """
    import optuna
    from optuna.trial import TrialState

    trial = study.ask()
    name = trial.user_attrs.get(FOLDER, f"{trial.number:04}")
    trial.set_user_attr(FOLDER, name)
    values = suggest(trial, settings.vary)
    line = {"trial": trial.number, "folder": f"trials/{name}", "settings": values}
    try:
        results = _results(trial, values, settings, folder, name)
    except optuna.TrialPruned:
        study.tell(trial, state=TrialState.PRUNED)
        return {**line, "state": "pruned"}
    except MetaGPTError as error:
        return {**line, **_fail(study, trial, str(error))}
    value = _number(results, settings.result)
    if not math.isfinite(value):
        return {**line, **_fail(study, trial, f"found {settings.result} = {value}; expected a finite number.")}
    study.tell(trial, value)
    return {**line, "state": "done", "value": value}


def _fail(study: optuna.Study, trial: optuna.Trial, error: str) -> dict[str, Any]:
    from optuna.trial import TrialState

    trial.set_user_attr("error", error)
    study.tell(trial, state=TrialState.FAIL)
    return {"state": "failed", "error": error}


def _results(trial: optuna.Trial, values: dict[str, Any], settings: SearchSettings, folder: RunFolder, name: str) -> dict[str, Any]:
    where = folder.path / "trials" / name
    done = where / "results.json"
    if done.is_file():  # the search was cut before it could note them
        found: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
        return found
    recipe = settings.inner(values)
    inner = recipe.settings().model_copy(update={"device": settings.device})
    if where.exists() and not (where / "recipe.json").is_file():
        shutil.rmtree(where)
    own = (
        RunFolder(where)
        if where.exists()
        else RunFolder.create(recipe.kind, {"job": recipe.kind, **inner.model_dump(mode="json")}, path=where)
    )
    if settings.prune_on is not None:
        watch = _Watch(trial, settings)
        for before in own.logged():
            watch.report(before)
        own = _WatchedFolder(where, watch)
    results = dict(load_job(recipe.kind).run(inner, own))
    own.write_json("results.json", results)
    return results


def _number(results: Mapping[str, Any], name: str) -> float:
    """The result of that name; `a.b` is b of a, where there is no result `a.b`."""
    value: Any = results.get(name)
    if value is None:
        value = results
        for part in name.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        known = [key for key, each in results.items() if isinstance(each, int | float) and not isinstance(each, bool)]
        raise ConfigError(f"search: found result = {name!r}; expected a number that the job gives: {', '.join(known) or 'none'}. Name one.")
    return float(value)


def check_any(trials: list[Any]) -> None:
    """At least one trial must have given a value.

    Raises:
        LabError: none has.
    """
    if not any(trial.value is not None for trial in trials):
        errors = [trial.user_attrs["error"] for trial in trials if "error" in trial.user_attrs]
        told = f"the last said: {errors[-1]}" if errors else "all were pruned"
        raise LabError(
            f"search: found {len(trials)} trials without a result ({told}); expected one or more. Change the recipe or the ranges."
        )
