# The hooks of transformers have no types:
# mypy: disable-error-code="no-untyped-call"
"""One block of the Transformer: attention and feed-forward, each normalized before and added to its input.

Shapes: B rows, T tokens, S tokens seen, D width of the model, H heads, K width of a head.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache
from transformers.activations import ACT2FN
from transformers.modeling_layers import GradientCheckpointingLayer
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from metagpt.lab.architecture.config import MetaGPTConfig
from metagpt.lab.architecture.positions import rotate

__all__ = ["Attention", "Block", "FeedForward", "IntoResidual", "new_norm"]


def new_norm(config: MetaGPTConfig) -> nn.Module:
    """The norm that the configuration names."""
    if config.norm == "rms":
        return nn.RMSNorm(config.hidden_size, eps=config.norm_eps)
    return nn.LayerNorm(config.hidden_size, eps=config.norm_eps, bias=config.bias)


def plain_attention(
    module: nn.Module,
    queries_BHTK: Tensor,
    keys_BHSK: Tensor,
    values_BHSK: Tensor,
    mask_B1TS: Tensor | None,
    *,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """softmax(QKᵀ/√K + mask) V, and the weights; what `attn_implementation="eager"` computes.

    Source: Vaswani et al. 2017, arXiv:1706.03762, eq. 1.
    """
    scores_BHTS = queries_BHTK @ keys_BHSK.mT * scaling
    if mask_B1TS is not None:
        scores_BHTS = scores_BHTS + mask_B1TS
    weights_BHTS = scores_BHTS.softmax(dim=-1, dtype=torch.float32).to(queries_BHTK.dtype)
    weights_BHTS = nn.functional.dropout(weights_BHTS, p=dropout, training=module.training)
    return (weights_BHTS @ values_BHSK).transpose(1, 2), weights_BHTS


class IntoResidual(nn.Linear):
    """A linear layer whose output is added to the residual stream: its weights begin smaller."""


class Attention(nn.Module):
    """Multi-head attention."""

    def __init__(self, config: MetaGPTConfig, layer_idx: int) -> None:
        super().__init__()
        width = config.hidden_size
        self.config = config
        self.layer_idx = layer_idx
        self.head_dim = config.head_dim
        self.scaling = config.head_dim**-0.5
        self.is_causal = config.is_causal
        self.q_proj = nn.Linear(width, width, bias=config.bias)
        self.k_proj = nn.Linear(width, width, bias=config.bias)
        self.v_proj = nn.Linear(width, width, bias=config.bias)
        self.o_proj = IntoResidual(width, width, bias=config.bias)

    def forward(
        self,
        hidden_BTD: Tensor,
        attention_mask: Tensor | None = None,
        rotations: tuple[Tensor, Tensor] | None = None,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> tuple[Tensor, Tensor | None]:
        """Returns the output, B x T x D, and the attention weights where the implementation has them."""
        rows, num_tokens, _ = hidden_BTD.shape
        queries, keys, values = (
            projection(hidden_BTD).view(rows, num_tokens, -1, self.head_dim).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        if rotations is not None:
            queries, keys = rotate(queries, *rotations), rotate(keys, *rotations)
        if past_key_values is not None:
            keys, values = past_key_values.update(keys, values, self.layer_idx)
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(self.config._attn_implementation or "eager", plain_attention)
        dropout = self.config.attention_dropout if self.training else 0.0
        mixed, weights = attend(self, queries, keys, values, attention_mask, dropout=dropout, scaling=self.scaling, **kwargs)
        output_BTD: Tensor = self.o_proj(mixed.reshape(rows, num_tokens, -1))  # narrower where heads were pruned
        return output_BTD, weights


class FeedForward(nn.Module):
    """Down(act(Up x)), or gated: Down(act(Gate x) * Up x)."""

    def __init__(self, config: MetaGPTConfig) -> None:
        super().__init__()
        width, hidden = config.hidden_size, config.intermediate_size
        assert hidden is not None, "filled in by the configuration"
        self.gate_proj = nn.Linear(width, hidden, bias=config.bias) if config.gated else None
        self.up_proj = nn.Linear(width, hidden, bias=config.bias)
        self.down_proj = IntoResidual(hidden, width, bias=config.bias)
        self.activation = ACT2FN[config.hidden_act]

    def forward(self, hidden_BTD: Tensor) -> Tensor:
        up = self.up_proj(hidden_BTD)
        inner = self.activation(up) if self.gate_proj is None else self.activation(self.gate_proj(hidden_BTD)) * up
        output_BTD: Tensor = self.down_proj(inner)
        return output_BTD


class Block(GradientCheckpointingLayer):
    """x + Attention(Norm x), then x + FeedForward(Norm x)."""

    def __init__(self, config: MetaGPTConfig, layer_idx: int) -> None:
        super().__init__()
        self.attention_norm = new_norm(config)
        self.attention = Attention(config, layer_idx)
        self.feed_forward_norm = new_norm(config)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.hidden_dropout)

    def forward(
        self,
        hidden_BTD: Tensor,
        attention_mask: Tensor | None = None,
        rotations: tuple[Tensor, Tensor] | None = None,
        past_key_values: Cache | None = None,
        **kwargs: Any,
    ) -> Tensor:
        mixed, _ = self.attention(
            self.attention_norm(hidden_BTD),
            attention_mask=attention_mask,
            rotations=rotations,
            past_key_values=past_key_values,
            **kwargs,
        )
        hidden_BTD = hidden_BTD + self.dropout(mixed)
        output_BTD: Tensor = hidden_BTD + self.dropout(self.feed_forward(self.feed_forward_norm(hidden_BTD)))
        return output_BTD
