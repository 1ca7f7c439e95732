"""Episodes: tasks of W classes with K labelled examples each, drawn from labelled vectors.

Shapes: N examples, D numbers in a vector, T tasks, W ways.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
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
    groups: Sequence[Hashable] | None = None
    """Of each example; the classes of a task then come from one group, such as a domain, whose classes are hard to tell apart."""
    ways: int = 5
    """Classes in a task, 2 or more."""
    shots: int = 5
    """Support examples of each class, 1 or more."""
    queries: int = 10
    """Query examples of each class, 1 or more."""
    tasks: int = 8
    """In a batch."""
    seed: int = 0
    name: str = "episodes"
    """Of the data, for messages."""
    _pools: list[list[Tensor]] = field(init=False, repr=False)
    """By group and class: the places of the examples."""

    def __post_init__(self) -> None:
        if min(self.ways - 1, self.shots, self.queries, self.tasks) < 1:
            said = f"ways={self.ways}, shots={self.shots}, queries={self.queries}, tasks={self.tasks}"
            raise LabError(f"{self.name}: found {said}; expected 2 ways or more, and 1 or more of all else. Correct it.")
        by_group: dict[Hashable, dict[Hashable, list[int]]] = {}
        for place, label in enumerate(self.labels):
            group = None if self.groups is None else self.groups[place]
            by_group.setdefault(group, {}).setdefault(label, []).append(place)
        for group, by_class in by_group.items():
            self._check(by_class, self.name if group is None else f"{self.name}: {group}")
        ordered = [by_group[group] for group in sorted(by_group, key=str)]
        object.__setattr__(self, "_pools", [[torch.tensor(by_class[kind]) for kind in sorted(by_class, key=str)] for by_class in ordered])

    def _check(self, by_class: Mapping[Hashable, Sequence[int]], name: str) -> None:
        if len(by_class) < self.ways:
            raise LabError(f"{name}: found {len(by_class)} class(es); expected {self.ways} or more, the ways. Ask for fewer ways.")
        needed = self.shots + self.queries
        poor = next((label for label, places in by_class.items() if len(places) < needed), None)
        if poor is not None:
            raise LabError(
                f"{name}: found {len(by_class[poor])} example(s) of class {poor!r}; expected {needed} or more, {self.shots} shot(s)"
                f" and {self.queries} queries. Ask for fewer, or drop the class."
            )

    def __getitem__(self, number: int) -> TaskBatch:
        chance = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        places_TWN = torch.stack([self._draw(chance) for _ in range(self.tasks)])
        return TaskBatch(self._points(places_TWN[:, :, : self.shots]), self._points(places_TWN[:, :, self.shots :]))

    def _draw(self, chance: torch.Generator) -> Tensor:
        """The places of a task's examples, [W, K + Q]."""
        needed = self.shots + self.queries
        classes = self._pools[int(torch.randint(len(self._pools), (1,), generator=chance))]
        pools = [classes[kind] for kind in torch.randperm(len(classes), generator=chance)[: self.ways].tolist()]
        return torch.stack([pool[torch.randperm(len(pool), generator=chance)[:needed]] for pool in pools])

    def _points(self, places_TWN: Tensor) -> Points:
        tasks, ways, each = places_TWN.shape
        targets_TN = torch.arange(ways).repeat_interleave(each).expand(tasks, -1)
        return Points(self.inputs[places_TWN.reshape(tasks, -1)], targets_TN)
