"""Which measures belong to which task, and the checks of what is to be measured."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

from metagpt.errors import LabError
from metagpt.lab.evaluation.classification import class_measures, class_rows
from metagpt.lab.evaluation.counts import Row
from metagpt.lab.evaluation.entities import entity_measures, entity_report
from metagpt.lab.evaluation.measures import Measure
from metagpt.lab.evaluation.regression import number_measures
from metagpt.lab.evaluation.text import text_measures

__all__ = ["EvaluationTask", "checked", "measures_of", "rows_for", "task_of"]

EvaluationTask = Literal["classification", "token-classification", "regression", "generation"]


def checked(predictions: Any, labels: Any, task: EvaluationTask | None) -> tuple[list[Any], list[Any], EvaluationTask]:
    """Both as lists, and the task, read off the labels where it is not given.

    Raises:
        LabError: nothing to measure, lengths that differ, numbers that are none, or classes of another kind than the labels.
    """
    said, true = _listed(predictions), _listed(labels)
    if len(said) != len(true):
        raise LabError(f"evaluate_model: found {len(said)} predictions for {len(true)} labels; expected one each. Predict the same set.")
    if not true:
        raise LabError("evaluate_model: found no labels; expected one or more. Give a set that is not empty.")
    if task is not None and task not in get_args(EvaluationTask):
        raise LabError(f"evaluate_model: found task={task!r}; expected one of {', '.join(get_args(EvaluationTask))}. Correct it.")
    chosen = task or task_of(true)
    _CHECKS[chosen](said, true)
    return said, true, chosen


def task_of(labels: Sequence[Any]) -> EvaluationTask:
    """Tags in lists: token classification; floating-point numbers: regression; all else: classification."""
    if isinstance(labels[0], list | tuple):
        return "token-classification"
    return "regression" if all(isinstance(label, float) for label in labels) else "classification"


def measures_of(task: EvaluationTask, predictions: Sequence[Any], labels: Sequence[Any]) -> list[Measure]:
    """The measures of a task, the one that decides first."""
    made: dict[str, Callable[[Sequence[Any], Sequence[Any]], list[Measure]]] = {
        "classification": class_measures,
        "token-classification": entity_measures,
        "regression": number_measures,
        "generation": text_measures,
    }
    return made[task](predictions, labels)


def rows_for(task: EvaluationTask, predictions: Sequence[Any], labels: Sequence[Any]) -> tuple[Row, ...]:
    """The scores of each class or entity type; none for other tasks."""
    if task == "classification":
        return class_rows(predictions, labels)
    return entity_report(predictions, labels) if task == "token-classification" else ()


def _listed(values: Any) -> list[Any]:
    return list(values.tolist() if hasattr(values, "tolist") else values)


def _check_classes(said: Sequence[Any], true: Sequence[Any]) -> None:
    kinds = [{type(value) for value in values} for values in (said, true)]
    if not kinds[0] & kinds[1]:
        raise LabError(
            f"evaluate_model: found predictions like {said[0]!r} and labels like {true[0]!r}; expected both of one kind."
            " Turn numbers of classes into their names."
        )


def _check_tags(said: Sequence[Any], true: Sequence[Any]) -> None:
    for number, (found, wanted) in enumerate(zip(said, true, strict=True)):
        if isinstance(found, str) or len(found) != len(wanted):
            raise LabError(
                f"evaluate_model: sentence {number}: found {len(found)} predicted tags for {len(wanted)} words; expected one each."
                " Give a tag for every word."
            )


def _check_numbers(said: Sequence[Any], true: Sequence[Any]) -> None:
    for name, values in (("prediction", said), ("label", true)):
        for number, value in enumerate(values):
            if not isinstance(value, int | float) or not math.isfinite(value):
                raise LabError(f"evaluate_model: {name} {number}: found {value!r}; expected a finite number. Mend the model or the data.")


def _check_texts(said: Sequence[Any], true: Sequence[Any]) -> None:
    odd = next((value for value in said if not isinstance(value, str)), None)
    if odd is not None:
        raise LabError(f"evaluate_model: found the prediction {odd!r}; expected a text. Decode the tokens first.")


_CHECKS = {
    "classification": _check_classes,
    "token-classification": _check_tags,
    "regression": _check_numbers,
    "generation": _check_texts,
}
