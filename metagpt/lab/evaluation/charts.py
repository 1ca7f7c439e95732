"""The charts of a report: scores with intervals, F1 of each class, and who is taken for whom."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.lab.pictures import new_picture, save_picture

if TYPE_CHECKING:
    from metagpt.lab.evaluation.report import Report

__all__ = ["draw_charts"]

_MOST_CLASSES = 40
_BLUE = "#4477aa"


def draw_charts(report: Report, folder: Path) -> list[str]:
    """Draw what the report has figures for; returns the names of the files."""
    drawn = []
    bounded = [score for score in report.scores if 0 <= score.value <= 1]
    if bounded:
        height = 0.6 + 0.35 * len(bounded)
        figure, axes = new_picture(6.4, height)
        values = [score.value for score in bounded]
        reach = [[max(0.0, s.value - s.interval.low) for s in bounded], [max(0.0, s.interval.high - s.value) for s in bounded]]
        axes.errorbar(values, range(len(bounded)), xerr=reach, fmt="o", color=_BLUE, capsize=3)
        axes.set(yticks=range(len(bounded)), yticklabels=[score.name for score in bounded], xlim=(0, 1), ylim=(len(bounded) - 0.5, -0.5))
        drawn.append(_save(figure, folder, "scores.png"))
    classes = [row for row in report.rows if not row.name.endswith(" avg")]
    if 1 < len(classes) <= _MOST_CLASSES:
        figure, axes = new_picture(6.4, 0.8 + 0.22 * len(classes))
        axes.barh([row.name for row in classes], [row.f1 for row in classes], color=_BLUE)
        axes.set(xlabel="F1", xlim=(0, 1))
        axes.invert_yaxis()
        drawn.append(_save(figure, folder, "f1.png"))
    if report.taken_for and 1 < len(classes) <= _MOST_CLASSES:
        drawn.append(_draw_confusion(report, [row.name for row in classes], folder))
    return drawn


def _draw_confusion(report: Report, names: list[str], folder: Path) -> str:
    place = {name: number for number, name in enumerate(names)}
    grid = [[0] * len(names) for _ in names]
    for true, said, count in report.taken_for:
        grid[place[true]][place[said]] += count
    side = 2.0 + 0.25 * len(names)
    figure, axes = new_picture(side, side)
    figure.colorbar(axes.imshow(grid, cmap="Blues"), ax=axes, shrink=0.8)
    axes.set(xlabel="said", ylabel="true", xticks=range(len(names)), yticks=range(len(names)), yticklabels=names)
    axes.set_xticklabels(names, rotation=90)
    return _save(figure, folder, "confusion.png")


def _save(figure: Any, folder: Path, name: str) -> str:
    save_picture(figure, folder / name)
    return name
