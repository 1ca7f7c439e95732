"""Episodes: tasks of W classes with K labelled examples each, drawn from labelled vectors.

Shapes: N examples, D numbers in a vector, T tasks, W ways.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from metagpt.errors import LabError
from metagpt.lab.meta.adaptation import Points, TaskBatch

__all__ = ["Episodes"]


@dataclass(frozen=True, kw_only=True)
class Episodes:
    """Batch n of W-way K-shot tasks, made from seed and n; the classes are numbered anew in every task.

    Source: Vinyals et al. 2016, "Matching Networks", arXiv:1606.04080, section 4.
    """

    inputs: Tensor
    """[N, D]."""
    labels: Sequence[Hashable]
    ways: int = 5
    """Classes in a task, 2 or more."""
    shots: int = 5
    """Support examples of each class, 1 or more."""
    queries: int = 10
    """Query examples of each class, 1 or more."""
    tasks: int = 16
    """In a batch."""
    seed: int = 0
    name: str = "episodes"
    """Of the data, for messages."""
    _places: list[Tensor] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_class: dict[Hashable, list[int]] = {}
        for place, label in enumerate(self.labels):
            by_class.setdefault(label, []).append(place)
        if len(by_class) < self.ways:
            raise LabError(f"{self.name}: found {len(by_class)} class(es); expected {self.ways} or more, the ways. Ask for fewer ways.")
        needed = self.shots + self.queries
        poor = next((label for label, places in by_class.items() if len(places) < needed), None)
        if poor is not None:
            raise LabError(
                f"{self.name}: found {len(by_class[poor])} example(s) of class {poor!r}; expected {needed} or more,"
                f" {self.shots} shot(s) and {self.queries} queries. Ask for fewer, or drop the class."
            )
        object.__setattr__(self, "_places", [torch.tensor(places) for _, places in sorted(by_class.items(), key=lambda item: str(item[0]))])

    def __getitem__(self, number: int) -> TaskBatch:
        chance = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        places_TWN = torch.stack([self._draw(chance) for _ in range(self.tasks)])
        return TaskBatch(self._points(places_TWN[:, :, : self.shots]), self._points(places_TWN[:, :, self.shots :]))

    def _draw(self, chance: torch.Generator) -> Tensor:
        """The places of a task's examples, [W, K + Q]."""
        needed = self.shots + self.queries
        chosen = torch.randperm(len(self._places), generator=chance)[: self.ways].tolist()
        pools = [self._places[kind] for kind in chosen]
        return torch.stack([pool[torch.randperm(len(pool), generator=chance)[:needed]] for pool in pools])

    def _points(self, places_TWN: Tensor) -> Points:
        tasks, ways, each = places_TWN.shape
        targets_TN = torch.arange(ways).repeat_interleave(each).expand(tasks, -1)
        return Points(self.inputs[places_TWN.reshape(tasks, -1)], targets_TN)
