"""Leaks: what a test would be told before it is asked. Checked between all parts of a split."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from metagpt.errors import LabError
from metagpt.hub.data.examples import Example, TextData, place
from metagpt.hub.data.near import similar_pairs
from metagpt.hub.data.splits import Splits

__all__ = ["Leak", "check_apart", "check_splits", "drop_leaks", "find_leaks"]

_TRAINED_ON = ("train", "all")
_MOST_TOLD = 5


@dataclass(frozen=True, slots=True)
class Leak:
    """A text that stands in two parts."""

    first: Example
    second: Example
    similarity: float
    parts: tuple[str, str]
    """The parts that the two stand in."""

    def __str__(self) -> str:
        how = "the same text as" if self.similarity == 1 else f"a text {self.similarity:.2f} similar to"
        return f"{place(self.second, self.parts[1])}: {how} {place(self.first, self.parts[0])}: {self.second.text[:60]!r}"


def find_leaks(parts: Mapping[str, TextData], *, near: float = 1.0, group: str | None = None) -> list[Leak]:
    """Texts that stand in more than one part.

    Args:
        parts: By name.
        near: Least similarity; 1 finds texts that are equal after normalizing, 0.9 near copies too.
        group: A field that no two parts may share a value of.
    """
    found: list[Leak] = []
    for (one, first), (other, second) in combinations(parts.items(), 2):
        for a, b, similarity in similar_pairs(first.texts, second.texts, near):
            found.append(Leak(first[a], second[b], similarity, (one, other)))
        if group is not None:
            found += _shared_groups(one, first, other, second, group)
    return found


def _shared_groups(one: str, first: TextData, other: str, second: TextData, group: str) -> Iterator[Leak]:
    owners = {str(example.fields.get(group)): example for example in reversed(first.examples) if group in example.fields}
    for example in second:
        owner = owners.get(str(example.fields.get(group)))
        if owner is not None:
            yield Leak(owner, example, 1.0, (one, other))


def check_apart(parts: Mapping[str, TextData], owner: str) -> None:
    """Refuse parts that share a text, for a job whose setting `allow_leaks` accepts them.

    Raises:
        LabError: with file and line of the first few.
    """
    leaks = find_leaks(parts)
    if leaks:
        told = "\n".join(f"  - {leak}" for leak in leaks[:_MOST_TOLD])
        raise LabError(f"{owner}: found {len(leaks)} text(s) in several parts; expected none. Drop them, or set allow_leaks.\n{told}")


def drop_leaks(parts: Mapping[str, TextData], *, near: float = 1.0, group: str | None = None) -> tuple[Splits, list[Leak]]:
    """The parts, each without what a later part holds too, and the leaks that there were; the last part stays whole."""
    leaks = find_leaks(parts, near=near, group=group)
    gone = {(leak.parts[0], id(leak.first)) for leak in leaks}
    if group is not None:  # a shared group leaks with all its examples
        values = {(leak.parts[0], str(leak.first.fields.get(group))) for leak in leaks if group in leak.first.fields}
        gone |= {(name, id(each)) for name, part in parts.items() for each in part if (name, str(each.fields.get(group))) in values}
    kept = {name: TextData((each for each in part if (name, id(each)) not in gone), name=part.name) for name, part in parts.items()}
    return Splits(kept), leaks


def check_splits(
    parts: Mapping[str, TextData],
    *,
    near: float = 1.0,
    group: str | None = None,
    classes: tuple[str, ...] = (),
    allow_leaks: bool = False,
) -> None:
    """Refuse parts that cannot be trained and tested on: leaks, classes seen only in a test, classes without examples.

    Args:
        parts: By name; the one called `train`, or else the first, is what is trained on.
        near: As for `find_leaks`.
        group: As for `find_leaks`.
        classes: Those that the task has, if more are known than occur.
        allow_leaks: Look at the labels alone.

    Raises:
        LabError: all findings at once, with file and line.
    """
    leaks = [] if allow_leaks else find_leaks(parts, near=near, group=group)
    findings = [*_label_findings(parts, classes), *(f"{leak}." for leak in leaks)]
    if findings:
        told = "\n".join(f"  - {finding}" for finding in findings[:_MOST_TOLD])
        more = f"\n  and {len(findings) - _MOST_TOLD} more" if len(findings) > _MOST_TOLD else ""
        raise LabError(
            f"splits {', '.join(parts)}: found {len(findings)} fault(s); expected parts that share no text and know all classes."
            f" Remove or move these examples.\n{told}{more}"
        )


def _label_findings(parts: Mapping[str, TextData], classes: tuple[str, ...]) -> Iterator[str]:
    train = next((name for name in _TRAINED_ON if name in parts), next(iter(parts)))
    if any(example.label is None or isinstance(example.label, float) for part in parts.values() for example in part):
        return
    seen = parts[train].counts()
    for wanted in classes:
        if not seen[wanted]:
            yield f"{train}: found no example of class {wanted!r}; expected one or more."
    for name, part in parts.items():
        if name == train:
            continue
        told: set[object] = set()
        for example in part:
            tags = example.label if isinstance(example.label, tuple) else (example.label,)
            for tag in tags:
                if not seen[tag] and tag not in told:
                    told.add(tag)
                    yield f"{place(example, name)}: found the label {tag!r}, which {train!r} never shows."
