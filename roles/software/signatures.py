"""Function signatures as text: `name(argument: type) -> type`, read without running anything."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

__all__ = ["Signature", "read_signature"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A function's name and parameters."""

    name: str
    parameters: tuple[tuple[str, str], ...]
    """(name, annotation) pairs of what must or may be passed by position; the annotation is empty where there is none."""
    returns: str
    required: int
    """How many of the parameters have no default."""

    @property
    def shape(self) -> tuple[str, ...]:
        """The types alone: what two readings must share to be compared."""
        return (*(annotation for _, annotation in self.parameters), self.returns)

    def arguments(self, value: object) -> list[object]:
        """An example's argument as the function's positional arguments."""
        if len(self.parameters) == 1:
            return [value]
        if not self.parameters and not value:
            return []
        return list(value) if isinstance(value, list | tuple) else [value]


def read_signature(text: str) -> Signature | None:
    """The signature; None if it is none, or one that cannot be called by position."""
    text = re.sub(r"^\s*def\s+", "", text).strip().rstrip(":")
    try:
        tree = ast.parse(f"def {text}: ...")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef):
        return None
    function = tree.body[0]
    if function.args.vararg or function.args.kwarg or None in function.args.kw_defaults:
        return None
    named = [*function.args.posonlyargs, *function.args.args]
    parameters = tuple((each.arg, ast.unparse(each.annotation) if each.annotation else "") for each in named)
    return Signature(
        name=function.name,
        parameters=parameters,
        returns=ast.unparse(function.returns) if function.returns else "",
        required=len(named) - len(function.args.defaults),
    )
