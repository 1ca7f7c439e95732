"""Rows for alignment out of sets of data: preference pairs, and prompts with tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from metagpt.errors import LabError
from metagpt.hub.data import Example, TextData
from metagpt.hub.data.examples import place

__all__ = ["Row", "columns", "pair_rows", "prompt_rows"]

Row = dict[str, Any]  # Any: columns of a datasets.Dataset


def pair_rows(data: TextData) -> list[Row]:
    """Prompt, chosen and rejected answer of every example.

    Raises:
        LabError: there is none, or one lacks a half or prefers an answer to itself.
    """
    rows = []
    for example in data:
        chosen, rejected = (_text(example, data.name, name) for name in ("chosen", "rejected"))
        if chosen == rejected:
            raise LabError(f"{place(example, data.name)}: found one text as chosen and rejected; expected two. Remove the row.")
        rows.append({"prompt": example.text, "chosen": chosen, "rejected": rejected})
    return _some(rows, data.name, "pairs")


def prompt_rows(data: TextData, *, needs_tests: bool) -> list[Row]:
    """Every prompt once, with the function and tests that its answers are run against; both empty where it has none.

    Raises:
        LabError: no prompt, or none with tests where they are needed.
    """
    rows: dict[str, Row] = {}
    for example in data:
        function, tests = str(example.fields.get("function", "")), str(example.fields.get("tests", ""))
        if tests or not needs_tests:
            known = rows.get(example.text)
            if known is None or len(tests) > len(known["tests"]):
                rows[example.text] = {"prompt": example.text, "function": function, "tests": tests}
    return _some(list(rows.values()), data.name, "prompts with function and tests" if needs_tests else "prompts")


def _text(example: Example, owner: str, name: str) -> str:
    value = example.fields.get(name)
    if not isinstance(value, str) or not value:
        raise LabError(f"{place(example, owner)}: found {name} = {value!r}; expected an answer. Fill it in, or remove the row.")
    return value


def _some(rows: list[Row], owner: str, what: str) -> list[Row]:
    if not rows:
        raise LabError(f"{owner}: found no {what}; expected one or more. Gather more runs, or name another set.")
    return rows


def columns(rows: Iterable[Row]) -> Any:  # Any: a datasets.Dataset
    """The rows as the trainers of TRL take them."""
    from datasets import Dataset

    return Dataset.from_list(list(rows))
