"""What watches a trainer of transformers or TRL: its losses go into the log, and one that is no number ends it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from transformers import PrinterCallback

from metagpt.errors import LabError
from metagpt.lab.checkpoints import trainer_checkpoints
from metagpt.lab.jobs import RunFolder
from metagpt.lab.training_bar import TrainingBar

__all__ = ["LossGuard", "run_trainer"]


class LossGuard(TrainingBar):
    """Logs every step and draws the bar; stops where the loss is no number, before anything of it is saved."""

    def __init__(self, owner: str, folder: RunFolder, learning_rate: float) -> None:
        super().__init__(owner)
        self._owner, self._folder, self._learning_rate = owner, folder, learning_rate

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        """Look at a step's figures.

        Raises:
            LabError: the loss or its gradient is not finite.
        """
        figures = {name: float(value) for name, value in (logs or {}).items() if isinstance(value, int | float)}
        for name in ("loss", "grad_norm"):
            if not math.isfinite(figures.get(name, 0.0)):
                raise LabError(
                    f"{self._owner}: step {state.global_step}: found {name} {figures[name]}; expected a number. Lower the learning rate"
                    f" ({self._learning_rate:g}), and look at the data of this step. Checkpoints before it are kept."
                )
        self._folder.log(step=state.global_step, **{name: round(value, 6) for name, value in figures.items() if math.isfinite(value)})


def run_trainer(trainer: Any, checkpoint: Path) -> dict[str, float]:  # Any: transformers' and TRL's trainers
    """Train, from the checkpoint of a run that was cut where there is one; returns the last figures.

    Raises:
        LabError: the disk has no room for a checkpoint.
    """
    trainer.remove_callback(PrinterCallback)  # a line of figures for each step is in the log
    with trainer_checkpoints(checkpoint, "train") as last:
        done = trainer.train(resume_from_checkpoint=None if last is None else str(last))
    losses = [float(line["loss"]) for line in trainer.state.log_history if "loss" in line]
    return {"steps": float(done.global_step), "first_loss": losses[0], "last_loss": losses[-1]}
