"""Whether a candidate is better than the model in service: an exact paired test on the same tasks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metagpt.errors import LabError
from metagpt.lab.evaluation import mcnemar_exact

__all__ = ["Decision", "decide"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the test says."""

    tasks: int
    candidate_right: int
    service_right: int
    better: int
    """Tasks that the candidate alone does right."""
    worse: int
    """Tasks that the model in service alone does right."""
    p: float
    """Of McNemar's exact test, two-sided: the tasks on which both do alike say nothing."""
    level: float

    @property
    def is_better(self) -> bool:
        """Whether the candidate is to be promoted."""
        return self.better > self.worse and self.p <= self.level

    @property
    def why(self) -> str:
        """The decision in words."""
        figures = (
            f"right on {self.candidate_right} of {self.tasks} held-out tasks against {self.service_right} of the model in service,"
            f" better on {self.better} and worse on {self.worse} (exact McNemar test, p = {self.p:.3g})"
        )
        if self.is_better:
            return f"The candidate is {figures}."
        if self.better <= self.worse:
            return f"The candidate is no better: {figures}."
        return f"The candidate may be better by chance alone: {figures}; p must not be above {self.level:g}."


def decide(candidate: Sequence[bool], service: Sequence[bool], *, level: float) -> Decision:
    """Compare the two on the same tasks.

    Raises:
        LabError: there are no tasks, or not the same number.
    """
    if not candidate or len(candidate) != len(service):
        raise LabError(
            f"improve: found {len(candidate)} and {len(service)} marks; expected one of each model for each task. Use the same tasks."
        )
    better = sum(a and not b for a, b in zip(candidate, service, strict=True))
    worse = sum(b and not a for a, b in zip(candidate, service, strict=True))
    return Decision(
        tasks=len(candidate), candidate_right=sum(candidate), service_right=sum(service),
        better=better, worse=worse, p=mcnemar_exact(better, worse), level=level,
    )  # fmt: skip
