"""Putting sets into the hub, with a card that tells what is in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from metagpt.hub.card import Card, lay_over
from metagpt.hub.data.cleaning import CleaningReport
from metagpt.hub.data.examples import TextData
from metagpt.hub.data.leaks import check_splits
from metagpt.hub.data.splits import Splits

if TYPE_CHECKING:
    from metagpt.hub.entry import Entry
    from metagpt.hub.hub import ModelHub

__all__ = ["Stage", "push_data"]

Stage = Literal["training", "intermediate", "result"]

_MOST_CLASSES = 20


def push_data(
    hub: ModelHub,
    name: str,
    data: TextData | Splits,
    *,
    stage: Stage = "training",
    parents: Sequence[str] = (),
    report: CleaningReport | None = None,
    card: Card | None = None,
    alias: str | None = None,
    check: bool = True,
) -> Entry:
    """Add a version of a set.

    Args:
        hub: Where to.
        name: Of the set.
        data: One set, or its parts.
        stage: What the data is: for training, in between, or a result such as predictions.
        parents: What it was made from.
        report: Of its cleaning; told in the card.
        card: Its filled fields replace those that are read off the data.
        alias: Given to the version at once.
        check: Whether parts must pass `check_splits`.

    Raises:
        LabError: parts that leak, or classes that only a test part has.
        HubError: as for `ModelHub.push`.
    """
    parts = Splits({"all": data}) if isinstance(data, TextData) else data
    if check and len(parts) > 1:
        check_splits(parts)
    made = Card(
        summary=_summary(parts, stage),
        task=_task(parts),
        tags=("dataset", stage),
        extra={"stage": stage, "examples": sum(map(len, parts.values()))},
        text="\n".join(_text(name, parts, report)),
    )
    return hub.push(parts, name, kind="dataset", card=made if card is None else lay_over(card, made), parents=parents, alias=alias)


def _examples_kind(parts: Mapping[str, TextData]) -> str:
    labels = [example.label for part in parts.values() for example in part]
    if not labels or any(label is None for label in labels):
        return "texts"
    if all(isinstance(label, tuple) for label in labels):
        return "tagged texts"
    return "texts with numbers" if all(isinstance(label, float) for label in labels) else "texts with classes"


def _task(parts: Mapping[str, TextData]) -> str | None:
    tasks = {"tagged texts": "token-classification", "texts with numbers": "text-regression", "texts with classes": "text-classification"}
    return tasks.get(_examples_kind(parts))


def _summary(parts: Mapping[str, TextData], stage: str) -> str:
    sizes = ", ".join(f"{len(part)} {name}" for name, part in parts.items()) if len(parts) > 1 else str(len(next(iter(parts.values()))))
    return f"{sizes} {_examples_kind(parts)}, {stage} data."


def _text(name: str, parts: Mapping[str, TextData], report: CleaningReport | None) -> Iterator[str]:
    yield from [f"# {name}", "", "| part | examples | sha256 of the content |", "|---|---|---|"]
    yield from (f"| {part} | {len(data)} | {data.digest} |" for part, data in parts.items())
    if _examples_kind(parts) in ("texts with classes", "tagged texts"):
        for part, data in parts.items():
            counts = data.counts().most_common()
            shown = ", ".join(f"{label} {count}" for label, count in counts[:_MOST_CLASSES])
            yield from [
                "",
                f"Classes of {part}: {shown}" + (f" and {len(counts) - _MOST_CLASSES} more." if len(counts) > _MOST_CLASSES else "."),
            ]
    if report is not None:
        yield from ["", report.to_markdown()]
