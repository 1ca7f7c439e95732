"""Weights of linear layers in eight bits: a quarter of float32's memory, half of bfloat16's.

Decided so, not by torchao: on a CPU its weight-only linear is no faster than these lines, it brings a package whose compiled parts do
not load beside every torch, and adapters would need a layer of its own. What would change our mind: kernels of torch for
int8 weights that are public and fast on every device.

Shapes: I inputs, O outputs.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from metagpt.errors import ModelUnavailableError

__all__ = ["Int8Linear", "quantize"]


class Int8Linear(nn.Module):
    """A linear layer whose weight is kept as whole numbers from -127 to 127 and a scale for each output."""

    codes_OI: Tensor
    scales_O: Tensor

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        weight_OI = layer.weight.detach()
        largest_O = weight_OI.float().abs().amax(dim=1).clamp(min=torch.finfo(torch.float32).tiny)
        self.register_buffer("codes_OI", (weight_OI.float() * (127 / largest_O)[:, None]).round().to(torch.int8))
        self.register_buffer("scales_O", (largest_O / 127).to(weight_OI.dtype))
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Wx + b; the scales are applied to the outputs, so that the weight is never there in full."""
        outputs = linear(x, self.codes_OI.to(x.dtype)) * self.scales_O
        return outputs if self.bias is None else outputs + self.bias


def quantize(owner: str, model: nn.Module) -> None:
    """Put the linear layers of the model into eight bits, one after the other; embeddings and output layer stay as they are.

    Raises:
        ModelUnavailableError: it has no such layers.
    """
    head = cast("nn.Module | None", model.get_output_embeddings())  # type: ignore[operator]  # transformers' models have it
    names = [name for name, module in model.named_modules() if type(module) is nn.Linear and module is not head]
    if not names:
        raise ModelUnavailableError(
            f'{owner}: dtype = "int8", and {type(model).__name__} has no nn.Linear layers; expected some. Set dtype = "bfloat16".'
        )
    for name in names:
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, Int8Linear(cast("nn.Linear", model.get_submodule(name))))
