"""What a handler of a file hears and says, read off two texts."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, TypeAlias

from metagpt.from_file.type_texts import TypeTextError, parsed
from metagpt.message import Message

__all__ = ["Hears", "Says", "Slot", "read_hears", "read_says", "read_union", "snake_case"]

Slot: TypeAlias = tuple[type[Message], ...]
Lookup: TypeAlias = Callable[[str], type[Message]]

_FORM = "expected A, A | B, list[A], or A, B for one of each"
_SAID = "expected A, A | B, list[A], or A | None"


def snake_case(name: str) -> str:
    """`ReviewNote` as `review_note`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


@dataclass(frozen=True, slots=True)
class Hears:
    """What a handler hears, and what its prompt may call it."""

    slots: tuple[Slot, ...]
    gathers: bool = False

    @property
    def forms(self) -> list[Any]:
        """As `@on` takes it."""
        if self.gathers:
            return [list[_union(self.slots[0])]]  # type: ignore[misc]  # a type made at run time
        return [_union(slot) for slot in self.slots]

    @property
    def names(self) -> dict[str, Slot]:
        """The names that a prompt may use, with the types that each may have: the types' own, or `messages` of a gather."""
        if self.gathers:
            return {"messages": ()}
        return {snake_case(cls.__name__): (cls,) for slot in self.slots for cls in slot}

    def context(self, heard: Sequence[Any]) -> dict[str, Any]:  # Any: a message, or the list that a gather hears
        """The values of those names; of alternatives, only that of the one that was heard is there."""
        if self.gathers:
            return {"messages": list(heard[0])}
        return {_name_of(message, slot): message for message, slot in zip(heard, self.slots, strict=True)}


def _name_of(message: Message, slot: Slot) -> str:
    """The name of the type that it was heard as."""
    cls = type(message) if type(message) in slot else next(cls for cls in slot if isinstance(message, cls))
    return snake_case(cls.__name__)


@dataclass(frozen=True, slots=True)
class Says:
    """What a handler says: the type that its model is asked for, which is its return annotation too."""

    form: Any
    types: Slot


def _union(slot: Sequence[Any]) -> Any:
    return reduce(or_, slot)


def _names(node: ast.expr, lookup: Lookup, expected: str) -> Slot:
    match node:
        case ast.Name(id=name):
            return (lookup(name),)
        case ast.BinOp(op=ast.BitOr(), left=left, right=right):
            return (*_names(left, lookup, expected), *_names(right, lookup, expected))
        case _:
            raise TypeTextError(f"found {ast.unparse(node)!r}; {expected}")


def read_hears(text: str, lookup: Lookup) -> Hears:
    """`Goal`, `Draft | Note`, `Draft, Note`, `list[Part]`.

    Raises:
        TypeTextError: it is none of these, or names no type of the file's.
    """
    match parsed(text):
        case ast.Subscript(value=ast.Name(id="list"), slice=inner):
            return Hears((_names(inner, lookup, _FORM),), gathers=True)
        case ast.Tuple(elts=parts):
            return Hears(tuple(_names(part, lookup, _FORM) for part in parts))
        case node:
            return Hears((_names(node, lookup, _FORM),))


def read_says(text: str, lookup: Lookup) -> Says:
    """`Draft`, `Draft | Question`, `list[Part]`, `Note | None`.

    Raises:
        TypeTextError: it is none of these, or names no type of the file's.
    """
    node = parsed(text)
    if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name) and node.value.id == "list":
        types = _names(node.slice, lookup, _SAID)
        return Says(list[_union(types)], types)  # type: ignore[misc]  # a type made at run time
    match node:
        case ast.BinOp(op=ast.BitOr(), left=left, right=ast.Constant(value=None)):
            types = _names(left, lookup, _SAID)
            return Says(_union((*types, None)), types)
        case _:
            types = _names(node, lookup, _SAID)
            return Says(_union(types), types)


def read_union(text: str, lookup: Lookup) -> Slot:
    """`Delivery`, or `Delivery | Declined`.

    Raises:
        TypeTextError: it is neither, or names no type of the file's.
    """
    return _names(parsed(text), lookup, "expected A or A | B")
