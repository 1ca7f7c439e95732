"""Role state: what handlers assign to `self`, as JSON, so that it can be recorded, restored and rolled back.

An attempt works on a copy of its role. State that stands in the journal is laid onto the copy before, freshly decoded,
and read off it afterwards; a failed attempt's copy is simply dropped.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

__all__ = ["changed_state", "fresh_state", "is_state", "load_state", "template_state"]

_CONFIGURATION = frozenset({"name", "model", "memory", "own_memory", "actions", "persona", "handlers"})


def is_state(name: str) -> bool:
    """Whether an attribute of a role is state: neither private nor one of the constructor's keywords."""
    return not name.startswith("_") and name not in _CONFIGURATION


@cache
def _adapter(cls: type, name: str) -> TypeAdapter[Any] | None:
    try:
        hints = typing.get_type_hints(cls)
    except NameError:
        return None
    return TypeAdapter(hints[name]) if name in hints else None


def load_state(role: Any, recorded: Mapping[str, str]) -> None:  # Any: any role
    """Set the recorded attributes; those that the class annotates come back as that type."""
    for name, text in recorded.items():
        adapter = _adapter(type(role), name)
        role.__dict__[name] = from_json(text) if adapter is None else adapter.validate_json(text)


def template_state(role: Any) -> dict[str, str | None]:
    """The state attributes a role has before its first handler runs, as JSON text; None for what JSON cannot hold.

    Public attributes of the instance count, and mutable ones of its classes: runs must not share them.
    """
    found: dict[str, Any] = {}
    for base in reversed(type(role).__mro__):
        found.update({n: v for n, v in vars(base).items() if isinstance(v, list | dict | set) and is_state(n)})
    found.update({name: value for name, value in role.__dict__.items() if is_state(name)})
    texts: dict[str, str | None] = {}
    for name, value in found.items():
        try:
            texts[name] = _encoded(role, name, value)
        except TypeError:
            texts[name] = None
    return texts


def fresh_state(role: Any, template: Mapping[str, str | None]) -> None:
    """Give a copy of a role mutable attributes of its own."""
    for name, text in template.items():
        if text is not None and isinstance(getattr(role, name), list | dict | set):
            load_state(role, {name: text})


def changed_state(role: Any, before: Mapping[str, str] | None, template: Mapping[str, str | None]) -> dict[str, str] | None:
    """The attributes that differ from what was recorded, as JSON texts; None if none does.

    Raises:
        TypeError: an attribute that a handler assigned is not JSON-able.
    """
    changed: dict[str, str] = {}
    for name, value in role.__dict__.items():
        if not is_state(name):
            continue
        known = before.get(name) if before and name in before else template.get(name)
        if known is None and name in template:
            continue  # the application's own object, which JSON cannot hold: no state
        text = _encoded(role, name, value)
        if text != known:
            changed[name] = text
    return changed or None


def _encoded(role: Any, name: str, value: Any) -> str:
    adapter = _adapter(type(role), name)
    try:
        return (to_json(value) if adapter is None else adapter.dump_json(value)).decode()
    except (PydanticSerializationError, ValidationError) as error:
        raise TypeError(
            f"{type(role).__name__}.{name}: found {type(value).__name__}, which JSON cannot hold; expected role state that can be recorded."
            f" Keep it as a private attribute (_{name}) of the role's constructor, or pass it as deps."
        ) from error
