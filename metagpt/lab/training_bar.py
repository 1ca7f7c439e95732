"""The progress of a trainer of transformers or TRL; its own bar is blank on terminals that tell no width."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback

from metagpt.lab.progress import progress_bar

__all__ = ["TrainingBar"]


class TrainingBar(TrainerCallback):
    """Draws a bar of the steps."""

    def __init__(self, owner: str) -> None:
        self._what = owner
        self._bar: Any = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Begin the bar where the training begins or goes on."""
        self._bar = progress_bar(state.max_steps, self._what, done=state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Move the bar."""
        self._bar.update(state.global_step - self._bar.n)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """End the bar."""
        self._bar.close()
