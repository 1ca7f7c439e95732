"""The model and the optimizer that a pretraining begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from metagpt.lab.architecture import MetaGPTConfig, MetaGPTForCausalLM, register
from metagpt.lab.pretraining.muon import MuonWithAdam
from metagpt.lab.pretraining.settings import PretrainSettings
from metagpt.lab.train import Optimizer
from metagpt.models.local.bars import bars_for

__all__ = ["new_optimizer", "start_model"]


def start_model(settings: PretrainSettings, tokenizer: Any) -> Any:  # Any: as above
    """A new model with weights of the seed, or the base's."""
    torch.manual_seed(settings.seed)
    if settings.base is not None:
        from transformers import AutoModelForCausalLM

        register()
        place = Path(settings.base).expanduser()
        with bars_for(long=False):
            return AutoModelForCausalLM.from_pretrained(place, local_files_only=True, use_safetensors=True, dtype=torch.float32)
    return _new_llama(settings, tokenizer) if settings.architecture == "llama" else _new_metagpt(settings, tokenizer)


def _new_metagpt(settings: PretrainSettings, tokenizer: Any) -> Any:
    return MetaGPTForCausalLM(
        MetaGPTConfig(
            **_shape(settings, tokenizer),
            intermediate_size=settings.hidden,
            positions=settings.positions,
            norm=settings.norm,
            gated=settings.gated,
            hidden_act="silu" if settings.gated else "gelu",
            bias=settings.bias,
            hidden_dropout=settings.dropout,
            attention_dropout=settings.dropout,
        )
    )


def _new_llama(settings: PretrainSettings, tokenizer: Any) -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            **_shape(settings, tokenizer),
            num_key_value_heads=settings.heads,
            intermediate_size=settings.hidden or int(settings.width * 8 / 3 + 7) // 8 * 8,
            tie_word_embeddings=True,
            bos_token_id=None,
        )
    )


def _shape(settings: PretrainSettings, tokenizer: Any) -> dict[str, Any]:
    """What every architecture is told."""
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": settings.width,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "max_position_embeddings": settings.context or settings.length,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def new_optimizer(settings: PretrainSettings, model: nn.Module) -> Optimizer:
    """AdamW with decay of matrices alone, or Muon for the hidden matrices."""
    if settings.optimizer == "muon":
        return MuonWithAdam(
            model,
            muon_lr=settings.muon_rate,
            adam_lr=settings.learning_rate,
            beta2=settings.beta2,
            weight_decay=settings.weight_decay,
        )
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [each for each in parameters if each.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [each for each in parameters if each.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, settings.beta2), fused=True)
