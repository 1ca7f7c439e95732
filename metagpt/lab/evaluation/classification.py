"""Scores of classes: accuracy, F1, a row for each class, and who is taken for whom."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

from metagpt.lab.evaluation.counts import Row, count_measures, rows_of
from metagpt.lab.evaluation.measures import Measure, mean_measure

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["accuracy", "class_measures", "class_rows", "confusion", "f1"]


def accuracy(predictions: Sequence[Hashable], labels: Sequence[Hashable]) -> float:
    """The share of right answers."""
    return sum(said == true for said, true in zip(predictions, labels, strict=True)) / len(labels)


def f1(predictions: Sequence[Hashable], labels: Sequence[Hashable], *, average: str = "macro") -> float:
    """F1 with `average="macro"` or `"micro"`; for one class an example, micro equals the accuracy."""
    return next(measure.value for measure in class_measures(predictions, labels) if measure.name == f"f1_{average}")


def class_measures(predictions: Sequence[Hashable], labels: Sequence[Hashable]) -> list[Measure]:
    """Accuracy, F1 macro and F1 micro."""
    right = [said == true for said, true in zip(predictions, labels, strict=True)]
    return [mean_measure("accuracy", right, is_share=True), *count_measures(_parts(predictions, labels)[1])]


def class_rows(predictions: Sequence[Hashable], labels: Sequence[Hashable]) -> tuple[Row, ...]:
    """A row for each class that is said or true, and the averages."""
    names, parts_NP = _parts(predictions, labels)
    return rows_of(names, parts_NP.sum(axis=0).reshape(-1, 3))


def confusion(predictions: Sequence[Hashable], labels: Sequence[Hashable]) -> Counter[tuple[Hashable, Hashable]]:
    """How often each true class was taken for each said one: (true, said) -> count."""
    return Counter(zip(labels, predictions, strict=True))


def _parts(predictions: Sequence[Hashable], labels: Sequence[Hashable]) -> tuple[list[str], NDArray[float64]]:
    """Class names, and for each example and class whether it is right, said and true."""
    import numpy

    known = sorted({*labels, *predictions}, key=str)
    place = {name: number for number, name in enumerate(known)}
    parts_NC3 = numpy.zeros((len(labels), len(known), 3))
    for number, (said, true) in enumerate(zip(predictions, labels, strict=True)):
        parts_NC3[number, place[said], 1] = 1
        parts_NC3[number, place[true], 2] = 1
        parts_NC3[number, place[true], 0] = said == true
    return [str(name) for name in known], parts_NC3.reshape(len(labels), -1)
