"""Runs that are cut at a step, for tests that resume them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metagpt.lab.jobs import RunFolder
from metagpt.lab.pretraining.settings import PretrainSettings

__all__ = ["CutFolder", "losses_of", "started"]


def started(folder: Path, settings: PretrainSettings) -> RunFolder:
    """A run of the job "pretrain" before its first step."""
    return RunFolder.create("pretrain", {"job": "pretrain", **settings.model_dump(mode="json")}, path=folder)


def losses_of(folder: Path) -> dict[int, float]:
    """The loss of each step; the last line of a step that was made twice."""
    return {line["step"]: line["loss"] for line in RunFolder(folder).logged() if "loss" in line}


@dataclass(frozen=True)
class CutFolder(RunFolder):
    """A run folder in which the run is interrupted as soon as a step is logged."""

    cut_at: int = 0

    def log(self, **values: Any) -> None:
        super().log(**values)
        if "loss" in values and values["step"] == self.cut_at:
            raise KeyboardInterrupt
