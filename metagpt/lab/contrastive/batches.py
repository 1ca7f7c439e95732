"""Batches in which every class that occurs occurs at least twice, made from a seed and their number."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch

__all__ = ["BalancedBatches"]


@dataclass(frozen=True, kw_only=True)
class BalancedBatches:
    """Batch n as places of texts. In an epoch every text occurs once, beside others of its class.

    The texts of a class are shuffled and cut into groups, the groups of all classes are shuffled and filled into batches; so a
    batch holds many classes with a few texts each, and every text has positives and many negatives.
    """

    labels: Sequence[Hashable]
    size: int = 64
    """Texts in a batch, about; twice `group` or more, so that no batch is empty."""
    group: int = 4
    """Most texts of a class that stay together, 2 or more; a single one that is left joins a group."""
    seed: int = 0
    _classes: tuple[tuple[int, ...], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        by_class: dict[Hashable, list[int]] = {}
        for place, label in enumerate(self.labels):
            by_class.setdefault(label, []).append(place)
        object.__setattr__(self, "_classes", tuple(tuple(places) for places in by_class.values()))

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch, the same in each."""
        return max(1, round(len(self.labels) / self.size))

    def __getitem__(self, number: int) -> list[int]:
        return _epoch(self._classes, self.per_epoch, self.group, self.seed * 1_000_003 + number // self.per_epoch)[number % self.per_epoch]


@lru_cache(maxsize=2)
def _epoch(classes: tuple[tuple[int, ...], ...], batches: int, group: int, seed: int) -> list[list[int]]:
    """The batches of one epoch: the shuffled groups, dealt to the shortest batch each."""
    chance = torch.Generator().manual_seed(seed)
    groups: list[list[int]] = []
    for places in classes:
        shuffled = [places[at] for at in torch.randperm(len(places), generator=chance).tolist()]
        cut = [shuffled[at : at + group] for at in range(0, len(shuffled), group)]
        if len(cut) > 1 and len(cut[-1]) == 1:
            single = cut.pop()
            cut[-1] += single
        groups += cut
    dealt: list[list[int]] = [[] for _ in range(batches)]
    for at in torch.randperm(len(groups), generator=chance).tolist():
        min(dealt, key=len).extend(groups[at])
    return dealt
