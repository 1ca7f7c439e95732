"""The model of a run at this moment: as it was saved at the end, or as the last checkpoint of a run that goes on has it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from metagpt.errors import LabError
from metagpt.lab.checkpoints import read_checkpoint
from metagpt.lab.jobs import RunFolder
from metagpt.lab.pretraining.models import start_model
from metagpt.lab.pretraining.settings import PretrainSettings
from metagpt.lab.pretraining.training import TOKENIZER
from metagpt.lab.pretraining.watching import steps_of

__all__ = ["Snapshot", "open_snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """A model on its way."""

    model: Any  # transformers' models and tokenizers share no typed call
    tokenizer: Any
    settings: PretrainSettings
    steps: int
    """Made so far."""
    validation_loss: float
    """The last one measured; no number where none was."""


def open_snapshot(folder: RunFolder) -> Snapshot:
    """The model with the weights that are saved: their mean, where the run keeps one.

    Raises:
        LabError: the run has not come to its first checkpoint.
    """
    from transformers import AutoTokenizer

    settings = PretrainSettings.model_construct(**{name: value for name, value in folder.recipe.items() if name != "job"})
    state = read_checkpoint(folder.checkpoint)
    if state is None:
        raise LabError(
            f"{folder.path}: found no checkpoint; expected one, which is written every {settings.save_every} steps. Wait for it."
        )
    tokenizer = AutoTokenizer.from_pretrained(folder.path / TOKENIZER, local_files_only=True)
    model = start_model(settings, tokenizer)
    model.load_state_dict(state["average"] if settings.average else state["model"])
    measured = [line["validation"] for line in steps_of(folder) if "validation" in line]
    return Snapshot(model.eval(), tokenizer, settings, int(state["number"]), measured[-1] if measured else math.nan)
