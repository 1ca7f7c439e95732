"""What an alignment may be told."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from metagpt.lab.jobs import JobSettings

__all__ = ["Settings", "Tuning"]


class Tuning(JobSettings):
    """What every training of a generator may be told here."""

    lora: bool = Field(False, description="Train low-rank factors, merged in at the end, instead of all weights.")
    lora_rank: int = Field(16, ge=1, description="Inner width of the factors.")
    lora_alpha: float = Field(32.0, gt=0, description="The factors' update is multiplied by alpha / rank.")
    learning_rate: float | None = Field(
        None, gt=0, description="At its peak; full 5e-5, dpo 5e-6, grpo 1e-5 if left out, four times as much with lora."
    )
    epochs: float = Field(1.0, gt=0, description="Times that every row is seen, where max_steps does not say otherwise.")
    max_steps: int = Field(-1, ge=-1, description="Steps; -1 for as many as the epochs take.")
    batch: int = Field(8, ge=1, description="Rows of a step; for grpo answers of a step.")
    save_every: int = Field(50, ge=1, description="Steps between checkpoints.")
    beta: float | None = Field(None, ge=0, description="How strongly the model is held to where it began; dpo 0.1 and grpo 0 if left out.")
    chosen_weight: float = Field(
        0.0, ge=0, description="dpo: of the mean loss of a chosen answer's tokens, so that chosen answers do not lose likelihood as well."
    )
    generations: int = Field(8, ge=2, description="grpo: answers drawn for each prompt; a divisor of batch.")
    temperature: float = Field(0.9, gt=0, description="grpo: of the drawing.")
    max_tokens: int = Field(320, ge=1, description="Most tokens of an answer.")
    tests_weight: float = Field(1.0, ge=0, description="grpo: of the share of tests passed in the sandbox; 0 runs none.")
    reward: str = Field(
        "", description="grpo: name of a plugin's reward, such as program_of_spec; see `metagpt.lab.alignment.reward_plugins`."
    )
    reward_weight: float = Field(1.0, ge=0, description="grpo: of the plugin's reward.")
    form_weight: float = Field(0.1, ge=0, description="grpo: of the form: form_pattern, or Python that defines the function.")
    form_pattern: str = Field("", description="grpo: a regular expression that a whole answer shall match.")
    length_weight: float = Field(0.0, ge=0, description="grpo: of min(1, length_target / length).")
    length_target: int = Field(400, ge=1, description="grpo: characters.")

    @field_validator("form_pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"is no regular expression ({error})") from error
        return pattern

    def rate(self, method: Literal["full", "dpo", "grpo"]) -> float:
        """The peak learning rate of a method."""
        usual = {"full": 5e-5, "dpo": 5e-6, "grpo": 1e-5}[method] * (4 if self.lora else 1)
        return usual if self.learning_rate is None else self.learning_rate


class Settings(Tuning):
    """The job `align`."""

    method: Literal["dpo", "grpo"] = Field(description="dpo learns from preference pairs, grpo from rewards of drawn answers.")
    model: str = Field(description="What to start from: embedded, hub:NAME@ALIAS, or a folder.")
    data: str = Field(description="hub:NAME, a folder or a .jsonl file; rows of text with chosen and rejected, or function and tests.")
    split: str | None = Field(None, description="Which part of a set that has several; train if left out.")
    hub: Path | None = Field(None, description="The hub's folder.")
    push: str | None = Field(None, description="Name to push the tuned model to the hub by; it stays in the run's folder if left out.")
