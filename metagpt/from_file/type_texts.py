"""Types as a file writes them: `str`, `list[Part]`, `Draft | Note`, `'low' | 'high'`.

The text is parsed as an expression of Python, and the tree is read; nothing of it is ever evaluated.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import reduce
from operator import or_
from typing import Any, Literal, TypeAlias, get_args, get_origin

__all__ = ["MOST_CHARS", "PLAIN", "TypeTextError", "parsed", "value_type"]

MOST_CHARS = 300
"""Longest text of a type."""

PLAIN: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}

Form: TypeAlias = Any  # Any: a class, a union, or a generic alias
Lookup: TypeAlias = Callable[[str], type]


class TypeTextError(ValueError):
    """A text that is no type; its text goes into a finding."""


def parsed(text: str) -> ast.expr:
    """The tree of a type's text.

    Raises:
        TypeTextError: it is no expression, or too long to be a type.
    """
    if len(text) > MOST_CHARS:
        raise TypeTextError(f"found {len(text)} characters; expected a type of at most {MOST_CHARS}")
    try:
        return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise TypeTextError(f"found {text!r}; expected a type such as str, list[str] or 'low' | 'high'") from error


def value_type(text: str, lookup: Lookup) -> Form:
    """The type of a field.

    Args:
        text: As the file writes it.
        lookup: The message type of a name.

    Raises:
        TypeTextError: it is none.
    """
    return _value(parsed(text), lookup)


def _value(node: ast.expr, lookup: Lookup) -> Form:
    match node:
        case ast.Name(id=name):
            return PLAIN.get(name) or lookup(name)
        case ast.Constant(value=None):
            return None
        case ast.Constant(value=str() | int() as value):
            return Literal[value]
        case ast.BinOp(op=ast.BitOr()):
            return _union(_parts(node), lookup)
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            return list[_value(inner, lookup)]  # type: ignore[misc]  # a type made at run time
        case ast.Subscript(value=ast.Name(id="dict"), slice=ast.Tuple(elts=[ast.Name(id="str"), inner])):
            return dict[str, _value(inner, lookup)]  # type: ignore[misc]  # as above
        case _:
            raise TypeTextError(
                f"found {ast.unparse(node)!r}; expected str, int, float, bool, a message, list[…], dict[str, …], a text in quotes, or … | …"
            )


def _union(parts: list[ast.expr], lookup: Lookup) -> Form:
    """A union; its literal members become one choice, as schemas say it best."""
    forms = [_value(part, lookup) for part in parts]
    values = [value for form in forms if get_origin(form) is Literal for value in get_args(form)]
    others = [type(None) if form is None else form for form in forms if get_origin(form) is not Literal]
    return reduce(or_, [*([Literal[tuple(values)]] if values else []), *others])


def _parts(node: ast.expr) -> list[ast.expr]:
    """The alternatives of `A | B | C`."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_parts(node.left), *_parts(node.right)]
    return [node]
