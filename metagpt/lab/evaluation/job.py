"""The job `evaluate`: a model and a set in, a report with charts out."""

from __future__ import annotations

import json
from typing import Any

from pydantic import Field

from metagpt.lab.evaluation.evaluate import evaluate_model
from metagpt.lab.evaluation.job_settings import ScoringSettings, load_set
from metagpt.lab.evaluation.predicting import predictions_of
from metagpt.lab.jobs import RunFolder

__all__ = ["Settings", "run"]


class Settings(ScoringSettings):
    """Which model on which set."""

    model: str = Field(description="hub:NAME@VERSION, the folder of a fine-tuned model, or a .jsonl file of predictions.")
    level: float = Field(0.95, gt=0, lt=1, description="Confidence of the intervals.")


def run(settings: Settings, folder: RunFolder) -> dict[str, Any]:
    """Predict, score, and write predictions.jsonl, report.md, report.json and the charts."""
    data = load_set(settings)
    said = predictions_of(settings.model, data, device=settings.device)
    report = evaluate_model(
        said, data.labels, task=settings.task, title=f"{settings.model} on {data.name}",
        level=settings.level, resamples=settings.resamples, seed=settings.seed,
    )  # fmt: skip
    lines = (json.dumps({"prediction": each}, ensure_ascii=False) + "\n" for each in said)
    folder.write_text("predictions.jsonl", "".join(lines))
    report.save(folder.path)
    return {"examples": report.examples, **report.json_values}
