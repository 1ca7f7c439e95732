"""What a fine-tuning may be told; the job's settings and the keywords of `finetune` are the same fields."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from metagpt.errors import LabError, did_you_mean
from metagpt.lab.jobs import JobSettings

__all__ = ["GENERATION_TASKS", "FinetuneSettings", "Method", "TaskName", "read_settings"]

TaskName = Literal[
    "classification", "token-classification", "regression", "generation", "summarization", "translation", "question-answering", "code"
]
GENERATION_TASKS = ("generation", "summarization", "translation", "question-answering", "code")
Method = Literal["full", "lora", "prefix", "ia3", "bottleneck"]

_RATES: dict[str, float] = {"full": 5e-5, "lora": 5e-4, "prefix": 1e-2, "ia3": 5e-3, "bottleneck": 1e-3}


class FinetuneSettings(JobSettings):
    """The task, the method and the training."""

    task: TaskName = Field("classification", description="What the model is to do.")
    method: Method = Field("full", description="Train all weights (full), or few beside them: lora, prefix, ia3, bottleneck.")
    max_epochs: int = Field(3, ge=1, description="Passes over the training set.")
    max_steps: int | None = Field(None, ge=1, description="End after so many steps, whatever max_epochs says.")
    batch_size: int = Field(16, ge=1, description="Examples in a step on one device.")
    accumulate: int = Field(1, ge=1, description="Batches whose gradients make one step.")
    learning_rate: float | None = Field(None, gt=0, description="Peak rate; by the method if left out (full 5e-5 to prefix 1e-2).")
    weight_decay: float = Field(0.01, ge=0, description="Of AdamW; norms and biases are left alone.")
    warmup: float = Field(0.1, ge=0, le=1, description="Share of the steps in which the rate rises from 0; afterwards it falls to 0.")
    clip_norm: float = Field(1.0, gt=0, description="Gradients are scaled down to this norm.")
    bf16: bool = Field(False, description="Compute in bfloat16 where it is safe.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of the target that is spread over all classes or tokens.")
    class_weights: Literal["balanced"] | dict[str, float] | None = Field(
        None, description="Weight of each class in the loss; balanced: all classes weigh the same together."
    )
    patience: int | None = Field(None, ge=1, description="Stop after so many evaluations on the validation set without gain.")
    eval_steps: int | None = Field(None, ge=1, description="Evaluate and save every so many steps; after each epoch if left out.")
    validation_share: float = Field(0.1, ge=0, lt=1, description="Split off the training set for validation where no other is given.")
    allow_leaks: bool = Field(False, description="Accept texts that stand in several parts.")
    classes: tuple[str, ...] | None = Field(
        None, description="All classes that the task has, each of which must occur; else those that do."
    )
    max_length: int = Field(256, ge=4, description="Most tokens of an example; longer ones are cut.")
    template: str | None = Field(
        None, description="Prompt of a generation, with {text} and other columns in braces; by the task if left out."
    )
    max_new_tokens: int = Field(64, ge=1, description="Most tokens of a generated answer.")
    rank: int = Field(8, ge=1, description="Inner width of LoRA.")
    alpha: float = Field(16.0, gt=0, description="LoRA's update is multiplied by alpha / rank.")
    dropout: float = Field(0.0, ge=0, lt=1, description="Before LoRA's factors.")
    prefix_length: int = Field(20, ge=1, description="Virtual tokens of prefix tuning.")
    width: int = Field(64, ge=1, description="Inner width of bottleneck adapters.")
    targets: tuple[str, ...] | None = Field(None, description="Ends of the names of the modules to adapt; by the architecture if left out.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.class_weights is not None and self.task not in ("classification", "token-classification"):
            raise ValueError(f"class_weights are for classes, and the task is {self.task}")
        if self.label_smoothing and self.task == "regression":
            raise ValueError("label_smoothing is for classes and tokens, and the task is regression")
        if self.template is not None and (self.task not in GENERATION_TASKS or "{text}" not in self.template):
            raise ValueError("template is for generation, and holds {text}")
        return self

    @property
    def peak_rate(self) -> float:
        """The learning rate, or what suits the method."""
        return self.learning_rate or _RATES[self.method]


def read_settings(values: dict[str, Any]) -> FinetuneSettings:
    """The settings, checked.

    Raises:
        LabError: an unknown name, or a value that does not fit.
    """
    try:
        return FinetuneSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            hint = did_you_mean(name, FinetuneSettings.model_fields)
            raise LabError(f"finetune: found the setting {name!r}; expected a known one. {hint}") from error
        raise LabError(f"finetune: {name or 'settings'}: {first['msg'][:1].lower()}{first['msg'][1:]}. Correct the setting.") from error
