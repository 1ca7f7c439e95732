"""Scores of numbers: squared and absolute error, and the share of the variance that is explained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from metagpt.lab.evaluation.measures import Measure, mean_measure

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["mse", "number_measures", "r2"]


def mse(predictions: Sequence[float], labels: Sequence[float]) -> float:
    """The mean squared error, Σ(y - ŷ)² / n."""
    return _named("mse", predictions, labels)


def r2(predictions: Sequence[float], labels: Sequence[float]) -> float:
    """1 - Σ(y - ŷ)² / Σ(y - ȳ)²; not a number where all labels are equal."""
    return _named("r2", predictions, labels)


def _named(name: str, predictions: Sequence[float], labels: Sequence[float]) -> float:
    return next(measure.value for measure in number_measures(predictions, labels) if measure.name == name)


def number_measures(predictions: Sequence[float], labels: Sequence[float]) -> list[Measure]:
    """MSE, mean absolute error, and R²."""
    import numpy

    true_N = numpy.asarray(labels, dtype=numpy.float64)
    error_N = true_N - numpy.asarray(predictions, dtype=numpy.float64)
    centred_N = true_N - true_N.mean()  # R² does not change, and the sums of squares keep their digits
    parts_N4 = numpy.stack([error_N**2, centred_N**2, centred_N, numpy.ones_like(true_N)], axis=1)
    return [
        mean_measure("mse", error_N**2, is_higher_better=False),
        mean_measure("mae", numpy.abs(error_N), is_higher_better=False),
        Measure(name="r2", parts_NP=parts_N4, of_sums=_explained),
    ]


def _explained(sums: NDArray[float64]) -> float:
    errors, squares, total, count = map(float, sums)
    variance = squares - total * total / count
    return 1 - errors / variance if variance > 0 else math.nan
