"""The figures of a compression, before and after, with words on what they do not show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metagpt.lab.evaluation.report import Score, markdown_table

__all__ = ["Figures", "table", "told"]

_NOTES = {
    "magnitude": (
        "The zeros stand in the file and in the matrices like any other number: pruning single weights alone makes the model neither"
        " smaller on the disk nor faster. It pays only with hardware or formats for sparse matrices; for size take int8, for speed"
        " structured pruning."
    ),
    "structured": "Whole heads and neurons are gone: the file is smaller and every matrix product shorter, on any device.",
    "int8": (
        "Packed weights make the file and the memory smaller. They are turned into floating-point numbers for every product, which"
        " costs time for few tokens; loaded with unpack=True the model is as fast, and as big in memory, as the original."
    ),
}
_NOTES["int4"] = _NOTES["int8"]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """One model, measured."""

    name: str
    parameters: int
    """Numbers that the model computes with; packed ones are counted as their matrices have them."""
    disk_bytes: int
    """Its safetensors."""
    tokens_per_s: float | None = None
    score: Score | None = None

    def as_json(self) -> dict[str, Any]:
        score = self.score
        return {
            "name": self.name,
            "parameters": self.parameters,
            "disk_bytes": self.disk_bytes,
            "tokens_per_s": self.tokens_per_s,
            "measure": None if score is None else score.name,
            "score": None if score is None else score.value,
            "interval": None if score is None else [score.interval.low, score.interval.high],
        }


def table(figures: list[Figures]) -> str:
    """The figures as a Markdown table."""
    measure = next((each.score.name for each in figures if each.score is not None), "score")
    return "\n".join(markdown_table(("model", "parameters", "MB on disk", "tokens/s", measure), map(_row, figures)))


def _row(each: Figures) -> tuple[str, ...]:
    return (
        each.name,
        f"{each.parameters:,}",
        f"{each.disk_bytes / 1e6:.2f}",
        "" if each.tokens_per_s is None else f"{each.tokens_per_s:,.0f}",
        "" if each.score is None else f"{each.score.value:.4f} {each.score.interval}",
    )


def told(method: str, figures: list[Figures], float32_bytes: int, found: Mapping[str, Any]) -> str:
    """The report in Markdown."""
    before, after = figures[0], figures[1]
    lines = [f"# Compression by {method}", "", table(figures), ""]
    lines.append(f"The file is {after.disk_bytes / float32_bytes:.1%} of the original's size in float32 ({float32_bytes / 1e6:.2f} MB).")
    if before.score is not None and after.score is not None:
        lines.append(f"The score changed by {100 * (after.score.value - before.score.value):+.2f} points.")
    if before.tokens_per_s and after.tokens_per_s:
        lines.append(f"Its speed is {after.tokens_per_s / before.tokens_per_s:.2f} times that of the original.")
    lines += ["", _NOTES[method], ""]
    lines += [f"- {name.replace('_', ' ')}: {value}" for name, value in found.items()]
    return "\n".join(lines).rstrip() + "\n"
