"""A running mean of a model's weights: what is evaluated and exported instead of the last step's."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage"]


class WeightAverage:
    """Exponential mean of the weights, θ̄ <- d θ̄ + (1 - d) θ; with a decay to zero it follows the end closely."""

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
        self.weights = {name: tensor.clone() for name, tensor in weights.items()}
