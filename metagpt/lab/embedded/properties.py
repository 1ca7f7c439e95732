"""The properties that may be stated of a chain of steps, so that no false one is taught."""

from collections.abc import Sequence
from typing import Any

from metagpt.behaviour.properties import PROPERTIES, holds

__all__ = ["holding_properties"]

_DECLARED: dict[str, tuple[str, ...]] = {
    "ascending": ("sort", "ascending", "alphabet", "order"),
    "descending": ("sort", "descending", "largest", "reverse", "order"),
    "no duplicates": ("duplicate", "unique", "distinct", "different", "once"),
    "non-negative": ("count", "length", "number of", "absolute", "square", "how many", "sum of the digits", "distance"),
    "only lower case": ("lower",),
    "only upper case": ("upper", "capital"),
    "no spaces": ("space", "word", "split", "letter"),
    "subset of the input": ("keep", "drop", "remove", "first", "last", "filter", "every", "sort", "reverse", "only"),
    "permutation of the input": ("sort", "reverse", "order", "rotate", "shuffle", "swap", "move"),
    "member of the input": ("largest", "smallest", "longest", "shortest", "first", "last", "most", "max", "min", "median", "key", "middle"),
    "at most the length": ("count", "how many", "number of", "length"),
}
"""A property is stated only where a step's wording speaks of it: results on samples alone may hold by luck."""


def holding_properties(summary: str, pairs: Sequence[tuple[Any, Any]]) -> list[str]:
    """The properties that hold of every (argument, result) pair and that the summary speaks of."""
    if len(pairs) < 20:
        return []
    spoken = [name for name in PROPERTIES if name not in _DECLARED or any(word in summary for word in _DECLARED[name])]
    return [name for name in spoken if all(holds(name, argument, result) for argument, result in pairs)]
