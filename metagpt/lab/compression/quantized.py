"""Linear layers and embeddings whose weights are kept as whole numbers of eight or four bits.

w ≈ s · q, with whole q from -127 to 127 and a scale s for each output (8 bits), or q from -7 to 7 and a scale for each group of inputs
(4 bits, two to a byte). s = c · max|w| / 127, or / 7, with that c up to 1 which makes the squared error of its group smallest.
Source: Jacob et al. 2018, arXiv:1712.05877, eq. 1 without zero points; the search of c as in Banner et al. 2019, arXiv:1810.05723.

Ours and not torchao's: embeddings, which are half of a small encoder, are packed as well; the files are plain safetensors, and reading
them needs torch alone. torchao 0.18 prints failures of its compiled parts when it is imported beside this torch, and its int8 weights
are no faster on a processor. What would change our mind: kernels for whole numbers that torch itself offers for every device.

Shapes: O outputs or vocabulary, I inputs or width, G groups, K inputs of a group.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["PackedWeight", "QuantizedEmbedding", "QuantizedLinear", "TiedHead", "quantized_codes"]

_LEVELS = {8: 127, 4: 7}
_CLIPS = {8: (1.0,), 4: (1.0, 0.95, 0.9, 0.85, 0.8, 0.75)}
_SCALES = {8: torch.float32, 4: torch.float16}
_LEAST_SCALE = 1e-7
"""So that rows of zeros have a scale, in half precision too."""


def quantized_codes(weight_OI: Tensor, *, bits: int, group: int) -> tuple[Tensor, Tensor]:
    """Whole numbers of the shape O x I, and their scales of the shape O x G.

    Args:
        weight_OI: The weight.
        bits: 8 or 4.
        group: Inputs with one scale; I is a multiple of it.
    """
    groups_OGK = weight_OI.detach().float().view(len(weight_OI), -1, group)
    largest_OG = groups_OGK.abs().amax(dim=-1)
    best_OG = torch.full_like(largest_OG, torch.inf)
    codes_OGK = torch.zeros_like(groups_OGK, dtype=torch.int8)
    scales_OG = torch.zeros_like(largest_OG, dtype=_SCALES[bits])
    for clip in _CLIPS[bits]:
        tried_OG = (clip * largest_OG / _LEVELS[bits]).clamp(min=_LEAST_SCALE).to(_SCALES[bits])
        steps_OG1 = tried_OG.float()[..., None]
        rounded_OGK = (groups_OGK / steps_OG1).round().clamp(-_LEVELS[bits], _LEVELS[bits])
        error_OG = (rounded_OGK * steps_OG1 - groups_OGK).square().sum(dim=-1)
        is_better_OG = error_OG < best_OG
        best_OG = torch.where(is_better_OG, error_OG, best_OG)
        scales_OG = torch.where(is_better_OG, tried_OG, scales_OG)
        codes_OGK = torch.where(is_better_OG[..., None], rounded_OGK.to(torch.int8), codes_OGK)
    return codes_OGK.flatten(1), scales_OG


class PackedWeight(nn.Module):
    """A matrix in eight or four bits."""

    codes: Tensor
    scales: Tensor

    def __init__(self, weight_OI: Tensor, *, bits: int, group: int) -> None:
        super().__init__()
        inputs = weight_OI.shape[1]
        self.bits = bits
        self.group = inputs if bits == 8 or inputs % group else group
        codes_OI, scales_OG = quantized_codes(weight_OI, bits=bits, group=self.group)
        self.register_buffer("codes", codes_OI if bits == 8 else _packed(codes_OI))
        self.register_buffer("scales", scales_OG)

    def codes_of(self, rows: Tensor | None = None) -> Tensor:
        """The whole numbers of all rows or of some, as int8."""
        stored = self.codes if rows is None else self.codes[rows]
        return stored if self.bits == 8 else _unpacked(stored)

    def dense(self, dtype: torch.dtype, rows: Tensor | None = None) -> Tensor:
        """The matrix, or some rows of it, in numbers of that kind."""
        scales = self.scales if rows is None else self.scales[rows]
        codes = self.codes_of(rows).to(dtype)
        grouped = codes.view(*codes.shape[:-1], -1, self.group) * scales.to(dtype)[..., None]
        return grouped.view(codes.shape)


def _packed(codes_OI: Tensor) -> Tensor:
    """Two codes to a byte, the first in its low half."""
    raised = (codes_OI + 8).to(torch.uint8)
    return raised[:, 0::2] | (raised[:, 1::2] << 4)


def _unpacked(stored: Tensor) -> Tensor:
    halves = torch.stack([stored & 15, stored >> 4], dim=-1).flatten(-2)
    return halves.to(torch.int8) - 8


class QuantizedLinear(nn.Module):
    """y = W x + b with a packed W."""

    def __init__(self, layer: nn.Linear, *, bits: int, group: int) -> None:
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.packed = PackedWeight(layer.weight, bits=bits, group=group)
        self.bias = None if layer.bias is None else nn.Parameter(layer.bias.detach(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """In eight bits the scales are applied to the outputs, so that the weight is never there in full."""
        if self.packed.bits == 8:
            y = nn.functional.linear(x, self.packed.codes.to(x.dtype)) * self.packed.scales[:, 0].to(x.dtype)
        else:
            y = nn.functional.linear(x, self.packed.dense(x.dtype))
        return y if self.bias is None else y + self.bias

    def unpacked(self) -> nn.Linear:
        """The same layer with numbers in float32."""
        layer = nn.Linear(self.in_features, self.out_features, bias=self.bias is not None, device=self.packed.codes.device)
        layer.weight = nn.Parameter(self.packed.dense(torch.float32))
        if self.bias is not None:
            layer.bias = self.bias
        return layer


class QuantizedEmbedding(nn.Module):
    """Rows of a packed table."""

    def __init__(self, table: nn.Embedding, *, bits: int, group: int) -> None:
        super().__init__()
        self.num_embeddings, self.embedding_dim, self.padding_idx = table.num_embeddings, table.embedding_dim, table.padding_idx
        self.packed = PackedWeight(table.weight, bits=bits, group=group)

    def forward(self, ids: Tensor) -> Tensor:
        return self.packed.dense(torch.float32, ids)

    def unpacked(self) -> nn.Embedding:
        """The same table with numbers in float32."""
        weight = self.packed.dense(torch.float32)
        return nn.Embedding(self.num_embeddings, self.embedding_dim, self.padding_idx, _weight=weight)


class TiedHead(nn.Module):
    """The output layer of a language model whose weight is its packed embedding."""

    def __init__(self, embedding: QuantizedEmbedding, bias: nn.Parameter | None) -> None:
        super().__init__()
        self._embedding = (embedding,)  # in a tuple: its tensors are the embedding's, not once more its own
        self.bias = bias

    def forward(self, x: Tensor) -> Tensor:
        packed = self._embedding[0].packed
        if packed.bits == 8:
            y = nn.functional.linear(x, packed.codes.to(x.dtype)) * packed.scales[:, 0].to(x.dtype)
        else:
            y = nn.functional.linear(x, packed.dense(x.dtype))
        return y if self.bias is None else y + self.bias
