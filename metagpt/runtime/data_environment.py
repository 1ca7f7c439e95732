"""The Jinja environment of data files: it looks into JSON values, and calls nothing. Imported at the first such template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.runtime import LoopContext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic_core import to_json

__all__ = ["FILTERS", "DataEnvironment"]

FILTERS = (
    "abs", "capitalize", "count", "default", "dictsort", "first", "float", "int", "items", "join", "last", "length", "list", "lower", "map",
    "max", "min", "reject", "rejectattr", "replace", "reverse", "round", "select", "selectattr", "sort", "string", "sum", "title", "trim",
    "truncate", "unique", "upper", "wordcount",
)  # fmt: skip
"""Those that neither reach out nor make something huge of something small; `tojson` is our own, for prompts and not for web pages."""

_MOST_POWER = 64
_LARGEST = 10**100
_OTHER_TEXTS = (nodes.Include, nodes.Import, nodes.FromImport, nodes.Extends, nodes.Block)
_CALLS = (nodes.Call, nodes.CallBlock, nodes.Macro)


class DataEnvironment(ImmutableSandboxedEnvironment):
    """For texts that the user may have from a stranger."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        super().__init__(undefined=jinja2.StrictUndefined, autoescape=False, keep_trailing_newline=False)
        self.globals.clear()
        self.filters = {name: self.filters[name] for name in FILTERS}
        self.filters["tojson"] = lambda value: to_json(value).decode()

    def check(self, tree: nodes.Node) -> None:
        """Refuse, when a text is read, what would be refused when it is rendered.

        Raises:
            TemplateSyntaxError: naming the row.
        """
        for node in tree.find_all(_OTHER_TEXTS):
            raise jinja2.TemplateSyntaxError(f"{type(node).__name__.lower()} is not for data files", node.lineno)
        for call in tree.find_all(_CALLS):
            raise jinja2.TemplateSyntaxError("data files call nothing; use a filter", call.lineno)

    def getattr(self, obj: Any, attribute: str) -> Any:  # Any: a JSON value, here and below
        """A key's value: Python objects have no attributes here, but `loop` has."""
        if isinstance(obj, LoopContext):
            return super().getattr(obj, attribute)
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """What stands there in an object, a list or a text."""
        if isinstance(obj, Mapping | Sequence):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                pass
        return self.undefined(obj=obj, name=argument)

    def call(self, *_: Any, **__: Any) -> Any:
        """Refuse."""
        raise SecurityError("data files call nothing")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic with small numbers, and with nothing else."""
        if not (_is_small(left) and _is_small(right)) or (operator == "**" and abs(right) > _MOST_POWER):
            raise SecurityError(f"{operator} is for numbers that stay small")
        return super().call_binop(context, operator, left, right)


def _is_small(value: object) -> bool:
    return isinstance(value, int | float) and abs(value) < _LARGEST
