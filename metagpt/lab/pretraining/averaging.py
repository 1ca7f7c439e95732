"""A running mean of a model's weights: what is validated and saved instead of the last step's."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """Exponential mean of the weights, θ̄ <- d θ̄ + (1 - d) θ; with a rate that falls to zero it follows the end closely.

    Source: Polyak & Juditsky 1992, SIAM J. Control Optim. 30(4), with the exponential weights usual in training networks.
    """

    def __init__(self, model: nn.Module, decay: float = 0.99) -> None:
        self.decay = decay
        self.weights = {name: tensor.detach().clone().float() for name, tensor in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, number: int) -> None:
        """Take in the weights after step `number`; early on the mean is short, so that it does not remember the start."""
        decay = min(self.decay, (1 + number) / (10 + number))
        for name, tensor in model.state_dict().items():
            self.weights[name].lerp_(tensor.float(), 1 - decay)

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Go on from the mean of a checkpoint."""
        for name, tensor in weights.items():
            self.weights[name].copy_(tensor)

    @contextmanager
    def within(self, model: nn.Module) -> Iterator[None]:
        """The model with the mean as its weights; with its own again afterwards."""
        own = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.load_state_dict(self.weights)
        try:
            yield
        finally:
            model.load_state_dict(own)
