"""The chart of a fine-tuning: its loss, and what the validation set said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["draw_history"]


def draw_history(history: Sequence[Mapping[str, Any]], picture: Path) -> None:
    """Training and validation loss by step, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.6), dpi=100, layout="constrained")
    axes = figure.subplots()
    for name, label, style in (("loss", "training", "-"), ("eval_loss", "validation", "o-")):
        points = [(line["step"], line[name]) for line in history if name in line]
        if points:
            axes.plot([step for step, _ in points], [loss for _, loss in points], style, label=label, markersize=3)
    axes.set(xlabel="step", ylabel="loss")
    axes.legend()
    part = picture.with_name(f".{picture.name}.part")
    figure.savefig(part, format="png")
    part.replace(picture)
