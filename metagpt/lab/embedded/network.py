"""The embedded model itself: a small Llama with tied embeddings, and its loss on packed rows."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerBase

from metagpt.lab.embedded.packing import PackedBatch

__all__ = ["new_model", "packed_loss"]


def new_model(
    tokenizer: PreTrainedTokenizerBase, *, layers: int = 5, width: int = 256, heads: int = 4, hidden: int = 688, seed: int = 7
) -> LlamaForCausalLM:
    """Random weights; 4.6 million parameters by default."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        intermediate_size=hidden,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=_single_id(tokenizer.eos_token_id),
        pad_token_id=_single_id(tokenizer.pad_token_id),
    )
    return LlamaForCausalLM(config)


def _single_id(token_id: object) -> int:
    assert isinstance(token_id, int), "our tokenizer has one token of each kind"
    return token_id


def packed_loss(model: Any, batch: PackedBatch) -> Tensor:
    """Mean cross-entropy of the answers' tokens; each example attends to itself alone."""
    rows, length = batch.tokens_BT.shape
    causal_TT = torch.ones(length, length, dtype=torch.bool).tril()
    seen_B1TT = ((batch.owners_BT[:, :, None] == batch.owners_BT[:, None, :]) & causal_TT)[:, None]
    targets_N = batch.targets_BT.reshape(-1)
    counted_N = targets_N != -100
    with torch.autocast("cpu", torch.bfloat16):
        bias_B1TT = torch.zeros(seen_B1TT.shape, dtype=torch.bfloat16).masked_fill(~seen_B1TT, float("-inf"))
        hidden_BTD = model.model(
            input_ids=batch.tokens_BT, position_ids=batch.places_BT, attention_mask=bias_B1TT, use_cache=False
        ).last_hidden_state
        logits_AV = model.lm_head(hidden_BTD.reshape(rows * length, -1)[counted_N])
    return functional.cross_entropy(logits_AV.float(), targets_N[counted_N])
