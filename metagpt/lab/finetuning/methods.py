"""How a model is trained: all of it, or few parameters beside it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from metagpt.errors import LabError
from metagpt.lab.finetuning.bottleneck import with_bottlenecks
from metagpt.lab.finetuning.settings import GENERATION_TASKS, FinetuneSettings

__all__ = ["adapt", "count_trained", "old_name_allowed"]

_PEFT_TASKS = {"classification": "SEQ_CLS", "regression": "SEQ_CLS", "token-classification": "TOKEN_CLS"}


def adapt(model: Any, settings: FinetuneSettings) -> Any:  # Any: a model of transformers, or one that PEFT wraps
    """The model with exactly those parameters open that the method trains."""
    if settings.method == "full":
        return model
    is_generation = settings.task in GENERATION_TASKS
    if settings.method == "bottleneck":
        return with_bottlenecks(model, width=settings.width, targets=settings.targets, train_head=not is_generation)
    from peft import get_peft_model

    try:
        with old_name_allowed():
            return get_peft_model(model, _config(model, settings, "CAUSAL_LM" if is_generation else _PEFT_TASKS[settings.task]))
    except ValueError as error:  # how PEFT says that names or architecture do not fit
        raise LabError(f"finetune: method {settings.method!r} does not fit {type(model).__name__} ({error}). Set targets.") from error


@contextmanager
def old_name_allowed() -> Iterator[None]:
    """PEFT still asks a model for an attribute by the name that transformers 5 gave up; users can do nothing about it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        yield


def _config(model: Any, settings: FinetuneSettings, task: str) -> Any:
    import peft
    from transformers.pytorch_utils import Conv1D

    if settings.method == "prefix":
        return peft.PrefixTuningConfig(task_type=task, num_virtual_tokens=settings.prefix_length)
    transposed = any(isinstance(module, Conv1D) for module in model.modules())
    if settings.method == "lora":
        known = peft.utils.TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING
        return peft.LoraConfig(
            task_type=task, r=settings.rank, lora_alpha=settings.alpha,  # type: ignore[arg-type]  # it takes fractions
             lora_dropout=settings.dropout, fan_in_fan_out=transposed,
            target_modules=_targets(model, settings, known),
        )  # fmt: skip
    targets = _targets(model, settings, peft.utils.TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING)
    return peft.IA3Config(
        task_type=task, target_modules=targets, fan_in_fan_out=transposed, feedforward_modules=None if targets is None else []
    )


def _targets(model: Any, settings: FinetuneSettings, known: Mapping[str, Sequence[str]]) -> list[str] | str | None:
    """What is set; else what PEFT knows of the architecture (None); else every linear layer but the head."""
    if settings.targets is not None:
        return list(settings.targets)
    return None if model.config.model_type in known else "all-linear"


def count_trained(model: Any) -> tuple[int, int]:
    """(parameters that are trained, all parameters)."""
    sizes = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(size for size, is_open in sizes if is_open), sum(size for size, _ in sizes)
