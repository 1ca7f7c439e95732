"""Whether a value is of the type that an annotation says, and what it is as JSON. Annotations are read, never run."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

__all__ = ["UnfitError", "as_argument", "as_result", "says"]

LONGEST = 200
"""Characters of an annotation that is read; of a longer one nothing is known."""

_LISTS = {"list", "List", "Sequence", "Iterable", "Iterator", "Collection", "MutableSequence"}
_SETS = {"set", "Set", "frozenset", "FrozenSet", "AbstractSet"}
_DICTS = {"dict", "Dict", "Mapping", "MutableMapping", "defaultdict", "Counter", "OrderedDict"}
_TUPLES = {"tuple", "Tuple"}


class UnfitError(ValueError):
    """The value is of another type."""


def as_argument(value: Any, annotation: str) -> Any:
    """The value as JSON holds it.

    Raises:
        UnfitError: it is of another type, or JSON has none like it: a set, a key that is no text.
    """
    _refuse_what_json_has_not(value)
    return as_result(value, annotation)


def as_result(value: Any, annotation: str) -> Any:
    """The value as a result is compared: tuples as lists, sets sorted, keys as text.

    Raises:
        UnfitError: it is of another type.
    """
    return _fit(value, _parsed(annotation))


def says(annotation: str, name: str) -> bool:
    """Whether the annotation mentions a type."""
    node = _parsed(annotation)
    return node is not None and any(isinstance(each, ast.Name) and each.id == name for each in ast.walk(node))


@cache
def _parsed(annotation: str) -> ast.expr | None:
    if len(annotation) > LONGEST:
        return None
    try:
        return ast.parse(annotation, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _refuse_what_json_has_not(value: Any) -> None:
    if isinstance(value, frozenset) or (isinstance(value, dict) and not all(isinstance(key, str) for key in value)):
        raise UnfitError
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ():
        _refuse_what_json_has_not(item)


def _fit(value: Any, node: ast.expr | None) -> Any:
    match node:
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return _first(value, (left, right))
        case ast.Constant(value=None):
            return _only(value, value is None)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return _named(value, name)
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            return _of(value, name, inner.elts if isinstance(inner, ast.Tuple) else [inner])
        case _:
            return _plain(value)


def _only(value: Any, is_fit: bool) -> Any:
    if not is_fit:
        raise UnfitError
    return value


def _first(value: Any, nodes: Sequence[ast.expr | None]) -> Any:
    for node in nodes:
        try:
            return _fit(value, node)
        except UnfitError:
            continue
    raise UnfitError


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "int": lambda value: _only(value, isinstance(value, int) and not isinstance(value, bool)),
    "str": lambda value: _only(value, isinstance(value, str)),
    "bool": lambda value: _only(value, isinstance(value, bool)),
    "None": lambda value: _only(value, value is None),
}


def _named(value: Any, name: str) -> Any:
    if name in _SCALARS:
        return _SCALARS[name](value)
    if name == "float":
        return _float(value)
    if name in _LISTS | _TUPLES | _SETS | _DICTS:
        return _of(value, name, [])
    return _plain(value)


def _float(value: Any) -> int | float:
    """A whole number stays one: it may be meant as a float, and a function of whole numbers takes no float."""
    number: int | float = _only(value, isinstance(value, int | float) and not isinstance(value, bool))
    return number


def _of(value: Any, name: str, inner: Sequence[ast.expr]) -> Any:
    if name in {"Optional", "Union"}:
        return _first(value, [*inner, ast.Constant(value=None)] if name == "Optional" else inner)
    if name in _DICTS:
        key, item = inner if len(inner) == 2 else (None, None)
        pairs = _only(value, isinstance(value, dict)).items()
        return {str(_fit(each, key)): _fit(found, item) for each, found in pairs}
    if name in _SETS:
        return sorted((_fit(each, inner[0] if inner else None) for each in _only(value, isinstance(value, frozenset))), key=repr)
    if name in _LISTS:
        return [_fit(each, inner[0] if inner else None) for each in _only(value, isinstance(value, list | tuple))]
    if name in _TUPLES:
        return _tuple(_only(value, isinstance(value, list | tuple)), inner)
    return _plain(value)


def _tuple(value: Sequence[Any], inner: Sequence[ast.expr]) -> list[Any]:
    if not inner:
        return [_plain(each) for each in value]
    if len(inner) == 2 and isinstance(inner[1], ast.Constant) and inner[1].value is ...:
        return [_fit(each, inner[0]) for each in value]
    _only(value, len(value) == len(inner))
    return [_fit(each, node) for each, node in zip(value, inner, strict=True)]


def _plain(value: Any) -> Any:
    """Any value, of a type that is not said or not known here."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, frozenset):
        return sorted((_plain(item) for item in value), key=repr)
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value
