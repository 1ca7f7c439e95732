"""What can be composed: anything with `predict`, and where probabilities are needed `predict_proba` and `classes_`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from metagpt.errors import HubError

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["Predictor", "ProbabilisticPredictor", "aligned_probabilities", "classes_of", "union_of_classes"]


@runtime_checkable
class Predictor(Protocol):
    """Answers inputs, one answer for each."""

    def predict(self, inputs: Any, /) -> Any:  # Any: texts for one, vectors for another; lists or arrays
        """One answer for each input, in order."""
        ...


@runtime_checkable
class ProbabilisticPredictor(Predictor, Protocol):
    """Says how probable each class is. `classes_` names the columns, as scikit-learn does."""

    classes_: Any  # Any: a list here, an array in scikit-learn

    def predict_proba(self, inputs: Any, /) -> Any:
        """A row for each input, a column for each class; rows add up to 1."""
        ...


def classes_of(owner: str, member: object) -> list[Any]:
    """The classes of a member, in the order of its columns.

    Raises:
        HubError: it has no probabilities.
    """
    if not isinstance(member, ProbabilisticPredictor):
        raise HubError(f"{owner}: found {type(member).__name__} without predict_proba and classes_; expected both. Use Vote instead.")
    return [getattr(each, "item", lambda each=each: each)() for each in member.classes_]


def union_of_classes(owner: str, members: Sequence[object]) -> list[Any]:
    """Every class that some member knows, sorted by text."""
    return sorted({each for member in members for each in classes_of(owner, member)}, key=str)


def aligned_probabilities(owner: str, member: ProbabilisticPredictor, inputs: Any, classes: Sequence[Any]) -> NDArray[float64]:
    """The member's probabilities in columns of these classes; a class that it does not know has 0.

    Raises:
        HubError: rows or columns are not what its classes and the inputs promise.
    """
    import numpy

    own = classes_of(owner, member)
    said = numpy.asarray(member.predict_proba(inputs), dtype=numpy.float64)
    if said.shape != (len(inputs), len(own)):
        raise HubError(
            f"{owner}: found probabilities of shape {said.shape}; expected ({len(inputs)}, {len(own)}). Mend {type(member).__name__}."
        )
    aligned = numpy.zeros((len(inputs), len(classes)))
    aligned[:, [list(classes).index(each) for each in own]] = said
    return aligned
