"""`evaluate_model`: predictions and labels in, a report out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metagpt.lab.evaluation.classification import confusion
from metagpt.lab.evaluation.intervals import RESAMPLES, bootstrap_intervals, wilson_interval
from metagpt.lab.evaluation.measures import Measure
from metagpt.lab.evaluation.report import Report, Score
from metagpt.lab.evaluation.tasks import EvaluationTask, checked, measures_of, rows_for

__all__ = ["evaluate_model", "scored"]


def evaluate_model(
    predictions: Any,  # Any: sequences and arrays of classes, tags, numbers or texts; the labels say which
    labels: Any,
    *,
    task: EvaluationTask | None = None,
    title: str = "",
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Report:
    """Score predictions by the labels. The report prints as a table, and `report["accuracy"]` is a figure of it.

    Args:
        predictions: One for each label.
        labels: Classes; lists of tags; numbers; or texts, each a reference or a list of references.
        task: Read off the labels if left out; generated texts need `task="generation"`.
        title: Of the report.
        level: Confidence of the intervals.
        resamples: Of the bootstrap, which gives the intervals of all that is no share of right answers.
        seed: Of the bootstrap.

    Raises:
        LabError: predictions that do not belong to the labels.

    Example:
        >>> from metagpt import evaluate_model
        >>> report = evaluate_model(["a", "b", "b", "b"], ["a", "b", "b", "a"])
        >>> report["accuracy"]
        0.75
    """
    said, true, chosen = checked(predictions, labels, task)
    scores = scored(measures_of(chosen, said, true), level=level, resamples=resamples, seed=seed)
    pairs = confusion(said, true) if chosen == "classification" else {}
    taken_for = sorted((str(wanted), str(found), count) for (wanted, found), count in pairs.items())
    rows = rows_for(chosen, said, true)
    return Report(title=title, task=chosen, examples=len(true), scores=scores, rows=rows, taken_for=tuple(taken_for))


def scored(measures: Sequence[Measure], *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0) -> tuple[Score, ...]:
    """Every measure with its interval: Wilson's for shares of right answers, the bootstrap for all else."""
    others = [measure for measure in measures if not measure.is_share]
    intervals = bootstrap_intervals(others, level=level, resamples=resamples, seed=seed)
    for measure in measures:
        if measure.is_share:
            right, total = measure.parts_NP.sum(axis=0)
            intervals[measure.name] = wilson_interval(float(right), int(total), level=level)
    return tuple(Score(measure.name, measure.value, intervals[measure.name], measure.is_higher_better) for measure in measures)
