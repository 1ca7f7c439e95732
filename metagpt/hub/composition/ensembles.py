"""Ensembles: several predictors of the same classes that answer as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from metagpt.errors import HubError
from metagpt.hub.composition.predictor import (
    Predictor,
    ProbabilisticPredictor,
    aligned_probabilities,
    union_of_classes,
)
from metagpt.hub.composition.softmax_regression import SoftmaxRegression

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["Mean", "Stacking", "Vote"]


class Vote:
    """The class with the most votes: ŷ = argmax_c Σ_m w_m [ŷ_m = c]. In a tie the member named first decides among the tied."""

    def __init__(self, members: Sequence[Predictor], weights: Sequence[float] | None = None) -> None:
        self.members = list(members)
        self.weights = _weights("Vote", len(self.members), weights)

    def predict(self, inputs: Any) -> list[Any]:
        """One class for each input."""
        answers = [list(member.predict(inputs)) for member in self.members]
        return [self._winner([each[index] for each in answers]) for index in range(len(inputs))]

    def _winner(self, votes: Sequence[Any]) -> Any:
        counts: dict[Any, float] = {}
        for vote, weight in zip(votes, self.weights, strict=True):
            counts[vote] = counts.get(vote, 0.0) + weight
        most = max(counts.values())
        return next(vote for vote in votes if counts[vote] >= most - 1e-12)


class Mean:
    """The weighted mean of the members' probabilities: p(c) = Σ_m w_m p_m(c) / Σ_m w_m; a class a member lacks has 0 there."""

    def __init__(self, members: Sequence[ProbabilisticPredictor], weights: Sequence[float] | None = None) -> None:
        self.members = list(members)
        self.weights = _weights("Mean", len(self.members), weights)
        self.classes_ = union_of_classes("Mean", self.members)

    def predict_proba(self, inputs: Any) -> NDArray[float64]:
        """A row for each input, a column for each of `classes_`."""
        total = sum(self.weights)
        shares = zip(self.members, self.weights, strict=True)
        return _sum([weight / total * aligned_probabilities("Mean", member, inputs, self.classes_) for member, weight in shares])

    def predict(self, inputs: Any) -> list[Any]:
        """The most probable class for each input."""
        return [self.classes_[index] for index in self.predict_proba(inputs).argmax(axis=1)]


class Stacking:
    """A softmax regression over the members' probabilities; it learns whom to trust for which class.

    Source: Wolpert, 1992, "Stacked generalization". The members are trained already, so `fit` needs examples that none of
    them was trained on: on their own training examples they all look right.
    """

    def __init__(self, members: Sequence[ProbabilisticPredictor], final: SoftmaxRegression | None = None) -> None:
        _weights("Stacking", len(members), None)
        self.members = list(members)
        self.columns = [union_of_classes("Stacking", [member]) for member in self.members]
        self.final = final

    def fit(self, inputs: Any, labels: Sequence[Any], *, penalty: float = 1.0) -> Stacking:
        """Learn from held-out examples; `penalty` is that of `SoftmaxRegression`."""
        self.final = SoftmaxRegression.fit(self._features(inputs), list(labels), penalty=penalty)
        return self

    @property
    def classes_(self) -> list[Any]:
        """The classes of the examples that `fit` saw."""
        return self._fitted().classes_

    def predict_proba(self, inputs: Any) -> NDArray[float64]:
        """A row for each input, a column for each of `classes_`."""
        return self._fitted().predict_proba(self._features(inputs))

    def predict(self, inputs: Any) -> list[Any]:
        """The most probable class for each input."""
        return self._fitted().predict(self._features(inputs))

    def _fitted(self) -> SoftmaxRegression:
        if self.final is None:
            raise HubError("Stacking: found it untrained; expected fit(inputs, labels) before. Fit it on held-out examples.")
        return self.final

    def _features(self, inputs: Any) -> NDArray[float64]:
        import numpy

        pairs = zip(self.members, self.columns, strict=True)
        return numpy.hstack([aligned_probabilities("Stacking", member, inputs, classes) for member, classes in pairs])


def _weights(owner: str, count: int, weights: Sequence[float] | None) -> list[float]:
    if not count:
        raise HubError(f"{owner}: found no members; expected one or more. Name them.")
    chosen = [1.0] * count if weights is None else [float(weight) for weight in weights]
    if len(chosen) != count or any(weight < 0 for weight in chosen) or not sum(chosen):
        raise HubError(f"{owner}: found weights {chosen!r} of {count} members; expected one each, 0 or more, not all 0. Correct them.")
    return chosen


def _sum(rows: Sequence[NDArray[float64]]) -> NDArray[float64]:
    total = rows[0].copy()
    for each in rows[1:]:
        total += each
    return total
