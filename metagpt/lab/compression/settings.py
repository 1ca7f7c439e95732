"""What compression and distillation may be told."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from metagpt.errors import LabError, did_you_mean
from metagpt.lab.jobs import JobSettings

__all__ = ["CompressSettings", "DistillSettings", "checked_settings"]


class _TeachingSettings(JobSettings):
    """Training that follows a teacher."""

    batch_size: int = Field(16, ge=1, description="Examples of a batch.")
    learning_rate: float = Field(1e-4, gt=0, description="Peak rate of training.")
    weight_decay: float = Field(0.01, ge=0, description="Of AdamW; norms and biases are left alone.")
    temperature: float = Field(2.0, gt=0, description="Softens the teacher's answers.")
    soft: float = Field(0.7, ge=0, le=1, description="Weight of the teacher's answers beside the labels.")
    rounds: int = Field(5, ge=1, description="Rounds of the measurement of speed; its median counts.")
    allow_leaks: bool = Field(False, description="Accept texts that are trained on and scored on.")


class CompressSettings(_TeachingSettings):
    """One method, how much of it, and what is trained afterwards."""

    method: Literal["int8", "int4", "structured", "magnitude"] = Field(
        "int8", description="Whole numbers of 8 or 4 bits; heads and neurons taken out; or the smallest weights set to zero."
    )
    group: int = Field(32, ge=2, multiple_of=2, description="Inputs with a scale of their own in int4; fewer are more exact and bigger.")
    heads: float = Field(0.25, ge=0, lt=1, description="Share of attention heads that structured pruning takes out of each layer.")
    neurons: float = Field(0.25, ge=0, lt=1, description="Share of feed-forward neurons that it takes out of each layer.")
    share: float = Field(0.5, gt=0, lt=1, description="Share of weights that magnitude sets to zero.")
    importance: Literal["weights", "effect"] = Field(
        "weights", description="What says how much a head or neuron counts: its weights, or its effect on the loss of the training data."
    )
    recover_steps: int = Field(0, ge=0, description="Steps of training after pruning, with the original as teacher; needs training data.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.method in ("int8", "int4") and self.recover_steps:
            raise ValueError(f"recover_steps is for pruning, and the method is {self.method}; leave it out")
        if self.method == "structured" and not (self.heads or self.neurons):
            raise ValueError("heads and neurons are both 0; set one of them above")
        return self

    @property
    def needs_train(self) -> bool:
        """Whether it cannot be done without training data."""
        return bool(self.recover_steps) or (self.method == "structured" and self.importance == "effect")


class DistillSettings(_TeachingSettings):
    """Which student is trained, and on what of the teacher."""

    layers: int | None = Field(
        None, ge=1, description="Make the student of so many of the teacher's layers, evenly spread, where none is given."
    )
    targets: Literal["logits", "sequence"] = Field(
        "logits", description="Learn the teacher's probabilities; or, of generators, the texts that it answers."
    )
    steps: int = Field(300, ge=1, description="Steps of training.")
    baseline: bool = Field(True, description="Train the same student on the labels alone, too, to compare with.")


def checked_settings(kind: type[JobSettings], owner: str, values: dict[str, Any]) -> Any:  # Any: of that kind
    """Settings from keywords.

    Raises:
        LabError: an unknown name, or a value that does not fit.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            hint = did_you_mean(name, kind.model_fields)
            raise LabError(f"{owner}: found the setting {name!r}; expected a known one. {hint}") from error
        raise LabError(f"{owner}: {name or 'settings'}: {first['msg'][:1].lower()}{first['msg'][1:]}. Correct the setting.") from error
