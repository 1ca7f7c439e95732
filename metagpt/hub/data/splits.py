"""Splitting: seeded, by class (stratified), by group; and few examples of each class for few-shot work."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from metagpt.errors import LabError
from metagpt.hub.data.examples import TextData, place

__all__ = ["Splits", "few_shot", "split"]


class Splits(Mapping[str, TextData]):
    """Parts of one set by name, in order."""

    def __init__(self, parts: Mapping[str, TextData]) -> None:
        self.parts = dict(parts)

    def save(self, folder: Path) -> None:
        """Write them as a folder that `load_data` and the hub take."""
        from metagpt.hub.data.storage import save_splits

        save_splits(self.parts, folder)

    def __getitem__(self, name: str) -> TextData:
        return self.parts[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.parts)

    def __len__(self) -> int:
        return len(self.parts)

    def __repr__(self) -> str:
        return f"Splits({', '.join(f'{name}: {len(part)}' for name, part in self.parts.items())})"


def split(data: TextData, shares: Mapping[str, float], *, seed: int = 0, stratify: bool = True, group: str | None = None) -> Splits:
    """Part a set; every example goes to exactly one part, and the same seed gives the same parts.

    Args:
        data: The set.
        shares: By name of the part, as `{"train": 0.8, "validation": 0.1, "test": 0.1}`; they add up to 1.
        seed: Of the order.
        stratify: Whether every class keeps its share in every part; taken as no for tagged text, numbers and sets without labels.
        group: A field whose equal values stay together, such as the author or the document.

    Raises:
        LabError: shares that do not add up, a class with fewer examples than parts, a group field that lacks, or an empty part.
    """
    if len(shares) < 1 or any(share <= 0 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-6:
        raise LabError(f"split: found the shares {dict(shares)!r}; expected numbers above 0 that add up to 1. Correct them.")
    rng = random.Random(seed)
    kinds = _kinds(data) if stratify else None
    by_kind = kinds or [None] * len(data)
    places = _by_kind(data, shares, by_kind, rng) if group is None else _by_group(data, shares, group, by_kind, rng)
    parts = {name: data.take(sorted(places[name]), name=f"{data.name}/{name}") for name in shares}
    empty = next((name for name, part in parts.items() if not part), None)
    if empty is not None:
        raise LabError(
            f"split: {data.name}: found nothing left for {empty!r} of {len(data)} examples; expected one or more. Change the shares."
        )
    return Splits(parts)


def few_shot(data: TextData, shots: int, *, seed: int = 0) -> TextData:
    """That many examples of every class, drawn by the seed, in the set's order.

    Raises:
        LabError: a class with fewer.
    """
    rng = random.Random(seed)
    chosen: list[int] = []
    for kind, places in sorted(_places(data.labels).items(), key=lambda item: str(item[0])):
        if len(places) < shots:
            where = place(data[places[0]], data.name)
            raise LabError(f"{where}: found {len(places)} example(s) of class {kind!r}; expected {shots} or more. Ask for fewer shots.")
        chosen += rng.sample(places, shots)
    return data.take(sorted(chosen), name=f"{data.name}/{shots}-shot")


def _kinds(data: TextData) -> list[Hashable] | None:
    """The class of each example; None where the labels are no classes."""
    labels = [example.label for example in data]
    return None if any(label is None or isinstance(label, float | tuple) for label in labels) else list(labels)


def _places(kinds: Sequence[Any]) -> dict[Any, list[int]]:
    places: dict[Any, list[int]] = defaultdict(list)
    for index, kind in enumerate(kinds):
        places[kind].append(index)
    return places


def _by_kind(data: TextData, shares: Mapping[str, float], kinds: Sequence[Any], rng: random.Random) -> dict[str, list[int]]:
    """Each class shuffled and cut; what rounding leaves goes to the part that is furthest behind over all classes so far."""
    taken: dict[str, list[int]] = {name: [] for name in shares}
    done = 0
    for kind, places in sorted(_places(kinds).items(), key=lambda item: str(item[0])):
        if kind is not None and len(places) < len(shares):
            raise LabError(
                f"{place(data[places[0]], data.name)}: found {len(places)} example(s) of class {kind!r}; expected {len(shares)} or more,"
                " one for each part. Add examples, drop the class, or pass stratify=False."
            )
        rng.shuffle(places)
        done += len(places)
        counts = {name: max(int(share * len(places)), 1 if kind is not None else 0) for name, share in shares.items()}
        while (rest := len(places) - sum(counts.values())) != 0:
            behind = {name: share * done - len(taken[name]) - counts[name] for name, share in shares.items()}
            if rest > 0:
                counts[max(behind, key=behind.__getitem__)] += 1
            else:  # one for each part was more than the shares
                counts[min((name for name in counts if counts[name] > 1), key=behind.__getitem__)] -= 1
        rest_of = iter(places)
        for name, count in counts.items():
            taken[name] += islice(rest_of, count)
    return taken


def _by_group(data: TextData, shares: Mapping[str, float], group: str, kinds: Sequence[Any], rng: random.Random) -> dict[str, list[int]]:
    """Whole groups, the largest first, each to the part whose classes lack it most."""
    lacking = next((example for example in data if group not in example.fields), None)
    if lacking is not None:
        known = ", ".join(map(repr, lacking.fields)) or "none"
        raise LabError(f"{place(lacking, data.name)}: found no field {group!r}; expected it in every row. Its fields: {known}.")
    groups = list(_places([str(example.fields[group]) for example in data]).values())
    rng.shuffle(groups)
    groups.sort(key=len, reverse=True)  # stable: the shuffled order stays among equals
    totals = Counter(kinds)
    taken: dict[str, list[int]] = {name: [] for name in shares}
    counts: dict[str, Counter[Any]] = {name: Counter() for name in shares}
    for places in groups:
        members = Counter(kinds[index] for index in places)

        def need(name: str, members: Counter[Any] = members) -> float:
            return sum((shares[name] * totals[kind] - counts[name][kind]) * count / totals[kind] for kind, count in members.items())

        chosen = max(shares, key=need)
        taken[chosen] += places
        counts[chosen] += members
    return taken
