"""Two models on the same examples: the exact McNemar test for right and wrong, the paired bootstrap for other scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from metagpt.errors import LabError
from metagpt.hub.durable import write_durably
from metagpt.lab.evaluation.intervals import RESAMPLES, Interval, resampled_sums
from metagpt.lab.evaluation.measures import Measure
from metagpt.lab.evaluation.report import markdown_table, to_json
from metagpt.lab.evaluation.tasks import EvaluationTask, checked, measures_of

__all__ = ["Comparison", "Difference", "compare_measures", "compare_models", "mcnemar_exact"]


def mcnemar_exact(only_first: int, only_second: int) -> float:
    """The two-sided p of the examples that exactly one of two models has right, under a fair coin.

    2 · Σ_{i ≤ min(b, c)} C(b + c, i) / 2^(b + c), at most 1. Source: McNemar 1947, Psychometrika 12; exact by the binomial.
    """
    total = only_first + only_second
    tail = sum(math.comb(total, each) for each in range(min(only_first, only_second) + 1))
    return min(1.0, float(2 * tail / 2**total))


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One measure of both models."""

    measure: str
    first: float
    second: float
    interval: Interval
    """Of second - first, by the paired bootstrap."""
    p_value: float
    """Two-sided: how often chance alone shows at least such a difference."""
    test: str
    """`McNemar exact` or `paired bootstrap`."""
    is_higher_better: bool = True


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a paired comparison found; printed, it is a table with a verdict."""

    names: tuple[str, str]
    examples: int
    differences: tuple[Difference, ...]
    alpha: float

    @property
    def winner(self) -> str | None:
        """The model that the first measure shows to be better; None where the test does not tell them apart."""
        deciding = self.differences[0]
        gain = deciding.second - deciding.first if deciding.is_higher_better else deciding.first - deciding.second
        if deciding.p_value > self.alpha or gain == 0:
            return None
        return self.names[gain > 0]

    @property
    def verdict(self) -> str:
        """The outcome in a sentence, with the figures that it rests on."""
        first = self.differences[0]
        told = f"{first.measure} {first.first:.4f} and {first.second:.4f}, p = {first.p_value:.4f} by {first.test}"
        if self.winner is None:
            return f"{self.names[0]} and {self.names[1]} cannot be told apart: {told}."
        return f"{self.winner} is better: {told}."

    def __str__(self) -> str:
        width = max(len(each.measure) for each in self.differences)
        lines = [f"{self.names[0]} against {self.names[1]}: {self.examples} examples"]
        for each in self.differences:
            gain = f"{each.second - each.first:+.4f} {each.interval}"
            lines.append(f"  {each.measure:{width}}  {each.first:9.4f}  {each.second:9.4f}  {gain}  p = {each.p_value:.4f} ({each.test})")
        return "\n".join([*lines, self.verdict])

    def to_markdown(self) -> str:
        """The comparison as Markdown."""
        head = ("measure", *self.names, "difference", "interval", "p", "test")
        rows = (
            (d.measure, f"{d.first:.4f}", f"{d.second:.4f}", f"{d.second - d.first:+.4f}", str(d.interval), f"{d.p_value:.4f}", d.test)
            for d in self.differences
        )
        lines = [f"# {self.names[0]} against {self.names[1]}", "", f"{self.examples} examples. {self.verdict}", ""]
        return "\n".join([*lines, *markdown_table(head, rows)]) + "\n"

    def as_json(self) -> dict[str, Any]:
        """All figures as JSON values."""
        return {**asdict(self), "names": list(self.names), "winner": self.winner, "verdict": self.verdict}

    def save(self, folder: Path | str) -> Path:
        """Write `comparison.json` and `comparison.md`."""
        where = Path(folder)
        where.mkdir(parents=True, exist_ok=True)
        write_durably(where / "comparison.json", to_json(self.as_json()))
        write_durably(where / "comparison.md", self.to_markdown().encode())
        return where


def compare_models(
    first: Any,  # Any: as for evaluate_model
    second: Any,
    labels: Any,
    *,
    names: tuple[str, str] = ("first", "second"),
    task: EvaluationTask | None = None,
    alpha: float = 0.05,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare the predictions of two models for the same labels by a paired test.

    Args:
        first: Predictions of the one.
        second: Predictions of the other.
        labels: What is right.
        names: Of the models.
        task: Read off the labels if left out.
        alpha: A difference with a p at or below it is taken for real.
        resamples: Of the paired bootstrap.
        seed: Of the paired bootstrap.

    Raises:
        LabError: predictions that do not belong to the labels.
    """
    one, true, chosen = checked(first, labels, task)
    other, _, _ = checked(second, labels, chosen)
    taken = [measures_of(chosen, said, true) for said in (one, other)]
    return compare_measures(taken[0], taken[1], names=names, alpha=alpha, resamples=resamples, seed=seed)


def compare_measures(
    first: Sequence[Measure],
    second: Sequence[Measure],
    *,
    names: tuple[str, str] = ("first", "second"),
    alpha: float = 0.05,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Compare measures of two models over the same examples, in the same order; the first measure decides."""
    if not first or [each.name for each in first] != [each.name for each in second]:
        raise LabError("compare_measures: found measures of different names; expected the same of both models. Take the same.")
    if any(len(a.parts_NP) != len(b.parts_NP) for a, b in zip(first, second, strict=True)):
        raise LabError("compare_measures: found different numbers of examples; expected the same ones. Score both on one set.")
    pairs = zip(first, second, strict=True)
    differences = tuple(_difference(a, b, resamples=resamples, seed=seed, alpha=alpha) for a, b in pairs)
    return Comparison(names=names, examples=len(first[0].parts_NP), differences=differences, alpha=alpha)


def _difference(first: Measure, second: Measure, *, resamples: int, seed: int, alpha: float) -> Difference:
    """The paired bootstrap draws the same examples for both.

    p = 2 · min(P(d ≤ 0), P(d ≥ 0)) over the resamples, each count raised by one so that p is never 0.
    Source: Koehn 2004, EMNLP; Efron and Tibshirani 1993, chapter 15.
    """
    import numpy

    drawn = [
        numpy.array([each.of_sums(sums) for sums in resampled_sums(each.parts_NP, resamples=resamples, seed=seed)])
        for each in (first, second)
    ]
    gains_B = (drawn[1] - drawn[0])[numpy.isfinite(drawn[1] - drawn[0])]
    if not len(gains_B):
        raise LabError(f"compare: found {first.name} that is no number in every resample; expected labels that differ. Give more examples.")
    low, high = numpy.quantile(gains_B, [alpha / 2, 1 - alpha / 2])
    if first.is_share:
        right = [each.parts_NP[:, 0] > 0.5 for each in (first, second)]
        p_value, test = mcnemar_exact(int((right[0] & ~right[1]).sum()), int((~right[0] & right[1]).sum())), "McNemar exact"
    else:
        tails = [((gains_B <= 0).sum() + 1) / (len(gains_B) + 1), ((gains_B >= 0).sum() + 1) / (len(gains_B) + 1)]
        p_value, test = min(1.0, 2 * float(min(tails))), "paired bootstrap"
    return Difference(
        measure=first.name, first=first.value, second=second.value, interval=Interval(float(low), float(high), 1 - alpha, "bootstrap"),
        p_value=p_value, test=test, is_higher_better=first.is_higher_better,
    )  # fmt: skip
