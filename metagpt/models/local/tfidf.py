"""Rows of features, searchable by cosine: TF-IDF vectors (Manning, Raghavan, Schuetze 2008, Introduction to Information Retrieval, 6.4)."""

import math
from collections.abc import Callable, Collection, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Index"]


class Index:
    """N rows, each a collection of features; a feature's weight is the log of how rare it is."""

    def __init__(
        self,
        rows: Sequence[Collection[str]],
        *,
        factor: Callable[[str], float] = lambda _: 1.0,
        unknown: Callable[[str], float] = lambda _: 0.0,
    ) -> None:
        """The index.

        Args:
            rows: The features of each; what comes twice counts once.
            factor: Of a feature's weight.
            unknown: The weight of a feature that no row has: what a query says beside the rows makes it less near to all.
        """
        self._ids: dict[str, int] = {}
        entries = [(row, self._ids.setdefault(feature, len(self._ids))) for row, found in enumerate(rows) for feature in set(found)]
        owners, ids = np.array(entries, dtype=np.int64).reshape(-1, 2).T
        factors = np.array([factor(feature) for feature in self._ids])
        self._weights = np.log(len(rows) / np.bincount(ids, minlength=len(factors))) * factors
        lengths = np.sqrt(np.bincount(owners, weights=self._weights[ids] ** 2, minlength=len(rows)))
        order = np.argsort(ids, kind="stable")
        self._owners = owners[order]
        self._shares = self._weights[ids[order]] / np.where(lengths == 0, 1, lengths)[self._owners]
        self._starts = np.searchsorted(ids[order], np.arange(len(factors) + 1))
        self._unknown = unknown
        self._num_rows = len(rows)

    def norm(self, found: Collection[str]) -> float:
        """The length of a query's vector: how much it says."""
        return math.sqrt(sum(self._weight(feature) ** 2 for feature in set(found)))

    def nearness(self, found: Collection[str]) -> NDArray[np.float64] | None:
        """Cosines with all rows, N numbers from 0 to 1; None where no row has any of the features."""
        known = [self._ids[feature] for feature in set(found) if feature in self._ids]
        norm = self.norm(found)
        if not known or not norm:
            return None
        rows = np.concatenate([self._owners[self._starts[each] : self._starts[each + 1]] for each in known])
        shares = np.concatenate([self._weights[each] * self._shares[self._starts[each] : self._starts[each + 1]] for each in known])
        return np.bincount(rows, weights=shares, minlength=self._num_rows) / norm

    def _weight(self, feature: str) -> float:
        known = self._ids.get(feature)
        return self._unknown(feature) if known is None else float(self._weights[known])
