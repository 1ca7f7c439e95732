"""Role state: what handlers assign to `self`, as JSON, so that it can be recorded, restored and rolled back.

An attempt works on a copy of its role. State that stands in the journal is laid onto the copy before, freshly decoded,
and read off it afterwards; a failed attempt's copy is simply dropped. A value is recorded only if it reads back equal:
what would come back as something else is an error at once, not a surprise in the next handler.
"""

from __future__ import annotations

import copy
import inspect
import typing
from collections.abc import Iterable, Mapping
from functools import cache, cached_property
from typing import Any, ClassVar, Final, get_args, get_origin

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, from_json, to_json

__all__ = ["changed_state", "fresh_state", "is_state", "load_state", "mutable_names", "template_state"]

_CONFIGURATION = frozenset({"name", "model", "memory", "own_memory", "actions", "action_sources", "persona", "handlers"})
_OWN = frozenset({"_execution", "_copy_of", "_state_template", "_state_to_copy"})
_CONTAINERS = (list, dict, set)
_SCALARS = (type(None), bool, int, float, str)
_EXACT = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64", ser_json_inf_nan="constants")
_JSON = (*_SCALARS, list, dict)


def is_state(name: str) -> bool:
    """Whether an attribute of a role is state: neither private nor one of the constructor's keywords."""
    return not name.startswith("_") and name not in _CONFIGURATION


def load_state(role: Any, recorded: Mapping[str, str]) -> None:  # Any: any role
    """Set the recorded attributes, as the type that the class annotates or that the constructor put there."""
    for name, text in recorded.items():
        role.__dict__[name] = _decoded(_adapter(role, name), text)


def template_state(role: Any) -> dict[str, str | None]:
    """The state attributes a role has before its first handler runs, as JSON text; None for what JSON cannot hold.

    Public attributes of the instance count, and mutable ones of its classes: runs must not share them.
    """
    found: dict[str, Any] = {}
    for base in reversed(type(role).__mro__):
        found.update({n: v for n, v in vars(base).items() if isinstance(v, _CONTAINERS) and is_state(n)})
    found.update({name: value for name, value in role.__dict__.items() if is_state(name) and not _is_cached(role, name)})
    texts: dict[str, str | None] = {}
    for name, value in found.items():
        try:
            texts[name] = _encoded(role, name, value)
        except TypeError:
            texts[name] = None
    return texts


def mutable_names(role: Any, template: Mapping[str, str | None]) -> tuple[str, ...]:
    """Attributes that each attempt gets copies of its own of: state, and private containers."""
    state = [n for n, text in template.items() if _is_mutable(getattr(role, n), text)]
    private = {n: v for base in reversed(type(role).__mro__) for n, v in vars(base).items() if n[:1] == "_" != n[1:2]}
    private.update({n: v for n, v in role.__dict__.items() if n[:1] == "_"})
    return (*state, *(n for n, v in private.items() if isinstance(v, _CONTAINERS) and n not in _OWN))


def fresh_state(role: Any, names: Iterable[str], template: Mapping[str, str | None]) -> None:
    """Give a copy of a role mutable attributes of its own; objects that JSON cannot hold stay the application's."""
    for name in names:
        value = getattr(role, name)
        role.__dict__[name] = copy.copy(value) if template.get(name) is None else copy.deepcopy(value)


def changed_state(role: Any, before: Mapping[str, str] | None, template: Mapping[str, str | None]) -> dict[str, str] | None:
    """The attributes that differ from what was recorded, as JSON texts; None if none does.

    Raises:
        TypeError: a handler changed an attribute that cannot be recorded: no JSON, private, configuration, or deleted.
    """
    if not before and _is_untouched(role):
        return None
    _check_unrecorded(role)
    known = {**template, **(before or {})}
    changed: dict[str, str] = {}
    for name, value in role.__dict__.items():
        if not is_state(name) or _is_cached(role, name):
            continue
        if name in known and known[name] is None:
            continue  # the application's own object, which JSON cannot hold: no state
        text = _encoded(role, name, value, known.get(name))
        if text != known.get(name):
            changed[name] = text
    for name in before or ():
        if name not in role.__dict__:
            raise TypeError(f"{type(role).__name__}.{name}: found it deleted by a handler; expected state to stay. Set it to None.")
    return changed or None


