"""The report of an evaluation: on the terminal, in Markdown with charts, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metagpt.errors import LabError, did_you_mean
from metagpt.hub.durable import write_durably
from metagpt.lab.evaluation.counts import Row
from metagpt.lab.evaluation.intervals import Interval

__all__ = ["Report", "Score", "markdown_table", "to_json"]


@dataclass(frozen=True, slots=True)
class Score:
    """One measure of a model, with its interval."""

    name: str
    value: float
    interval: Interval
    is_higher_better: bool = True


@dataclass(frozen=True, kw_only=True)
class Report:
    """What an evaluation found; printed, it is a table."""

    title: str
    task: str
    examples: int
    scores: tuple[Score, ...]
    rows: tuple[Row, ...] = ()
    """A row for each class or entity type, and the averages."""
    taken_for: tuple[tuple[str, str, int], ...] = ()
    """(true class, said class, how often), of classification."""

    def __getitem__(self, name: str) -> float:
        """The value of a measure."""
        for score in self.scores:
            if score.name == name:
                return score.value
        known = [score.name for score in self.scores]
        raise LabError(f"Report: found no measure {name!r}; expected one that was taken. {did_you_mean(name, known)}")

    @property
    def values(self) -> dict[str, float]:
        """Every measure by name."""
        return {score.name: score.value for score in self.scores}

    @property
    def json_values(self) -> dict[str, float | None]:
        """The same as JSON values: what is not a number is None."""
        found: dict[str, float | None] = _plain(self.values)
        return found

    def __str__(self) -> str:
        width = max(len(score.name) for score in self.scores)
        level = f"{self.scores[0].interval.level * 100:g}"
        lines = [f"{self.title or self.task}: {self.examples} examples, {level} % intervals"]
        lines += [f"  {score.name:{width}}  {score.value:9.4f}  {score.interval}" for score in self.scores]
        return "\n".join(lines + self._rows_as_text())

    def _rows_as_text(self) -> list[str]:
        if not self.rows:
            return []
        width = max(len(row.name) for row in self.rows)
        lines = [f"  {'':{width}}  precision  recall      f1  support"]
        cells = (f"{row.precision:9.4f}  {row.recall:6.4f}  {row.f1:6.4f}  {row.support:7}" for row in self.rows)
        return lines + [f"  {row.name:{width}}  {cell}" for row, cell in zip(self.rows, cells, strict=True)]

    def to_markdown(self, charts: Sequence[str] = ()) -> str:
        """The report as Markdown.

        Args:
            charts: File names of pictures to show.
        """
        level = f"{self.scores[0].interval.level * 100:g}"
        lines = [f"# {self.title or 'Evaluation'}", "", f"Task: {self.task}. {self.examples} examples, {level} % intervals.", ""]
        lines += markdown_table(
            ("measure", "value", "interval", "by"),
            ((s.name, f"{s.value:.4f}", str(s.interval), s.interval.method) for s in self.scores),
        )
        if self.rows:
            cells = ((r.name, f"{r.precision:.4f}", f"{r.recall:.4f}", f"{r.f1:.4f}", str(r.support)) for r in self.rows)
            lines += ["", *markdown_table(("", "precision", "recall", "F1", "support"), cells)]
        for chart in charts:
            lines += ["", f"![{Path(chart).stem}]({chart})"]
        return "\n".join(lines) + "\n"

    def as_json(self) -> dict[str, Any]:
        """All figures as JSON values; one that is not a number is null."""
        found: dict[str, Any] = _plain(asdict(self))
        return found

    def save(self, folder: Path | str) -> Path:
        """Write `report.json`, the charts, and `report.md` last: where it stands, the others do."""
        from metagpt.lab.evaluation.charts import draw_charts

        where = Path(folder)
        where.mkdir(parents=True, exist_ok=True)
        write_durably(where / "report.json", to_json(self.as_json()))
        charts = draw_charts(self, where)
        write_durably(where / "report.md", self.to_markdown(charts).encode())
        return where


def to_json(values: dict[str, Any]) -> bytes:
    """The bytes of a JSON file, easy to read."""
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a Markdown table; cells that hold `|` are escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]
