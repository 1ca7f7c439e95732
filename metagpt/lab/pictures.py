"""Charts of the lab: one size of canvas, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metagpt.errors import LabError
from metagpt.hub.durable import replacing

__all__ = ["new_picture", "save_picture"]


def new_picture(width: float = 6.4, height: float = 3.6) -> tuple[Any, Any]:  # Any: matplotlib loads at its first use
    """A figure of so many inches, at 100 dots an inch, and its axes.

    Raises:
        LabError: no matplotlib.
    """
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise LabError("charts: found no matplotlib; expected the extra `lab`. Run: pip install 'metagpt[lab]'") from error
    figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
    return figure, figure.subplots()


def save_picture(figure: Any, picture: Path) -> None:
    """Write the figure as a PNG."""
    with replacing(picture) as aside:
        figure.savefig(aside, format="png")
