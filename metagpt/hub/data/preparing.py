"""From what was read to what is published: cleaned, parted and freed of leaks, in this order, with reports of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from metagpt.errors import LabError
from metagpt.hub.data.cleaning import CleaningReport, CleaningRules, clean
from metagpt.hub.data.examples import TextData
from metagpt.hub.data.leaks import Leak, drop_leaks
from metagpt.hub.data.splits import Splits, split

__all__ = ["Preparation", "Prepared", "prepare"]


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """What is done to a set; what is left out is not done."""

    cleaning: CleaningRules | None = None
    shares: Mapping[str, float] = field(default_factory=dict)
    """Parts that a single set is cut into, with their shares; see `split`."""
    seed: int = 0
    """Of the cutting."""
    stratify: bool = True
    """Whether every class keeps its share in every part."""
    group: str | None = None
    """A field whose equal values stay in one part."""
    drop_leaks: bool = False
    """Whether each part loses what a later part holds too."""
    near: float = 1.0
    """Similarity from which two texts are a leak."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A set that was prepared, and what was done to it."""

    parts: Splits
    cleaning: CleaningReport | None
    """One report of all parts."""
    dropped: tuple[Leak, ...]
    """The leaks that were dropped."""


def prepare(parts: Mapping[str, TextData], how: Preparation) -> Prepared:
    """Prepare a set.

    Raises:
        LabError: shares of several parts, or such as `split` refuses.
    """
    report: CleaningReport | None = None
    if how.cleaning is not None:
        parts, report = _cleaned(parts, how.cleaning)
    if how.shares:
        if len(parts) > 1:
            raise LabError(f"prepare: found shares for the parts {', '.join(parts)}; expected a single set to cut. Leave the shares out.")
        whole = next(iter(parts.values()))
        parts = split(whole, how.shares, seed=how.seed, stratify=how.stratify, group=how.group)
    if not how.drop_leaks:
        return Prepared(parts=Splits(parts), cleaning=report, dropped=())
    kept, leaks = drop_leaks(parts, near=how.near, group=how.group)
    return Prepared(parts=kept, cleaning=report, dropped=tuple(leaks))


def _cleaned(parts: Mapping[str, TextData], rules: CleaningRules) -> tuple[dict[str, TextData], CleaningReport]:
    done = {part: clean(each, rules) for part, each in parts.items()}
    reports = [report for _, report in done.values()]
    changes = tuple(change for report in reports for change in report.changes)
    whole = CleaningReport(sum(report.before for report in reports), sum(report.after for report in reports), changes)
    return {part: cleaned for part, (cleaned, _) in done.items()}, whole
