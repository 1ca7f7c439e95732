"""Where a token stands, told to a Transformer: by sinusoids added to embeddings, or by turning queries and keys.

Shapes: B rows (1 where all rows count alike), T tokens, D width of the model, H heads, K width of a head. Neither kind has
weights, buffers or a longest length.
"""

import torch
from torch import Tensor

__all__ = ["rotate", "rotations", "sinusoids"]


def _angles(places_BT: Tensor, width: int, base: float) -> Tensor:
    """Angles p · base^(-2i/width) of places p for i in [0, width/2), in float32: B x T x width/2."""
    frequencies = base ** (-torch.arange(0, width, 2, dtype=torch.float32, device=places_BT.device) / width)
    return places_BT[..., None].float() * frequencies


def sinusoids(places_BT: Tensor, width: int, *, base: float = 10000.0) -> Tensor:
    """PE(p, 2i) = sin(p / base^(2i/D)), PE(p, 2i+1) = cos(p / base^(2i/D)): B x T x D.

    Source: Vaswani et al. 2017, arXiv:1706.03762, section 3.5.
    """
    angles = _angles(places_BT, width, base)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(-2)


def rotations(places_BT: Tensor, head_dim: int, *, base: float = 10000.0) -> tuple[Tensor, Tensor]:
    """Cosines and sines to `rotate` by, each B x 1 x T x K: for both halves of a head, the first half's sines negated."""
    angles = _angles(places_BT, head_dim, base)[:, None]
    cosines, sines = angles.cos(), angles.sin()
    return torch.cat((cosines, cosines), dim=-1), torch.cat((-sines, sines), dim=-1)


def rotate(states_BHTK: Tensor, cosines_B1TK: Tensor, sines_B1TK: Tensor) -> Tensor:
    """Turn each pair (i, i + K/2) of a head by its angle: (x₁, x₂) cos + (x₂, x₁) (-sin, sin).

    Source: Su et al. 2021, arXiv:2104.09864, eq. 34; pairs are halves apart instead of neighbours, which is the same up to
    the order of the weights' rows.
    """
    swapped_BHTK = states_BHTK.roll(states_BHTK.shape[-1] // 2, dims=-1)
    return torch.addcmul(states_BHTK * cosines_B1TK, swapped_BHTK, sines_B1TK)
