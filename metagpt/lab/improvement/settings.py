"""What an improvement may be told."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_validator

from metagpt.lab.alignment.settings import Tuning

__all__ = ["PRODUCTION", "Settings"]

PRODUCTION = "production"
"""The alias of the version that is in service."""


class Settings(Tuning):
    """The job `improve`."""

    role: str = Field(description="The role whose model is made better, as engineer; its models have this name in the hub.")
    runs: Path | str = Field(
        ".metagpt/journal.db", description="The journal of the runs to learn from: a file, or NAME:REST of an installed journal."
    )
    team: str = Field("software", description="Runs of this team are taken, and held-out goals are given to it.")
    base: str | None = Field(None, description="What to train from: embedded, hub:NAME, a folder; what is in service if left out.")
    method: Literal["lora", "full", "dpo", "grpo"] = Field(
        "lora", description="lora and full learn from passed answers, dpo from repaired ones, grpo from tests run in the sandbox."
    )
    epochs: float = Field(3.0, gt=0, description="Times that every row is seen, where max_steps does not say otherwise.")
    explore: int = Field(
        0, ge=0, description="lora and full: answers drawn for each prompt that has tests; those that pass them are learned from too."
    )
    breaks: int = Field(
        40, ge=0, description="lora and full: slips tried in each passed program; those that fail a test then are lessons in repair."
    )
    agreed: bool = Field(
        True, description="lora and full: of calls that came to nothing, learn the answer that three votes in four were for."
    )
    rehearse: str | None = Field(
        None,
        description="lora and full: a corpus without end that the base was trained on, as embedded-goals; examples of the role's calls are"
        " mixed in, so that what no run shows is not forgotten. Then batch is 32 and learning_rate 3e-4, if left out.",
    )
    rehearsed: int = Field(16_000, ge=1, description="Examples of that corpus, each seen once.")
    candidate: str | None = Field(None, description="A model trained elsewhere to be compared and promoted; nothing is trained then.")
    exam: Literal["calls", "team"] | None = Field(
        None, description="calls: the role's own calls, answers run on tests; team: whole runs on held-out goals. calls if it has tests."
    )
    sets: tuple[str, ...] = Field(
        ("held_compositions", "seen"), description="Sets of generated goals of the embedded model's lab; none with an empty list."
    )
    count: int = Field(200, ge=0, description="Goals or tasks of each generated set.")
    samples: int = Field(4, ge=1, description="Answers of each model to each task: the first without chance, the others drawn.")
    level: float = Field(0.05, gt=0, lt=1, description="The paired test's p must not be above it.")
    shuffle_labels: bool = Field(False, description="A drill: answers are shuffled among the prompts, to see the candidate refused.")
    hub: Path | None = Field(None, description="The hub's folder.")

    @model_validator(mode="before")
    @classmethod
    def _suit_rehearsal(cls, said: dict[str, Any]) -> dict[str, Any]:  # Any: settings as they were written
        return {"batch": 32, "learning_rate": 3e-4, **said} if said.get("rehearse") is not None else said
