"""What is refused before a model is loaded: data that does not fit the task, empty classes, leaks, labels seen only in a test."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from metagpt.errors import LabError
from metagpt.hub.data import Example, TextData, check_apart
from metagpt.hub.data.examples import place
from metagpt.lab.finetuning.settings import GENERATION_TASKS, FinetuneSettings

__all__ = ["check_data", "check_known"]

_MOST_TOLD = 5


def check_data(settings: FinetuneSettings, train: TextData, others: Mapping[str, TextData]) -> None:
    """Refuse what cannot be trained on.

    Raises:
        LabError: with the file and line of what is wrong.
    """
    if not train:
        raise LabError(f"finetune: {train.name}: found no examples; expected some to train on. Fill the set.")
    for data in (train, *others.values()):
        for example in data:
            _check_label(settings.task, example, data.name)
    if settings.task == "classification":
        _check_classes(settings, train)
    for name, data in others.items():
        check_known(settings.task, known_of(settings.task, train), data, name)
    if not settings.allow_leaks:
        check_apart({"train": train, **others}, "finetune")


def _check_label(task: str, example: Example, name: str) -> None:
    label = example.label
    fits = {
        "classification": isinstance(label, str) or (isinstance(label, int) and not isinstance(label, bool)),
        "token-classification": isinstance(label, tuple) and len(label) == len(example.fields.get("tokens", ())) > 0,
        "regression": isinstance(label, int | float) and not isinstance(label, bool) and math.isfinite(label),
    }.get(task, isinstance(label, str) and bool(label.strip()))
    if not fits:
        wanted = {
            "classification": "a class", "token-classification": "a tag for each word", "regression": "a finite number",
        }.get(task, "a text that answers")  # fmt: skip
        raise LabError(f"{place(example, name)}: found the label {label!r}; the task {task} expected {wanted}. Mend the row, or the task.")


def _check_classes(settings: FinetuneSettings, train: TextData) -> None:
    counts = train.counts()
    empty = [name for name in settings.classes or () if name not in {str(each) for each in counts}]
    if empty:
        raise LabError(
            f"finetune: {train.name}: found no example of class {empty[0]!r}; expected one or more. Add some, or drop the class."
        )
    if len(counts) < 2:
        raise LabError(f"finetune: {train.name}: found the one class {next(iter(counts))!r}; expected two or more. Add examples of others.")


def known_of(task: str, train: TextData) -> set[Any]:
    """What a test may be labelled with: the classes, or the types of entities, that training shows."""
    if task == "classification":
        return set(train.classes)
    return {_type(tag) for tag in train.classes} | {"O"} if task == "token-classification" else set()


def _type(tag: str) -> str:
    return tag.partition("-")[2] or tag


def check_known(task: str, known: set[Any], data: TextData, name: str) -> None:
    """Refuse labels that the model cannot say.

    Raises:
        LabError: with the first example of each such label.
    """
    if task in (*GENERATION_TASKS, "regression"):
        return
    told: dict[Any, str] = {}
    for example in data:
        labels = [_type(tag) for tag in example.label] if isinstance(example.label, tuple) else [example.label]
        for label in labels:
            if label not in known and label not in told:
                told[label] = place(example, name)
    if told:
        shown = "; ".join(f"{label!r} first at {where}" for label, where in list(told.items())[:_MOST_TOLD])
        raise LabError(
            f"finetune: {name}: found {len(told)} label(s) that the training set never shows ({shown}); expected known ones."
            " Add examples to the training set, or take these out."
        )
