"""Confidence intervals: Wilson's for shares, the bootstrap for every other score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from metagpt.errors import LabError
from metagpt.lab.evaluation.measures import Measure

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["Interval", "bootstrap_intervals", "resampled_sums", "wilson_interval"]

RESAMPLES = 1000
"""Resamples of a bootstrap that nobody gives a number for."""


@dataclass(frozen=True, slots=True)
class Interval:
    """Where the score of all examples of this kind lies, by what these examples show."""

    low: float
    high: float
    level: float = 0.95
    method: str = "wilson"

    def __str__(self) -> str:
        return f"[{self.low:.4f}, {self.high:.4f}]"


def wilson_interval(right: float, total: int, *, level: float = 0.95) -> Interval:
    """The interval of a share.

    (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n), with p = right / total.

    Args:
        right: How many were right; means of several tries may make it a fraction.
        total: Of how many, 1 or more.
        level: Confidence, between 0 and 1.

    Source: Wilson 1927, Journal of the American Statistical Association 22, 209-212.
    """
    if total < 1 or not 0 <= right <= total:
        raise LabError(f"wilson_interval: found {right!r} of {total!r}; expected a part of 1 or more. Give the counts of one test.")
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = right / total
    centre = share + z * z / (2 * total)
    half = z * ((share * (1 - share) / total + z * z / (4 * total * total)) ** 0.5)
    scale = 1 + z * z / total
    low = (centre - half) / scale if right > 0 else 0.0  # exactly: the subtraction would leave a rounding error
    high = (centre + half) / scale if right < total else 1.0
    return Interval(low, high, level, "wilson")


def resampled_sums(parts_NP: NDArray[float64], *, resamples: int = RESAMPLES, seed: int = 0) -> NDArray[float64]:
    """The sums of each of B resamples, drawn with replacement, as B x P; the same N and seed draw the same examples."""
    import numpy

    rng = numpy.random.default_rng(seed)
    count = len(parts_NP)
    sums_BP = numpy.empty((resamples, parts_NP.shape[1]))
    for number in range(resamples):
        times_N = numpy.bincount(rng.integers(count, size=count), minlength=count)
        sums_BP[number] = times_N @ parts_NP
    return sums_BP


def bootstrap_intervals(
    measures: Sequence[Measure], *, level: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Interval]:
    """The percentile interval of each measure; those that share their parts share the resamples.

    Source: Efron 1979, Annals of Statistics 7, 1-26; the percentile method of Efron and Tibshirani 1993, chapter 13.
    """
    import numpy

    sums: dict[int, NDArray[float64]] = {}
    found = {}
    for measure in measures:
        key = id(measure.parts_NP)
        if key not in sums:
            sums[key] = resampled_sums(measure.parts_NP, resamples=resamples, seed=seed)
        scores_B = numpy.array([measure.of_sums(row) for row in sums[key]])
        scores_B = scores_B[numpy.isfinite(scores_B)]  # R² of a resample whose labels are all equal is none
        low, high = numpy.quantile(scores_B, [(1 - level) / 2, (1 + level) / 2]) if len(scores_B) else (math.nan, math.nan)
        found[measure.name] = Interval(float(low), float(high), level, "bootstrap")
    return found
