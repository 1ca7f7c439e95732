"""Fine-tuning on prompts and answers, by the trainer of transformers; the loss counts answers alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainingArguments, set_seed

from metagpt.errors import LabError
from metagpt.lab.alignment.guard import LossGuard, run_trainer
from metagpt.lab.alignment.settings import Tuning
from metagpt.lab.alignment.weights import end_token, load_model, load_tokenizer, quiet, training_options, with_lora
from metagpt.lab.jobs import RunFolder

__all__ = ["tune_on_answers"]

_IGNORED = -100


def tune_on_answers(
    base: Path, rows: Sequence[tuple[str, str]], settings: Tuning, folder: RunFolder
) -> tuple[Any, dict[str, float]]:  # Any: transformers' classes share no typed call
    """The model after training on (prompt, answer) rows, and its last figures.

    Raises:
        LabError: no row fits the model's window, or a loss that is no number.
    """
    set_seed(settings.seed)
    tokenizer = load_tokenizer(base)
    with quiet():
        model = load_model(base)
        examples: Any = _encoded(rows, tokenizer, model.config.get_text_config().max_position_embeddings)
        if settings.lora:
            model = with_lora(model, rank=settings.lora_rank, alpha=settings.lora_alpha, seed=settings.seed)
        options = training_options(settings, folder.checkpoint, settings.rate("full"))
        trainer = Trainer(
            model=model,
            args=TrainingArguments(**options, remove_unused_columns=False, train_sampling_strategy="group_by_length"),
            train_dataset=examples,
            data_collator=lambda batch: _padded(batch, tokenizer.pad_token_id),
            callbacks=[LossGuard("improve", folder, settings.rate("full"))],
        )
        return trainer.model, run_trainer(trainer, folder.checkpoint)


def _encoded(rows: Sequence[tuple[str, str]], tokenizer: Any, window: int) -> list[dict[str, list[int]]]:
    """Tokens and labels of the rows that fit the window."""
    end = end_token(tokenizer)
    found = []
    for prompt, answer in rows:
        asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
        said = tokenizer(answer + end, add_special_tokens=False)["input_ids"]
        if len(asked) + len(said) <= window:
            found.append({"input_ids": asked + said, "labels": [_IGNORED] * len(asked) + said})
    if not found:
        raise LabError(f"improve: found none of {len(rows)} rows within {window} tokens; expected some. Use a base with a longer window.")
    return found


def _padded(batch: Sequence[dict[str, list[int]]], pad: int) -> dict[str, torch.Tensor]:
    longest = max(len(row["input_ids"]) for row in batch)

    def filled(name: str, value: int) -> torch.Tensor:
        return torch.tensor([row[name] + [value] * (longest - len(row[name])) for row in batch])

    lengths = torch.tensor([len(row["input_ids"]) for row in batch])
    return {
        "input_ids": filled("input_ids", pad),
        "attention_mask": (torch.arange(longest)[None, :] < lengths[:, None]).long(),
        "labels": filled("labels", _IGNORED),
    }
