"""Inner learning rates: one number, or learned with the start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log

import torch
from torch import Tensor, nn

__all__ = ["FixedRate", "LearnedRates"]


class FixedRate(Mapping[str, float]):
    """The same rate for every parameter."""

    def __init__(self, rate: float) -> None:
        self.rate = rate

    def __getitem__(self, name: str) -> float:
        return self.rate

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class LearnedRates(nn.Module):
    """A rate for every number of every shared parameter, one for each tensor that a task makes; learned as its logarithm.

    Source: Li, Zhou, Chen, Li 2017, "Meta-SGD", arXiv:1707.09835, eq. 2. Ours keeps rates above zero by learning log α.
    """

    def __init__(self, network: nn.Module, rate: float) -> None:
        super().__init__()
        self.names = [name for name, _ in network.named_parameters()]
        self.logs = nn.ParameterList([nn.Parameter(torch.full_like(value, log(rate))) for value in network.parameters()])
        self.made = nn.Parameter(torch.tensor(log(rate)))
        """Of what the tasks make themselves."""

    def __getitem__(self, name: str) -> Tensor:
        return (self.logs[self.names.index(name)] if name in self.names else self.made).exp()
