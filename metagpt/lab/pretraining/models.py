"""The model, the tokenizer and the optimizer that a pretraining begins with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from metagpt.lab.architecture import MetaGPTConfig, MetaGPTForCausalLM, MetaGPTTokenizer, register
from metagpt.lab.pretraining.settings import PretrainSettings
from metagpt.lab.pretraining.texts import Corpus
from metagpt.lab.train import Optimizer
from metagpt.models.local.bars import bars_for

__all__ = ["new_optimizer", "start_model", "start_tokenizer"]


def start_tokenizer(settings: PretrainSettings, corpus: Corpus, kept: Path) -> Any:  # Any: transformers' tokenizers share no typed call
    """The tokenizer kept by a run that was cut; else the one named; else one learned from the training text."""
    from transformers import AutoTokenizer

    register()
    saved = settings.base if settings.base is not None else settings.tokenizer
    place = kept if (kept / "tokenizer.json").is_file() else Path(saved).expanduser()
    if place != kept and saved in {"characters", "bytes"}:
        return MetaGPTTokenizer.from_texts(corpus.training, vocab_size=settings.vocab_size if saved == "bytes" else None)
    return AutoTokenizer.from_pretrained(place, local_files_only=True)


def start_model(settings: PretrainSettings, tokenizer: Any) -> Any:  # Any: as above
    """A new model with weights of the seed, or the base's."""
    torch.manual_seed(settings.seed)
    if settings.base is not None:
        from transformers import AutoModelForCausalLM

        register()
        place = Path(settings.base).expanduser()
        with bars_for(long=False):
            return AutoModelForCausalLM.from_pretrained(place, local_files_only=True, use_safetensors=True, dtype=torch.float32)
    return MetaGPTForCausalLM(
        MetaGPTConfig(
            vocab_size=len(tokenizer),
            hidden_size=settings.width,
            num_hidden_layers=settings.layers,
            num_attention_heads=settings.heads,
            intermediate_size=settings.hidden,
            max_position_embeddings=settings.length,
            positions=settings.positions,
            norm=settings.norm,
            gated=settings.gated,
            hidden_act="silu" if settings.gated else "gelu",
            bias=settings.bias,
            hidden_dropout=settings.dropout,
            attention_dropout=settings.dropout,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def new_optimizer(settings: PretrainSettings, model: nn.Module) -> Optimizer:
    """AdamW with decay of matrices alone, or Muon for the hidden matrices."""
    if settings.optimizer == "muon":
        from metagpt.lab.embedded.muon import MuonWithAdam

        return MuonWithAdam(model, muon_lr=settings.muon_rate, adam_lr=settings.learning_rate, weight_decay=settings.weight_decay)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [each for each in parameters if each.dim() >= 2], "weight_decay": settings.weight_decay},
        {"params": [each for each in parameters if each.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, settings.beta2), fused=True)
