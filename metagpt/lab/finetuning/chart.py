"""The chart of a fine-tuning: its loss, and what the validation set said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from metagpt.lab.pictures import new_picture, save_picture

__all__ = ["draw_history"]


def draw_history(history: Sequence[Mapping[str, Any]], picture: Path) -> None:
    """Training and validation loss by step, as a PNG."""
    figure, axes = new_picture()
    for name, label, style in (("loss", "training", "-"), ("eval_loss", "validation", "o-")):
        points = [(line["step"], line[name]) for line in history if name in line]
        if points:
            axes.plot([step for step, _ in points], [loss for _, loss in points], style, label=label, markersize=3)
    axes.set(xlabel="step", ylabel="loss")
    axes.legend()
    save_picture(figure, picture)
