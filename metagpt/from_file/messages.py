"""Message types that a file declares: names, fields and their types.

Two files that declare a type alike mean one type, so roles of several files understand each other.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from weakref import WeakValueDictionary

from pydantic import Field, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter, ValidationError, create_model

from metagpt.errors import did_you_mean
from metagpt.from_file.section import Section
from metagpt.from_file.type_texts import PLAIN, Form, TypeTextError, value_type
from metagpt.message import Goal, Message

__all__ = ["MessageTypes", "open_types"]

_made: WeakValueDictionary[tuple[object, ...], type[Message]] = WeakValueDictionary()


class MessageTypes(Mapping[str, type[Message]]):
    """The types that a file may name: `Goal`, those it was given, and those it declares.

    Args:
        declared: The file's `messages`.
        given: Classes of the caller's, or of the file that names this one.
    """

    def __init__(self, declared: Section, given: Iterable[type[Message]] = ()) -> None:
        self._declared = declared
        self._types: dict[str, type[Message]] = {"Goal": Goal, **{cls.__name__: cls for cls in given}}
        self._pending: set[str] = set()
        self.declared: dict[str, type[Message]] = {}
        """Those that this file declares."""
        for name in declared.table:
            if not name.isidentifier() or not name[:1].isupper() or name in ("None", "True", "False", "Message"):
                declared.wrong(name, f"found {name!r}; expected a noun in CamelCase, as Review. Rename it.")
            else:
                self._make(name)

    def __getitem__(self, name: str) -> type[Message]:
        return self._types[name]

    def __iter__(self) -> Any:
        return iter(self._types)

    def __len__(self) -> int:
        return len(self._types)

    def learn(self, declared: Mapping[str, type[Message]]) -> None:
        """Know the types of a file that this one names, too."""
        self._types |= declared

    def look_up(self, name: str) -> type[Message]:
        """The type of that name, made now if it stands further down.

        Raises:
            TypeTextError: there is none, or it holds itself.
        """
        if name in self._pending:
            raise TypeTextError(f"found {name!r} inside of itself; expected fields that end. Use list[str] or text instead")
        if name in self._declared.table:
            self._make(name)
        if name in self._types:
            return self._types[name]
        known = {*self._types, *self._declared.table, *PLAIN}
        raise TypeTextError(f"found {name!r}, which names no type; expected one of the file's. {did_you_mean(name, known)}")

    def _make(self, name: str) -> None:
        if name in self.declared:
            return
        body = self._declared.section(name)
        self._pending.add(name)
        fields = {key: field for key in body.table if (field := self._field(body, key)) is not None}
        self._pending.discard(name)
        made = _shared(name, fields)
        if self._types.setdefault(name, made) is not made:
            body.wrong(
                None, f"found {name!r}, which is there already with other fields; expected a new name. Choose another, or remove it."
            )
        self.declared[name] = made

    def _field(self, body: Section, name: str) -> _Field | None:
        if not name.isidentifier() or name.startswith(("_", "model_")) or hasattr(Message, name):
            body.wrong(name, f"found a field {name!r}; expected a name that no message has by itself. Rename it.")
            return None
        given = body.table[name]
        table = given if isinstance(given, dict) else {"type": given}
        inner = Section(body.source, body.findings, table, (*body.path, name))
        inner.only("type", "default", "description")
        try:
            return _Field(
                _form(table.get("type"), self), has_default="default" in table, default=table.get("default"), text=inner.text("description")
            )
        except TypeTextError as error:
            body.told(name, error)
        except ValidationError as error:
            problems = "; ".join(problem["msg"] for problem in error.errors())
            inner.wrong("default", f"found default = {table['default']!r} ({problems}); expected a value of the field's type. Change it.")
        return None


class _Field:
    """One field, and what makes it equal to another."""

    def __init__(self, form: Form, *, has_default: bool, default: Any, text: str | None) -> None:
        self.form, self.text = form, text
        self.key = (form, has_default, json.dumps(default, default=str, sort_keys=True), text)
        self._default = TypeAdapter(form).validate_python(default) if has_default else ...

    @property
    def definition(self) -> tuple[Form, Any]:
        return self.form, Field(self._default, description=self.text)


def _form(given: object, types: MessageTypes) -> Form:
    if isinstance(given, list) and given and all(isinstance(item, str) for item in given):
        return value_type(" | ".join(map(repr, given)), types.look_up)
    if not isinstance(given, str) or not given.strip():
        raise TypeTextError(f'found {given!r}; expected a type in quotes, as "str", or a list of the texts it may be')
    try:
        return value_type(given, types.look_up)
    except (TypeError, PydanticSchemaGenerationError, PydanticUserError) as error:
        raise TypeTextError(f"found {given!r}, which is no type ({error}); expected one such as str or list[str]") from error


def _shared(name: str, fields: Mapping[str, _Field]) -> type[Message]:
    """The one class of that name with these fields."""
    key = (name, *((field, made.key) for field, made in fields.items()))
    cls = _made.get(key)
    if cls is None:
        definitions: dict[str, Any] = {field: made.definition for field, made in fields.items()}
        cls = create_model(name, __base__=Message, __module__=__name__, **definitions)
        _made[key] = cls
    return cls


def open_types(section: Section, given: Iterable[type[Message]] = ()) -> MessageTypes:
    """The types of a role's or a team's file."""
    return MessageTypes(section.section("messages"), given)
