"""A small network on the vectors of a frozen sentence encoder, with a head that every task makes from its support set.

Shapes: N examples, D numbers in a vector, H hidden, W classes of a task ("ways").
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, normalize, one_hot

from metagpt.lab.meta.adaptation import Parameters, Points

__all__ = ["TextNetwork", "TextNetworkConfig"]

_HEAD = ("head.weight", "head.bias")


@dataclass(frozen=True, kw_only=True)
class TextNetworkConfig:
    """The network's shape."""

    inputs: int
    """D, the length of the encoder's vectors."""
    hidden: int = 4
    """H, the rank of the change to the vectors; a larger one learns the training classes by heart."""
    ways: int = 5
    """W, the classes of a task while meta-training; adapting takes any number."""
    scale: float = 3.0
    """The vectors' length at the start: the larger, the surer is the head that prototypes make. It is trained."""


class TextNetwork(nn.Module):
    """x -> y = e^d ∘ (x - m) -> z = s · (y + B A y) / |y + B A y|, classified by a linear head that begins as the nearest prototype.

    Source of the head: Triantafillou et al. 2020, "Meta-Dataset", arXiv:1903.03096, section 3.2 (Proto-MAML): with the class means
    c_w of the support set, W_w = 2 c_w and b_w = -|c_w|² make softmax(W z + b) that of the negative squared distances (Snell et al.
    2017). m, d and B are zero at the start: a network that was not meta-trained begins as the frozen encoder's nearest prototype.
    """

    def __init__(self, config: TextNetworkConfig) -> None:
        super().__init__()
        self.config = config
        self.centre = nn.Parameter(torch.zeros(config.inputs))
        self.gain = nn.Parameter(torch.zeros(config.inputs))
        self.down = nn.Linear(config.inputs, config.hidden, bias=False)
        self.up = nn.Linear(config.hidden, config.inputs, bias=False)
        self.scale = nn.Parameter(torch.tensor(config.scale))
        nn.init.zeros_(self.up.weight)

    def forward(self, inputs_ND: Tensor) -> Tensor:
        scaled_ND = self.gain.exp() * (inputs_ND - self.centre)
        return self.scale * normalize(scaled_ND + self.up(self.down(scaled_ND)), dim=-1)

    def begin(self, shared: Parameters, support: Points) -> Parameters:
        """The shared parameters and a head of prototypes for the classes in `support`, numbered from 0."""
        return self.with_head(shared, support, self.config.ways)

    @contextmanager
    def for_ways(self, ways: int) -> Iterator[None]:
        """Let `begin` make heads for that many classes meanwhile."""
        before = self.config
        self.config = replace(before, ways=ways)
        try:
            yield
        finally:
            self.config = before

    def with_head(self, shared: Parameters, support: Points, ways: int) -> Parameters:
        """As `begin`, for any number of classes."""
        vectors_ND: Tensor = functional_call(self, shared, (support.inputs,))
        members_NW = one_hot(support.targets, ways).to(vectors_ND.dtype)
        means_WD = (members_NW.T @ vectors_ND) / members_NW.sum(0).unsqueeze(1)
        return {**shared, "head.weight": 2 * means_WD, "head.bias": -(means_WD**2).sum(1)}

    def logits(self, parameters: Parameters, inputs_ND: Tensor) -> Tensor:
        """Scores [N, W]."""
        shared = {name: value for name, value in parameters.items() if name not in _HEAD}
        vectors_ND: Tensor = functional_call(self, shared, (inputs_ND,))
        return vectors_ND @ parameters["head.weight"].T + parameters["head.bias"]

    def loss(self, parameters: Parameters, points: Points) -> Tensor:
        """Cross-entropy."""
        return cross_entropy(self.logits(parameters, points.inputs), points.targets)

    def score(self, parameters: Parameters, points: Points) -> Tensor:
        """Accuracy."""
        return (self.logits(parameters, points.inputs).argmax(-1) == points.targets).double().mean()
