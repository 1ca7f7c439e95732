"""The job "select": the models of the hub that suit a task, with scores and reasons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from metagpt.hub import SelectedModel, TaskDescription
from metagpt.lab.hub_jobs.settings import HubJobSettings
from metagpt.lab.jobs import RunFolder

__all__ = ["Settings", "run"]


class Settings(HubJobSettings):
    """What a model is wanted for; all but the description are filters."""

    description: str = Field(description="What a model is wanted for, in a sentence.")
    top_n: int = Field(3, ge=1, description="How many to name.")
    task: str | None = Field(None, description="Only models for it: text-classification, …")
    language: str | None = Field(None, description="Only models that know it, or do not say what they know: en, de, …")
    max_mb: float | None = Field(None, gt=0, description="Only models up to this size.")
    max_parameters: int | None = Field(None, gt=0, description="Only models of so many numbers at most.")
    runs_on: str | None = Field(None, description="Only models that run there: cpu, cuda, mps, xla.")

    @model_validator(mode="after")
    def _is_a_task(self) -> Self:
        self.wanted()
        return self

    def wanted(self) -> TaskDescription:
        """The description with its filters.

        Raises:
            HubError: no words, or an unknown device.
        """
        return TaskDescription(
            self.description,
            task=self.task,
            language=self.language,
            max_size_bytes=None if self.max_mb is None else int(self.max_mb * 1e6),
            max_parameters=self.max_parameters,
            device=self.runs_on,
        )


def run(settings: Settings, folder: RunFolder) -> Mapping[str, Any]:
    """Select; report.md then holds the table.

    Returns:
        The best reference, and of each that was selected reference, score and reasons, best first.

    Raises:
        HubError: no model passes the filters; each is named with what keeps it out.
    """
    found = settings.open_hub().select_models(settings.wanted(), settings.top_n)
    folder.write_text("report.md", _report(settings, found))
    return {"best": found[0].reference, "selected": [each.as_json() for each in found]}


def _report(settings: Settings, found: list[SelectedModel]) -> str:
    rows = "".join(f"| {each.reference} | {each.score:.3f} | {each.why.replace('|', ' ')} |\n" for each in found)
    return f"# Models for a task\n\n{settings.description}\n\n| model | cosine similarity | why |\n|---|---|---|\n{rows}"
