"""Inputs to compare programs on: the same for every program whose argument has the type."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

__all__ = ["sample_inputs"]

_SCALARS: dict[str, Sequence[Any]] = {
    "int": (0, 1, -1, 2, 7, 12, 25, 100, -38, 365, 1024),
    "float": (0.0, 1.0, -1.5, 2.25, 9.99, 0.1, 100.0, -273.15),
    "bool": (True, False),
    "str": (
        "",
        "a",
        "Hello World",
        "the quick brown fox jumps over the lazy dog",
        "Level",
        "banana",
        "3 apples and 12 pears",
        "anna@example.org",
        "one,two,,three\nfour,five,six,7",
        "  two  spaces ",
        "name: Bob\nage: 42",
        "2024-02-29",
    ),
}
_RECORDS: Sequence[dict[str, str]] = (
    {"id": "7", "name": "Ann", "age": "31", "city": "Oslo", "country": "Norway", "email": "ann@example.org", "team": "red"},
    {"id": "12", "name": "Bob", "age": "4", "city": "Rome", "country": "Italy", "email": "bob@example.org", "team": "blue"},
    {"title": "Dune", "price": "9.50", "colour": "red", "name": "Eve", "city": "Oslo"},
    {"name": "cleo", "age": "31", "title": "Emma", "price": "12.00", "colour": ""},
    {},
)
"""Records as people keep them, not all with the same fields."""
_LENGTHS = (0, 1, 2, 3, 5, 8)


MOST_HINTS = 4
MOST_HINTED = 8
"""Inputs made from hints."""


def sample_inputs(annotation: str, hints: Sequence[str | float] = ()) -> list[Any]:
    """Arguments of a type as `list[int]` or `dict[str, int]` says it; none for a type unknown here.

    Args:
        annotation: The type.
        hints: Texts and numbers that the goal speaks of: arguments with them in come first, then edge cases and others.
    """
    try:
        node = ast.parse(annotation, mode="eval").body
    except (SyntaxError, ValueError):
        return []
    return [*_hinted(node, hints[:MOST_HINTS])[:MOST_HINTED], *_samples(node)]


def _hinted(node: ast.expr, hints: Sequence[str | float]) -> list[Any]:
    """Arguments in which a step that looks for a hint finds it, and some in which it just misses it."""
    texts = [hint for hint in hints if isinstance(hint, str)]
    numbers = [hint for hint in hints if not isinstance(hint, str)]
    match node:
        case ast.Name(id="str"):
            ways = ("{0}", "one {0} two{0}", "{0}s and {0}", "{0}{0} three")
            return [way.format(text) for way in ways for text in texts]
        case ast.Name(id="int"):
            return [int(number) + beside for beside in (0, 1, -1) for number in numbers]
        case ast.Name(id="float"):
            return [number + beside for beside in (0.0, 0.5, -0.5) for number in numbers]
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            found, others = _hinted(item, hints), _samples(item)
            return [[*found[:3], *others[2:4]], [others[1], *found[-2:], found[0]], [*others[2:4], found[0]]] if found and others else []
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[ast.Name(id="str"), item])):
            found, others = _hinted(item, hints), _samples(item)
            values = [*found[:3], *others[1:4]]
            names = [*texts, "ann", "bob", "carol", "dave"]
            return [dict(zip(names, order, strict=False)) for order in (values, values[::-1])] if others and hints else []
        case _:
            return []


def _samples(node: ast.expr) -> list[Any]:
    match node:
        case ast.Name(id=name):
            return list(_SCALARS.get(name, ()))
        case ast.Subscript(value=ast.Name(id="list"), slice=item):
            return _lists(list(_RECORDS) if ast.unparse(item) == "dict[str, str]" else _samples(item))
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[ast.Name(id="str"), item])):
            names = ("ann", "bob", "carol", "dave", "eve", "frank", "grace", "heidi")
            return [dict(zip(names, values, strict=False)) for values in _lists(_samples(item))]
        case _:
            return []


def _lists(items: list[Any]) -> list[Any]:
    """Lists of growing length with items from different places, then sorted-looking, repeated and reversed ones."""
    if not items:
        return []
    found = [[items[(start * 3 + index) % len(items)] for index in range(length)] for start, length in enumerate(_LENGTHS)]
    last = found[-1]
    return [*found, last[::-1], [last[0], last[1], last[0], last[1], last[0]], [last[2]] * 3]
