"""A tiny random Llama with a byte-level BPE tokenizer, saved as a model folder: what the tests of local models load."""

# mypy: disallow-untyped-calls=False
# (transformers leaves some constructors unannotated)

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, PreTrainedModel, PreTrainedTokenizerFast

from metagpt.models.compact import ANSWER, CALL, CONTEXT, END

CORPUS = [
    'engineer.write_program {"goal": "sum the numbers of a list", "name": "total"}',
    "def total(numbers):\n    return sum(numbers)\n",
    "System: You are an engineer. User: write a program. Assistant: 0123456789 true false null",
    "naïve café, 東京, привет, emoji 🙂 and so on",
]

WIDTHS = {"q_proj": (48, 48), "k_proj": (24, 48), "v_proj": (24, 48), "o_proj": (48, 48), "up_proj": (96, 48), "down_proj": (48, 96)}
"""Outputs and inputs of the tiny model's linear layers."""
ADAPTED = tuple(f"{number}.{part}" for number in (0, 1) for part in ("self_attn.q_proj", "self_attn.v_proj", "mlp.down_proj"))

PIECE = '{"in_scope": true, "summary": "'
"""One token for a fixed piece of answers, as models trained for calls have them."""


def save_tiny_model(  # noqa: PLR0913  # each is a way in which the models of tests differ
    folder: Path,
    *,
    card: str = "",
    seed: int = 0,
    window: int = 2048,
    chat_template: str | None = None,
    sliding_window: int | None = None,
    tokenizer: Any = None,
) -> Path:
    """Save a model of some 60 thousand random parameters in `folder`; `card` is its README.md."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = tokenizer or _tokenizer()
    if chat_template:
        tokenizer.chat_template = chat_template
    tokenizer.save_pretrained(folder)
    sizes: dict[str, Any] = {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    }
    torch.manual_seed(seed)
    if sliding_window is None:
        model: PreTrainedModel = LlamaForCausalLM(
            LlamaConfig(
                vocab_size=len(tokenizer), max_position_embeddings=window, eos_token_id=tokenizer.eos_token_id, bos_token_id=None,
                initializer_range=0.25, **sizes,
            )
        )  # fmt: skip
    else:
        model = _sliding_model(len(tokenizer), window, sliding_window, tokenizer.eos_token_id, sizes)
    model.save_pretrained(folder)
    if card:
        (folder / "README.md").write_text(card, encoding="utf-8")
    return folder


def save_tiny_adapter(folder: Path, *, seed: int, rank: int = 4, layers: tuple[str, ...] = ADAPTED, **config: Any) -> Path:
    """Save a LoRA adapter of random factors for the tiny model, as peft names them; big enough to change its answers."""
    folder.mkdir(parents=True, exist_ok=True)
    chance = torch.Generator().manual_seed(seed)
    tensors = {}
    for layer in layers:
        outputs, inputs = WIDTHS[layer.rsplit(".", 1)[1]]
        name = f"base_model.model.model.layers.{layer}"
        tensors[f"{name}.lora_A.weight"] = torch.randn(rank, inputs, generator=chance) * 0.3
        tensors[f"{name}.lora_B.weight"] = torch.randn(outputs, rank, generator=chance) * 0.3
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    said = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "r": rank, "lora_alpha": 2 * rank, "base_model_name_or_path": "tiny"}
    said["target_modules"] = [f"layers.{layer}" for layer in layers]
    (folder / "adapter_config.json").write_text(json.dumps(said | config))
    return folder


def _sliding_model(vocab_size: int, window: int, sliding_window: int, eos: int, sizes: dict[str, Any]) -> PreTrainedModel:
    return MistralForCausalLM(
        MistralConfig(
            vocab_size=vocab_size, max_position_embeddings=window, sliding_window=sliding_window, eos_token_id=eos, bos_token_id=None,
            initializer_range=0.25, **sizes,
        )
    )  # fmt: skip


def _tokenizer() -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=[CALL, CONTEXT, ANSWER, END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(CORPUS * 4, trainer)
    bpe.add_tokens([AddedToken(PIECE, normalized=False, special=False)])
    return PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token=END, pad_token=END)
