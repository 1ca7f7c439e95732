"""Properties of results that can be checked from an argument and its result alone."""

from collections import Counter
from collections.abc import Callable
from typing import Any

__all__ = ["PROPERTIES", "holds"]


def _sized(value: Any) -> bool:
    return isinstance(value, str | list | dict)


def _numbers(value: Any) -> list[Any] | None:
    """The numbers a result consists of, or None where it is something else."""
    values = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else [value]
    return values if all(isinstance(item, int | float) and not isinstance(item, bool) for item in values) else None


def _parts(value: Any) -> list[Any] | None:
    return list(value) if isinstance(value, str | list) else None


def _ordered(result: Any) -> bool:
    if not isinstance(result, list):
        return False
    return _numbers(result) is not None or all(isinstance(item, str) for item in result)


def _texts(result: Any) -> str | None:
    if isinstance(result, str):
        return result
    if isinstance(result, list) and all(isinstance(item, str) for item in result):
        return "".join(result)
    return None


def _within(argument: Any, result: Any) -> bool:
    if type(argument) is not type(result):
        return False
    given, found = _parts(argument), _parts(result)
    return given is not None and found is not None and all(item in given for item in found)


def _same_parts(argument: Any, result: Any) -> bool:
    if type(argument) is not type(result):
        return False
    given, found = _parts(argument), _parts(result)
    return given is not None and found is not None and Counter(map(repr, given)) == Counter(map(repr, found))


PROPERTIES: dict[str, Callable[[Any, Any], bool]] = {
    "same length": lambda argument, result: _sized(argument) and _sized(result) and len(argument) == len(result),
    "not longer": lambda argument, result: _sized(argument) and _sized(result) and len(result) <= len(argument),
    "ascending": lambda _, result: _ordered(result) and result == sorted(result),
    "descending": lambda _, result: _ordered(result) and result == sorted(result, reverse=True),
    "subset of the input": _within,
    "permutation of the input": _same_parts,
    "no duplicates": lambda _, result: isinstance(result, list) and len({repr(item) for item in result}) == len(result),
    "non-negative": lambda _, result: (numbers := _numbers(result)) is not None and all(number >= 0 for number in numbers),
    "is bool": lambda _, result: isinstance(result, bool),
    "only lower case": lambda _, result: (text := _texts(result)) is not None and text == text.lower(),
    "only upper case": lambda _, result: (text := _texts(result)) is not None and text == text.upper(),
    "no spaces": lambda _, result: (text := _texts(result)) is not None and " " not in text,
    "member of the input": lambda argument, result: isinstance(argument, list | dict) and result in list(argument),
    "at most the length": lambda argument, result: (
        _sized(argument) and isinstance(result, int) and not isinstance(result, bool) and 0 <= result <= len(argument)
    ),
}
"""Name -> whether it holds of (argument, result); a property not applicable to a result does not hold of it."""


def holds(name: str, argument: Any, result: Any) -> bool:
    """Whether the named property holds of a result for an argument."""
    return PROPERTIES[name](argument, result)
