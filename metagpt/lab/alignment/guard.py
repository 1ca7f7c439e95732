"""What watches a trainer of transformers or TRL: its losses go into the log, and one that is no number ends it."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

from tqdm import tqdm
from transformers import PrinterCallback, TrainerCallback

from metagpt.errors import LabError
from metagpt.lab.jobs import RunFolder

__all__ = ["LossGuard", "last_checkpoint", "run_trainer"]


class LossGuard(TrainerCallback):
    """Logs every step and draws the bar; stops where the loss is no number, before anything of it is saved."""

    def __init__(self, owner: str, folder: RunFolder, learning_rate: float) -> None:
        self._owner, self._folder, self._learning_rate = owner, folder, learning_rate
        self._bar: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin the bar where the training begins or goes on."""
        self._bar = tqdm(total=state.max_steps, initial=state.global_step, desc=self._owner, disable=None)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Move the bar."""
        self._bar.update(state.global_step - self._bar.n)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End the bar."""
        self._bar.close()

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


def last_checkpoint(folder: Path) -> str | None:
    """The newest whole checkpoint of a trainer; its state is what it writes last."""
    found = {int(match[1]): path for path in folder.glob("checkpoint-*") if (match := re.fullmatch(r"checkpoint-(\d+)", path.name))}
    whole = [path for number, path in sorted(found.items()) if (path / "trainer_state.json").is_file()]
    return str(whole[-1]) if whole else None


def run_trainer(trainer: Any, checkpoint: Path) -> dict[str, float]:  # Any: transformers' and TRL's trainers
    """Train, from the checkpoint of a run that was cut where there is one; returns the last figures."""
    trainer.remove_callback(PrinterCallback)  # a line of figures for each step is in the log
    done = trainer.train(resume_from_checkpoint=last_checkpoint(checkpoint))
    losses = [float(line["loss"]) for line in trainer.state.log_history if "loss" in line]
    return {"steps": float(done.global_step), "first_loss": losses[0], "last_loss": losses[-1]}
