"""What the job "robustness" may be told: the fine-tuning of a model, its adversary, and the perturbations of the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from metagpt.lab.finetuning.settings import FinetuneSettings

if TYPE_CHECKING:
    from metagpt.lab.robustness.adversary import Adversary

__all__ = ["RobustnessSettings"]

Kind = Literal["swap", "delete", "typo", "synonym", "mention"]


class RobustnessSettings(FinetuneSettings):
    """Without a training set it reports on a fine-tuned model; with one it trains first."""

    model: str = Field(description="A base to train, or without `data` the folder or hub:NAME@VERSION of a fine-tuned model to report on.")
    data: str | None = Field(None, description="The training set: a file, a folder, hub:NAME@VERSION or hf:ORG/NAME.")
    test: str = Field(description="The test set that is perturbed.")
    text: str = Field("text", description="The column of texts.")
    label: str = Field("label", description="The column of labels.")
    format: str | None = Field(None, description="csv, tsv, jsonl, parquet or conll, where the ending does not say it.")
    adversary: Literal["none", "fgm", "freelb"] = Field("none", description="Whom training is against.")
    epsilon: float | None = Field(None, gt=0, description="How far it moves embeddings; 1 for fgm and 0.5 for freelb if left out.")
    ascent_rate: float = Field(0.2, gt=0, description="How far each ascent of freelb goes.")
    ascent_steps: int = Field(3, ge=1, description="Passes of a step of freelb.")
    augment: tuple[Kind, ...] = Field((), description="Add changed copies of these kinds to the training set.")
    copies: int = Field(1, ge=1, description="Changed copies of each example and kind.")
    baseline: bool = Field(False, description="Train the same without adversary and copies, too, and report on both.")
    perturb: tuple[Kind, ...] = Field((), description="Kinds of the report; all that fit the test set if left out.")
    strength: float = Field(0.1, gt=0, le=1, description="Share of the words that are changed, one at least.")
    synonyms: str | None = Field(None, description="A JSON file from words to lists of synonyms.")
    hub_name: str | None = Field(None, description="Push the trained model to the hub under this name.")

    @model_validator(mode="after")
    def _trains(self) -> Self:
        if self.data is None and (self.adversary != "none" or self.augment or self.baseline or self.hub_name):
            raise ValueError("adversary, augment, baseline and hub_name are for training; give data, or leave them out")
        if self.synonyms is None and "synonym" in (*self.augment, *self.perturb):
            raise ValueError("synonym needs the table that `synonyms` names")
        return self

    def make_adversary(self) -> Adversary | None:
        """The adversary that is meant."""
        from metagpt.lab.robustness.adversary import Fgm, FreeLb

        if self.adversary == "none":
            return None
        if self.adversary == "fgm":
            return Fgm(epsilon=self.epsilon or 1.0)
        return FreeLb(epsilon=self.epsilon or 0.5, rate=self.ascent_rate, steps=self.ascent_steps)
