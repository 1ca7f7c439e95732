"""Inner learning rates: set, or learned with the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log

import torch
from torch import Tensor, nn

__all__ = ["FixedRates", "LearnedRates"]


class FixedRates(Mapping[str, float]):
    """One rate for the shared parameters, one for those that tasks make.

    With 0 for the shared ones a task adapts its head alone. Source: Raghu et al. 2020, "ANIL", arXiv:1909.09157, section 4.
    """

    def __init__(self, network: nn.Module, rate: float, head_rate: float) -> None:
        self._rates = {name: rate for name, _ in network.named_parameters()}
        self._head_rate = head_rate

    def __getitem__(self, name: str) -> float:
        return self._rates.get(name, self._head_rate)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rates)

    def __len__(self) -> int:
        return len(self._rates)


class LearnedRates(nn.Module):
    """A rate for every number of every shared parameter, one for what tasks make; learned as their logarithms.

    Source: Li, Zhou, Chen, Li 2017, "Meta-SGD", arXiv:1707.09835, eq. 2. Ours keeps rates above zero by learning log alpha, and leaves a
    rate of 0 at 0.
    """

    def __init__(self, network: nn.Module, rate: float, head_rate: float) -> None:
        super().__init__()
        self.names = [name for name, _ in network.named_parameters()]
        self.logs = nn.ParameterList([nn.Parameter(torch.full_like(value, log(rate))) for value in network.parameters()] if rate else [])
        self.head = nn.Parameter(torch.tensor(log(head_rate)))

    def __getitem__(self, name: str) -> Tensor | float:
        if name not in self.names:
            return self.head.exp()
        return self.logs[self.names.index(name)].exp() if len(self.logs) else 0.0
