"""Models and adapters of random weights, for speed does not depend on what weights say."""

# mypy: disallow-untyped-calls=False
# (transformers leaves some constructors unannotated)

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

__all__ = ["SMALL", "random_adapter", "random_model"]

SMALL = LlamaConfig(
    vocab_size=2048,
    hidden_size=320,
    intermediate_size=864,
    num_hidden_layers=5,
    num_attention_heads=5,
    num_key_value_heads=5,
    max_position_embeddings=2048,
    bos_token_id=None,
    eos_token_id=2047,
)


def random_model(folder: Path, shape: LlamaConfig = SMALL, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Path:
    """Save a Llama of that shape, with a tokenizer of bytes and pairs of bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    pairs = [first + second for first in alphabet for second in alphabet]
    vocabulary = {piece: number for number, piece in enumerate([*alphabet, *pairs[: 2047 - len(alphabet)], "<|end|>"])}
    bpe = Tokenizer(models.BPE(vocabulary, []))
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<|end|>").save_pretrained(folder)
    torch.manual_seed(0)
    with torch.device(device):
        model = LlamaForCausalLM(shape)
    model.to(dtype).save_pretrained(folder)
    return folder


def random_adapter(base: Path, folder: Path, *, seed: int, rank: int = 16) -> Path:
    """Save a LoRA adapter for the query and value layers of such a model."""
    config = AutoConfig.from_pretrained(base)
    head = config.hidden_size // config.num_attention_heads
    widths = {"q_proj": config.hidden_size, "v_proj": head * config.num_key_value_heads}
    chance = torch.Generator().manual_seed(seed)
    tensors = {}
    for layer in range(config.num_hidden_layers):
        for name, width in widths.items():
            prefix = f"base_model.model.model.layers.{layer}.self_attn.{name}"
            tensors[f"{prefix}.lora_A.weight"] = torch.randn(rank, config.hidden_size, generator=chance)
            tensors[f"{prefix}.lora_B.weight"] = torch.randn(width, rank, generator=chance)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors")
    said = {"peft_type": "LORA", "r": rank, "lora_alpha": rank, "target_modules": list(widths)}
    (folder / "adapter_config.json").write_text(json.dumps(said))
    return folder
