"""The study of a search: Optuna's record of all trials, in the run folder, so that a search that was cut goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.lab.search.settings import Choice, Range, SearchSettings

if TYPE_CHECKING:
    import optuna

__all__ = ["finished", "open_study", "quiet", "requeue_cut", "sampler_of", "suggest"]

STUDY, NAME = "study.db", "search"
FOLDER = "folder"
"""The attribute of a trial that names its run folder."""


@contextmanager
def quiet() -> Iterator[None]:
    """Optuna without its lines for every trial: ours stand in log.jsonl."""
    import optuna

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)


def open_study(settings: SearchSettings, folder: Path) -> optuna.Study:
    """The study in a run folder, new or as it was left."""
    import optuna

    study = optuna.create_study(
        storage=f"sqlite:///{(folder / STUDY).absolute()}",
        study_name=NAME,
        direction=settings.direction,
        pruner=_pruner(settings),
        load_if_exists=True,
    )
    if settings.sampler == "grid" and not study.get_trials(deepcopy=False):
        for values in (settings.combinations() or [])[: settings.trials]:
            study.enqueue_trial(values)
    return study


def sampler_of(settings: SearchSettings, number: int) -> Any:  # Any: Optuna's samplers
    """The sampler of the trial after `number` others: seeded by it, so that a search that goes on draws what it would have drawn."""
    import optuna

    seed = settings.seed * 100_003 + number
    if settings.sampler == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=settings.startup)
    return optuna.samplers.RandomSampler(seed=seed)


def _pruner(settings: SearchSettings) -> Any:  # Any: Optuna's pruners
    import optuna

    if settings.prune_on is None:
        return optuna.pruners.NopPruner()
    if settings.pruner == "hyperband":
        return optuna.pruners.HyperbandPruner()
    return optuna.pruners.MedianPruner(n_startup_trials=settings.prune_after)


def requeue_cut(study: optuna.Study) -> None:
    """Trials that a cut left running are begun again with their settings and in their folders, where their own checkpoints are."""
    from optuna.trial import TrialState

    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        study.enqueue_trial(trial.params, user_attrs={FOLDER: trial.user_attrs.get(FOLDER, f"{trial.number:04}")})


def finished(study: optuna.Study) -> list[Any]:
    """Trials that came to an end of their own: done, pruned, or failed with an error."""
    from optuna.trial import TrialState

    ended = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL))
    return [trial for trial in ended if trial.state != TrialState.FAIL or "error" in trial.user_attrs]


def suggest(trial: optuna.Trial, vary: dict[str, Range | list[Choice]]) -> dict[str, Choice]:
    """The settings of a trial."""
    found: dict[str, Choice] = {}
    for name, among in vary.items():
        if isinstance(among, list):
            found[name] = trial.suggest_categorical(name, among)  # type: ignore[assignment]  # it says None is possible
        elif among.is_whole:
            found[name] = trial.suggest_int(name, int(among.low), int(among.high), step=int(among.step or 1), log=among.log)
        else:
            found[name] = trial.suggest_float(name, among.low, among.high, step=among.step, log=among.log)
    return found
