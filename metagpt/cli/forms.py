"""A message as a small form in the terminal: a line for each field, made from the message's own types."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from metagpt.cli.wording import plainly, visible
from metagpt.errors import ConfigError
from metagpt.message import Message, tag_of

__all__ = ["Refused", "fill_in"]

Read = Callable[[str], str]

_TRUTH = {"y": True, "yes": True, "true": True, "n": False, "no": False, "false": False}


class Refused(Exception):  # noqa: N818 - no error: a person's answer
    """The person will not answer."""

    def __init__(self, note: str) -> None:
        super().__init__(note)
        self.note = note


class _Wholly(Exception):  # noqa: N818 - as above
    """The person wants to write the whole message in the editor."""


def fill_in(types: Sequence[type[Message]], read: Read, edit: Callable[[str], str]) -> Message:
    """The message that a person types in, asked for until it fits.

    Args:
        types: The messages that will do; the person chooses where there are several.
        read: Shows a prompt and returns a line.
        edit: Lets the person change a text.

    Raises:
        Refused: the person will not answer.
    """
    cls = types[0] if len(types) == 1 else _chosen(types, read)
    print(f"{tag_of(cls)}: fill in each field; Enter takes what stands in brackets, /edit opens an editor, /refuse NOTE declines.")
    values: dict[str, Any] = {}
    wanted = list(cls.model_fields)
    while True:
        try:
            for name in wanted:
                _fill_field(values, name, cls.model_fields[name], read)
            return cls.model_validate(values)
        except _Wholly:
            return _edited(cls, values, read, edit)
        except ValidationError as error:  # what only the whole message can tell
            print(visible(f"That does not fit: {plainly(error)}"))
            named = {str(each["loc"][0]) for each in error.errors() if each["loc"]}
            wanted = [name for name in cls.model_fields if name in named] or list(cls.model_fields)


def _chosen(types: Sequence[type[Message]], read: Read) -> type[Message]:
    for number, cls in enumerate(types, 1):
        print(f"  {number}. {tag_of(cls)}")
    while True:
        try:
            word = _line(read, f"which of them, 1 to {len(types)}: ")
        except _Wholly:
            continue  # which message it is to be comes first
        for number, cls in enumerate(types, 1):
            if word in (str(number), tag_of(cls)):
                return cls


def _line(read: Read, prompt: str) -> str:
    text = read(prompt).strip()
    word, _, rest = text.partition(" ")
    if word == "/refuse":
        raise Refused(rest)
    if word == "/edit":
        raise _Wholly
    return text


def _fill_field(values: dict[str, Any], name: str, field: FieldInfo, read: Read) -> None:
    """Ask for one field until it fits; Enter leaves out what has a default."""
    form = _plain(field.annotation)
    whole: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(whole)
    prompt = f"  {name}{_hint(form)}{_default(field)}: "
    if field.description:
        print(f"  ({visible(field.description)})")
    while True:
        typed = _lines(read, prompt) if get_origin(form) is list and _plain(get_args(form)[0]) is str else _line(read, prompt)
        if not typed and not field.is_required():
            values.pop(field.alias or name, None)
            return
        if typed == "":
            continue
        try:
            values[field.alias or name] = adapter.validate_python(_read_value(form, typed))
        except ValueError as error:  # a ValidationError is one
            print(visible(f"  That does not fit: {plainly(error).removesuffix('.')}."))
        else:
            return


def _lines(read: Read, prompt: str) -> list[str]:
    """A line for each item, up to an empty one."""
    items: list[str] = []
    while line := _line(read, prompt if not items else "    and: "):
        items.append(line)
    return items


def _plain(form: Any) -> Any:  # Any: an annotation
    """The type itself, of `X | None`."""
    if get_origin(form) in (Union, UnionType):
        members = [member for member in get_args(form) if member is not type(None)]
        return members[0] if len(members) == 1 else form
    return form


def _hint(form: Any) -> str:
    if form is str:
        return ""
    if form is bool:
        return " (yes or no)"
    if form in (int, float):
        return " (a number)"
    if get_origin(form) is Literal:
        return f" ({', '.join(map(str, get_args(form)))})"
    if get_origin(form) is list and _plain(get_args(form)[0]) is str:
        return " (one in a line, an empty line ends)"
    return " (as JSON)"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return ""
    value = field.get_default(call_default_factory=True, validated_data={})
    return f" [{visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))}]"


def _read_value(form: Any, typed: str | list[str]) -> Any:
    if isinstance(typed, list) or form is str or get_origin(form) is Literal:
        return typed
    if form is bool:
        if typed.lower() not in _TRUTH:
            raise ValueError("expected yes or no")
        return _TRUTH[typed.lower()]
    try:
        return json.loads(typed)
    except ValueError:
        return typed  # a date, an enum's value: whatever the type makes of text


def _edited(cls: type[Message], values: dict[str, Any], read: Read, edit: Callable[[str], str]) -> Message:
    """The message written as JSON in the editor, again until it fits."""
    started = {name: values.get(name, "") for name in cls.model_fields}
    text = json.dumps(started, indent=2, ensure_ascii=False, default=str)
    while True:
        text = edit(text)
        try:
            return cls.model_validate_json(text)
        except (ValidationError, ConfigError) as error:
            print(visible(f"That does not fit: {plainly(error)}"))
            _again(read)


def _again(read: Read) -> None:
    try:
        _line(read, "Enter opens the editor again, /refuse NOTE declines: ")
    except _Wholly:
        return
