"""Weights of a causal language model: read for training, with LoRA factors where they are wanted, and saved merged."""

from __future__ import annotations

import logging
import shutil
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from metagpt.errors import LabError
from metagpt.hub.card import Card, lay_over, read_card, render_card
from metagpt.lab.alignment.settings import Tuning
from metagpt.lab.devices import pick_device
from metagpt.lab.saving import whole_folder
from metagpt.models.compact import END
from metagpt.models.local.architectures import register_architecture

__all__ = ["end_token", "load_model", "load_tokenizer", "quiet", "save_tuned", "training_options", "with_lora"]

_WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "*.bin", "*.png", ".*")


def load_tokenizer(folder: Path) -> Any:  # Any: tokenizers share no typed base
    """The tokenizer, padding on the left, for generation in batches.

    Raises:
        LabError: it has no end token.
    """
    register_architecture(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    if tokenizer.eos_token is None:
        raise LabError(f"{folder}: found a tokenizer without an end token; expected one, or answers never end. Set eos_token and save it.")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def end_token(tokenizer: Any) -> str:  # Any: as above
    """What an answer ends with: the mark of compact prompts where the tokenizer knows it as one token."""
    return END if END in tokenizer.get_vocab() else str(tokenizer.eos_token)


def load_model(folder: Path) -> Any:  # Any: transformers' classes share no typed call
    """The weights in float32: the changes of one step are smaller than 16 bits can tell."""
    register_architecture(folder)
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, use_safetensors=True)


def with_lora(model: Any, *, rank: int, alpha: float, seed: int) -> Any:  # Any: as above
    """The model with LoRA factors on every linear layer but the last; only these are trained."""
    from peft import LoraConfig, TaskType, get_peft_model

    torch.manual_seed(seed)
    config = LoraConfig(r=rank, lora_alpha=alpha, target_modules="all-linear", task_type=TaskType.CAUSAL_LM)  # type: ignore[arg-type]
    return get_peft_model(model, config)


def save_tuned(model: Any, base: Path, out: Path, card: Card) -> Path:  # Any: as above
    """Write a whole model: adapters merged in, everything but the weights as in the base's folder, and its own card.

    Raises:
        LabError: the folder holds something, or the disk has no room; then nothing was written.
    """
    whole = model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
    with whole_folder(out, "save") as part:
        own = shutil.ignore_patterns(*_WEIGHTS)
        shutil.copytree(base, part, ignore=lambda folder, names: own(folder, names) if Path(folder) == base else set(), dirs_exist_ok=True)
        with quiet():
            whole.save_pretrained(part)
        if (base / "generation_config.json").is_file():
            shutil.copy(base / "generation_config.json", part / "generation_config.json")  # trainers change theirs
        (part / "README.md").write_text(render_card(lay_over(card, read_card(base))), encoding="utf-8")
    return out


def training_options(settings: Tuning, checkpoint: Path, learning_rate: float) -> dict[str, Any]:
    """What every trainer of transformers and TRL is told here."""
    is_cpu = pick_device(settings.device).type == "cpu"
    return {
        "output_dir": str(checkpoint),
        "seed": settings.seed,
        "data_seed": settings.seed,
        "use_cpu": is_cpu,
        "bf16": False,
        "learning_rate": learning_rate,
        "num_train_epochs": settings.epochs,
        "max_steps": settings.max_steps,
        "warmup_steps": 0.05,
        "per_device_train_batch_size": settings.batch,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,  # a loss that is no number is an error, and not to be hidden
        "save_strategy": "steps",
        "save_steps": settings.save_every,
        "save_total_limit": 2,
        "report_to": "none",
        "disable_tqdm": True,  # `LossGuard` draws the bar
        "activation_checkpointing": False,
        "dataloader_pin_memory": not is_cpu,
    }


@contextmanager
def quiet() -> Iterator[None]:
    """Without the libraries' remarks and bars for each small table; their errors are heard."""
    import datasets

    from metagpt.models.local.bars import bars_for

    loggers = [logging.getLogger(name) for name in ("trl", "transformers", "accelerate")]
    levels = [each.level for each in loggers]
    bars = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    for each in loggers:
        each.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), bars_for(long=sys.stderr.isatty()):
            warnings.simplefilter("ignore", FutureWarning)  # what TRL and PEFT still call by old names
            yield
    finally:
        for each, level in zip(loggers, levels, strict=True):
            each.setLevel(level)
        if not bars:
            datasets.enable_progress_bars()
