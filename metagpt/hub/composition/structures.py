"""One after the other, and side by side. Both are predictors again, so that they nest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from metagpt.errors import HubError
from metagpt.hub.composition.predictor import Predictor, classes_of

__all__ = ["Parallel", "Sequential"]


class Sequential:
    """Each member gets what the one before it answered; the last one's answers are the answers."""

    def __init__(self, members: Sequence[Predictor]) -> None:
        if not members:
            raise HubError("Sequential: found no members; expected one or more. Name them.")
        self.members = list(members)

    def predict(self, inputs: Any) -> Any:
        """The last member's answers."""
        return self.members[-1].predict(self._until_last(inputs))

    def predict_proba(self, inputs: Any) -> Any:
        """The last member's probabilities."""
        classes_of("Sequential", self.members[-1])
        return self.members[-1].predict_proba(self._until_last(inputs))  # type: ignore[attr-defined]  # checked above

    @property
    def classes_(self) -> list[Any]:
        """The last member's classes."""
        return classes_of("Sequential", self.members[-1])

    def _until_last(self, inputs: Any) -> Any:
        for number, member in enumerate(self.members[:-1]):
            answers = member.predict(inputs)
            if len(answers) != len(inputs):
                raise HubError(
                    f"Sequential: found {len(answers)} answers of member {number} to {len(inputs)} inputs; expected one for each. Mend it."
                )
            inputs = answers
        return inputs


class Parallel:
    """Every member gets the inputs; the answer to one is a dictionary by the members' names."""

    def __init__(self, members: Mapping[str, Predictor]) -> None:
        if not members:
            raise HubError("Parallel: found no members; expected one or more by name. Name them.")
        self.members = dict(members)

    def predict(self, inputs: Any) -> list[dict[str, Any]]:
        """One dictionary for each input."""
        answers = {name: member.predict(inputs) for name, member in self.members.items()}
        for name, said in answers.items():
            if len(said) != len(inputs):
                raise HubError(f"Parallel: found {len(said)} answers of {name!r} to {len(inputs)} inputs; expected one for each. Mend it.")
        return [{name: said[index] for name, said in answers.items()} for index in range(len(inputs))]
