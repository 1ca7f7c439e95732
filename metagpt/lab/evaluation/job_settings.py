"""What the jobs `evaluate` and `compare` are both told."""

from __future__ import annotations

from pydantic import Field

from metagpt.hub.data import TextData, load_data
from metagpt.lab.evaluation.tasks import EvaluationTask
from metagpt.lab.jobs import JobSettings

__all__ = ["ScoringSettings", "load_set"]


class ScoringSettings(JobSettings):
    """The set, its columns, and how sure the intervals are."""

    data: str = Field(description="The set: a file, a folder, hub:NAME@VERSION or hf:ORG/NAME.")
    split: str | None = Field(None, description="Which split of a set that has several.")
    text: str = Field("text", description="The column of texts.")
    label: str = Field("label", description="The column of labels.")
    format: str | None = Field(None, description="csv, tsv, jsonl, parquet or conll, where the ending does not say it.")
    task: EvaluationTask | None = Field(None, description="Read off the labels if left out; generated texts need generation.")
    resamples: int = Field(1000, ge=100, description="Of the bootstrap.")


def load_set(settings: ScoringSettings) -> TextData:
    """The set that is scored on."""
    return load_data(
        settings.data, text=settings.text, label=settings.label, split=settings.split, numbers=settings.task == "regression",
        format=settings.format,  # type: ignore[arg-type]  # load_data checks the word
    )  # fmt: skip
