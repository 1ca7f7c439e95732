"""The drop of a model under perturbation, with intervals: the same examples clean and changed, compared in pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metagpt.errors import LabError
from metagpt.hub.data import TextData
from metagpt.hub.durable import write_durably
from metagpt.lab.evaluation.comparing import Difference, compare_measures
from metagpt.lab.evaluation.report import markdown_table, to_json
from metagpt.lab.evaluation.tasks import EvaluationTask, measures_of, task_of
from metagpt.lab.pictures import new_picture, save_picture
from metagpt.lab.robustness.augmenting import perturb
from metagpt.lab.robustness.perturbations import check_kinds, is_tagged

__all__ = ["Drop", "RobustnessReport", "default_kinds", "robustness_report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """What one kind of perturbation does to the score."""

    kind: str
    changed: int
    """Examples that it changed at all."""
    difference: Difference
    """Clean first, perturbed second; its interval is that of the change."""

    @property
    def change(self) -> float:
        """Perturbed less clean."""
        return self.difference.second - self.difference.first


@dataclass(frozen=True, kw_only=True)
class RobustnessReport:
    """A model's score on clean and on perturbed text; printed, it is a table."""

    title: str
    measure: str
    examples: int
    strength: float
    drops: tuple[Drop, ...]

    @property
    def clean(self) -> float:
        """The score on the set as it is."""
        return self.drops[0].difference.first

    def __getitem__(self, kind: str) -> Drop:
        """What one kind did."""
        for drop in self.drops:
            if drop.kind == kind:
                return drop
        raise LabError(
            f"RobustnessReport: found no kind {kind!r}; expected one of {', '.join(each.kind for each in self.drops)}. Name one."
        )

    def __str__(self) -> str:
        lines = [f"{self.title}: {self.measure} {self.clean:.4f} on {self.examples} clean examples; {self.strength:.0%} of words changed"]
        for drop in self.drops:
            found = drop.difference
            lines.append(f"  {drop.kind:8} {found.second:.4f}  change {drop.change:+.4f} {found.interval}  p = {found.p_value:.4f}")
        return "\n".join(lines)

    def to_markdown(self, chart: str | None = None) -> str:
        """The report as Markdown."""
        rows = [
            (
                drop.kind, str(drop.changed), f"{drop.difference.second:.4f}", f"{drop.change:+.4f}", str(drop.difference.interval),
                f"{drop.difference.p_value:.4f}", drop.difference.test,
            )
            for drop in self.drops
        ]  # fmt: skip
        lines = [
            f"# {self.title}",
            "",
            f"{self.measure} {self.clean:.4f} on {self.examples} clean examples. {self.strength:.0%} of the words",
        ]
        lines += ["of each example were changed, one at least; the interval is that of the change, over pairs of examples.", ""]
        lines += markdown_table(("perturbation", "changed", self.measure, "change", "95 % interval", "p", "test"), rows)
        return "\n".join([*lines, *(["", f"![drops]({chart})"] if chart else [])]) + "\n"

    def as_json(self) -> dict[str, Any]:
        """All figures as JSON values."""
        drops = {
            drop.kind: {
                "score": drop.difference.second,
                "change": drop.change,
                "interval": [drop.difference.interval.low, drop.difference.interval.high],
                "p_value": drop.difference.p_value,
                "changed": drop.changed,
            }
            for drop in self.drops
        }
        return {"measure": self.measure, "clean": self.clean, "examples": self.examples, "strength": self.strength, "drops": drops}

    def save(self, folder: Path | str, *, name: str = "robustness") -> Path:
        """Write NAME.json, the chart NAME.png, and NAME.md last."""
        where = Path(folder)
        where.mkdir(parents=True, exist_ok=True)
        write_durably(where / f"{name}.json", to_json(self.as_json()))
        _draw(self, where / f"{name}.png")
        write_durably(where / f"{name}.md", self.to_markdown(f"{name}.png").encode())
        return where


def _draw(report: RobustnessReport, picture: Path) -> None:
    figure, axes = new_picture(6.4, 1.0 + 0.35 * len(report.drops))
    reach = [
        [max(0.0, drop.change - drop.difference.interval.low) for drop in report.drops],
        [max(0.0, drop.difference.interval.high - drop.change) for drop in report.drops],
    ]
    axes.errorbar([drop.change for drop in report.drops], range(len(report.drops)), xerr=reach, fmt="o", color="#4477aa", capsize=3)
    axes.axvline(0, color="#bbbbbb", linewidth=0.8)
    axes.set(yticks=range(len(report.drops)), yticklabels=[drop.kind for drop in report.drops], ylim=(len(report.drops) - 0.5, -0.5))
    axes.set(xlabel=f"change of {report.measure}")
    save_picture(figure, picture)


def default_kinds(data: TextData, synonyms: Mapping[str, Sequence[str]] | None) -> list[str]:
    """All that can be done to the set."""
    return ["swap", "delete", "typo", *(["synonym"] if synonyms else []), *(["mention"] if is_tagged(data) else [])]


def robustness_report(
    model: Any,  # Any: whatever predicts a set of texts
    data: TextData,
    kinds: Sequence[str] | None = None,
    *,
    strength: float = 0.1,
    seed: int = 0,
    synonyms: Mapping[str, Sequence[str]] | None = None,
    task: EvaluationTask | None = None,
    title: str = "Robustness",
) -> RobustnessReport:
    """Score a model on a set, and on the set perturbed in each way.

    Args:
        model: Anything with `predict(data)`, as a `FinetunedModel`.
        data: A test set with labels.
        kinds: Names of `PERTURBATIONS`; all that fit the set if left out.
        strength: Share of the words that are changed, one at least.
        seed: Same seed, same changes, for one model as for another.
        synonyms: For the kind synonym.
        task: Read off the labels if left out.
        title: Of the report.

    Raises:
        LabError: an empty set, or a kind that does not fit.
    """
    if not data:
        raise LabError("robustness: found an empty set; expected one or more examples with labels. Give a test set.")
    chosen = list(dict.fromkeys(kinds)) if kinds else default_kinds(data, synonyms)
    check_kinds(chosen, data, synonyms, strength=strength)
    kind_of_task = task or task_of(data.labels)
    clean = measures_of(kind_of_task, list(model.predict(data)), _labels(data, kind_of_task))[:1]
    drops = []
    for kind in chosen:
        changed = perturb(data, kind, strength=strength, seed=seed, synonyms=synonyms)
        hurt = measures_of(kind_of_task, list(model.predict(changed)), _labels(changed, kind_of_task))[:1]
        [difference] = compare_measures(clean, hurt, names=("clean", kind), seed=seed).differences
        number = sum(before.text != after.text for before, after in zip(data, changed, strict=True))
        drops.append(Drop(kind=kind, changed=number, difference=difference))
    return RobustnessReport(title=title, measure=clean[0].name, examples=len(data), strength=strength, drops=tuple(drops))


def _labels(data: TextData, task: EvaluationTask) -> list[Any]:
    return [float(label) for label in data.labels] if task == "regression" else data.labels
