"""Regression of sine waves, the first task of meta-learning.

Source: Finn et al. 2017, arXiv:1703.03400, section 5.1: amplitude in [0.1, 5], phase in [0, π], inputs in [-5, 5], and a network of
two hidden layers of 40 with ReLU.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import torch
from torch import Tensor, nn
from torch.func import functional_call

from metagpt.lab.meta.adaptation import Parameters, Points, TaskBatch

__all__ = ["Regressor", "SinusoidTasks"]


@dataclass(frozen=True, kw_only=True)
class SinusoidTasks:
    """Batch n of tasks y = a · sin(x - p), made from seed and n."""

    shots: int = 5
    """Support points of each task, 1 or more."""
    queries: int = 10
    tasks: int = 25
    """In a batch."""
    seed: int = 0

    def __getitem__(self, number: int) -> TaskBatch:
        chance = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        amplitude_T11 = 0.1 + 4.9 * torch.rand(self.tasks, 1, 1, generator=chance)
        phase_T11 = pi * torch.rand(self.tasks, 1, 1, generator=chance)
        inputs_TN1 = 10 * torch.rand(self.tasks, self.shots + self.queries, 1, generator=chance) - 5
        targets_TN1 = amplitude_T11 * torch.sin(inputs_TN1 - phase_T11)
        support = Points(inputs_TN1[:, : self.shots], targets_TN1[:, : self.shots])
        return TaskBatch(support, Points(inputs_TN1[:, self.shots :], targets_TN1[:, self.shots :]))


class Regressor(nn.Module):
    """A network from numbers to a number, judged by its mean squared error."""

    def __init__(self, *, inputs: int = 1, hidden: tuple[int, ...] = (40, 40)) -> None:
        super().__init__()
        widths = (inputs, *hidden)
        layers: list[nn.Module] = []
        for before, after in zip(widths, hidden, strict=False):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], 1))

    def forward(self, inputs_ND: Tensor) -> Tensor:
        outputs_N1: Tensor = self.layers(inputs_ND)
        return outputs_N1

    def begin(self, shared: Parameters, support: Points) -> Parameters:
        """The shared parameters: every task has the same outputs."""
        return shared

    def loss(self, parameters: Parameters, points: Points) -> Tensor:
        """Mean squared error."""
        predicted_N1: Tensor = functional_call(self, parameters, (points.inputs,))
        return nn.functional.mse_loss(predicted_N1, points.targets)

    score = loss
