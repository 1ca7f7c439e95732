"""Precision, recall and F1 from counts; classes and entity types are counted alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metagpt.lab.evaluation.measures import Measure

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["Row", "count_measures", "rows_of"]


@dataclass(frozen=True, slots=True)
class Row:
    """The scores of one class or entity type, or an average of them."""

    name: str
    precision: float
    recall: float
    f1: float
    support: int
    """How many there are in the labels."""


def _ratio(part: NDArray[float64], whole: NDArray[float64]) -> NDArray[float64]:
    """Part by whole, and 0 where the whole is 0."""
    import numpy

    return numpy.divide(part, whole, out=numpy.zeros_like(part), where=whole != 0)


def _scores(counts_C3: NDArray[float64]) -> tuple[NDArray[float64], NDArray[float64], NDArray[float64]]:
    """Precision = right / said, recall = right / true, F1 = 2PR / (P + R). Columns of the counts: right, said, true."""
    right, said, true = counts_C3.T
    precision, recall = _ratio(right, said), _ratio(right, true)
    return precision, recall, _ratio(2 * precision * recall, precision + recall)


def rows_of(names: Sequence[str], counts_C3: NDArray[float64]) -> tuple[Row, ...]:
    """A row for each name, then the averages: micro over all counts, macro over the names, weighted by support."""
    import numpy

    scores = _scores(counts_C3)
    support = counts_C3[:, 2]
    total = int(support.sum())
    rows = [Row(name, float(p), float(r), float(f), int(true)) for name, p, r, f, true in zip(names, *scores, support, strict=True)]
    micro = _scores(counts_C3.sum(axis=0, keepdims=True))
    averages = {"micro avg": [score[0] for score in micro], "macro avg": [score.mean() if len(score) else 0.0 for score in scores]}
    if total:
        averages["weighted avg"] = [numpy.average(score, weights=support) for score in scores]
    for name, (p, r, f) in averages.items():
        rows.append(Row(name, float(p), float(r), float(f), total))
    return tuple(rows)


def count_measures(parts_NP: NDArray[float64], prefix: str = "") -> list[Measure]:
    """F1 macro and micro of parts that are right, said and true of each name, name by name."""

    def measure(name: str, of_counts: Callable[[NDArray[float64]], float]) -> Measure:
        return Measure(name=prefix + name, parts_NP=parts_NP, of_sums=lambda sums: of_counts(sums.reshape(-1, 3)))

    return [measure("f1_macro", _macro), measure("f1_micro", _micro)]


def _macro(counts_C3: NDArray[float64]) -> float:
    """Over the names that occur: one that a resample does not draw is not there, and not wrong."""
    there = counts_C3[(counts_C3[:, 1] > 0) | (counts_C3[:, 2] > 0)]
    return float(_scores(there)[2].mean()) if len(there) else 0.0


def _micro(counts_C3: NDArray[float64]) -> float:
    return float(_scores(counts_C3.sum(axis=0, keepdims=True))[2][0])
