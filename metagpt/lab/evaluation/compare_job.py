"""The job `compare`: two models on one set, and a paired test."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from metagpt.lab.evaluation.comparing import compare_models
from metagpt.lab.evaluation.job_settings import ScoringSettings, load_set
from metagpt.lab.evaluation.predicting import predictions_of
from metagpt.lab.jobs import RunFolder

__all__ = ["Settings", "run"]


class Settings(ScoringSettings):
    """Which two models on which set."""

    first: str = Field(description="hub:NAME@VERSION, the folder of a fine-tuned model, or a .jsonl file of predictions.")
    second: str = Field(description="The other one.")
    alpha: float = Field(0.05, gt=0, lt=1, description="A difference with a p at or below it is taken for real.")


def run(settings: Settings, folder: RunFolder) -> dict[str, Any]:
    """Predict with both, test, and write comparison.md and comparison.json."""
    data = load_set(settings)
    first, second = (predictions_of(source, data, device=settings.device) for source in (settings.first, settings.second))
    found = compare_models(
        first, second, data.labels, names=(settings.first, settings.second), task=settings.task, alpha=settings.alpha,
        resamples=settings.resamples, seed=settings.seed,
    )  # fmt: skip
    found.save(folder.path)
    deciding = found.differences[0]
    return {
        "measure": deciding.measure,
        "first": deciding.first,
        "second": deciding.second,
        "p_value": deciding.p_value,
        "winner": found.winner,
        "verdict": found.verdict,
    }
