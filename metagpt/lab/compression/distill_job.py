"""The job "distill": a small student trained on a teacher's answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from metagpt.lab.compression.distilling import distill
from metagpt.lab.compression.job import load_set, pushed
from metagpt.lab.compression.settings import DistillSettings
from metagpt.lab.jobs import RunFolder
from metagpt.lab.saving import fresh

__all__ = ["Settings", "run"]


class Settings(DistillSettings):
    """Teacher, student, and the examples."""

    teacher: str = Field(description="The folder of a fine-tuned or language model, hub:NAME@VERSION, or embedded.")
    student: str | None = Field(None, description="The model to train, in the same ways; left out, some layers of the teacher.")
    train: str = Field(description="Examples to learn from: a file, a folder, hub:NAME@VERSION or hf:ORG/NAME.")
    data: str = Field(description="Held-out examples to score on.")
    text: str = Field("text", description="The column of texts.")
    label: str | None = Field("label", description="The column of labels; of bare language models none is needed.")
    format: str | None = Field(None, description="csv, tsv, jsonl, parquet or conll, where the ending does not say it.")
    hub_name: str | None = Field(None, description="Push the student to the hub under this name.")


def run(settings: Settings, folder: RunFolder) -> Mapping[str, Any]:
    """Distill, measure, write report.md and the student; a run that was cut goes on."""
    train, data = load_set(settings, settings.train), load_set(settings, settings.data)
    where = fresh(folder.path / "model")
    chosen = {name: getattr(settings, name) for name in DistillSettings.model_fields if name in settings.model_fields_set}
    done = distill(
        settings.teacher, where, train, data, student=settings.student, checkpoint=folder.checkpoint, on_step=folder.log, **chosen
    )
    folder.write_text("report.md", str(done))
    return pushed({**done.as_json(), "model": str(where)}, settings.hub_name, where, settings.teacher, folder)
