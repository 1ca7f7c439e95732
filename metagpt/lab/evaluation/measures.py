"""Measures as scores of sums: every example adds its parts, and the score is a function of their sums.

Accuracy, F1, R² and corpus BLEU are all such scores, so that one bootstrap and one paired test serve them all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["Measure", "mean_measure"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Measure:
    """A score of N examples that can be taken of any resample of them. P parts an example."""

    name: str
    parts_NP: NDArray[float64]  # noqa: N815 - the suffix is its shape
    """What each example adds; measures of one task share the array, so that it is resampled once."""
    of_sums: Callable[[NDArray[float64]], float]
    """From the P sums to the score."""
    is_higher_better: bool = True
    is_share: bool = False
    """Whether it is the share of right answers, whose one part is 0 or 1: then the exact methods for shares apply."""

    @property
    def value(self) -> float:
        """The score of all examples."""
        return float(self.of_sums(self.parts_NP.sum(axis=0)))


def mean_measure(name: str, values: Sequence[Any] | NDArray[Any], *, is_higher_better: bool = True, is_share: bool = False) -> Measure:
    """The mean of one number an example; `values` may be numbers or truth values."""
    import numpy

    values_N = numpy.asarray(values, dtype=numpy.float64)
    parts_N2 = numpy.stack([values_N, numpy.ones_like(values_N)], axis=1)
    return Measure(
        name=name, parts_NP=parts_N2, of_sums=lambda sums: sums[0] / sums[1], is_higher_better=is_higher_better, is_share=is_share
    )