def _is_untouched(role: Any) -> bool:
    """Whether an attempt's copy holds the very objects of its role, as most do: then nothing needs to be compared."""
    original: dict[str, Any] = _origin(role).__dict__
    now: dict[str, Any] = role.__dict__
    for name, value in now.items():
        if original.get(name, _OWN) is not value and name not in _OWN:
            return False
    return original.keys() <= now.keys()


def _check_unrecorded(role: Any) -> None:
    """Refuse changes of the role that would silently be lost."""
    origin = _origin(role)
    if origin is role:
        return
    for name, value in role.__dict__.items():
        before = getattr(origin, name, None)
        if is_state(name) or name in _OWN or value is before:
            continue
        if name in _CONFIGURATION:
            raise TypeError(
                f"{type(role).__name__}.{name}: found it changed by a handler; expected configuration to stay. Set it in the constructor."
            )
        if isinstance(value, (*_JSON, tuple, set)) and value != before:
            raise TypeError(
                f"{type(role).__name__}.{name}: found it changed by a handler; private attributes are not recorded."
                f" Call it {name.lstrip('_')!r} to make it state."
            )


def _origin(role: Any) -> Any:
    """The role that an attempt's copy was made of."""
    return getattr(role, "_copy_of", None) or role


def _is_mutable(value: Any, text: str | None) -> bool:
    return isinstance(value, _CONTAINERS) or (text is not None and type(value) not in _SCALARS)


def _is_cached(role: Any, name: str) -> bool:
    return isinstance(getattr(type(role), name, None), cached_property)


def _adapter(role: Any, name: str) -> TypeAdapter[Any] | None:
    """How the attribute is written: by its annotation, else by what the constructor put there; None: as plain JSON.

    Raises:
        TypeError: there is no JSON for that type.
    """
    for base in type(role).__mro__:
        if name in inspect.get_annotations(base):
            return _annotated(base, name)
    initial: Any = type(getattr(_origin(role), name, None))
    return None if initial in _JSON else _of_type(initial)


@cache
def _annotated(base: type, name: str) -> TypeAdapter[Any]:
    alone = type(base.__name__, (), {"__annotations__": {name: base.__annotations__[name]}, "__module__": base.__module__})
    try:
        form = typing.get_type_hints(alone, include_extras=True)[name]
    except (NameError, AttributeError, SyntaxError) as error:
        raise TypeError(f"{base.__name__}.{name}: found an annotation that names nothing ({error}); expected a type. Import it.") from error
    return _of_type(get_args(form)[0] if get_origin(form) in (ClassVar, Final) else form)


@cache
def _of_type(form: Any) -> TypeAdapter[Any]:
    try:
        try:
            return TypeAdapter(form, config=_EXACT)
        except PydanticUserError as error:
            if error.code != "type-adapter-config-unused":
                raise
            return TypeAdapter(form)  # models and dataclasses have a configuration of their own
    except PydanticUserError as error:
        raise TypeError(f"found {form!r}, which has no JSON form") from error


def _decoded(adapter: TypeAdapter[Any] | None, text: str) -> Any:
    return from_json(text) if adapter is None else adapter.validate_json(text)


def _encoded(role: Any, name: str, value: Any, known: str | None = None) -> str:
    owner = f"{type(role).__name__}.{name}"
    try:
        adapter = _adapter(role, name)
        text = (to_json(value) if adapter is None else adapter.dump_json(value, warnings="error")).decode()
        is_same = text == known or bool(_decoded(adapter, text) == value)
    except (PydanticSerializationError, ValidationError, ValueError, TypeError) as error:
        raise TypeError(
            f"{owner}: found {type(value).__name__}, which JSON cannot hold ({error}); expected role state that can be recorded."
            f" Pass it as deps, or make it a private attribute (_{name}) in the role's constructor."
        ) from error
    if not is_same:
        raise TypeError(
            f"{owner}: found {type(value).__name__}, which reads back from JSON as something else; expected its type to be known."
            f" Annotate it on the class: `{name}: {type(value).__name__}`."
        )
    return text
