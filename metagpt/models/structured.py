"""A Python type as a model must answer it: its JSON schema, and answers parsed or refused in words for the model."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator
from functools import lru_cache
from typing import Any, Generic, NoReturn, TypeVar, cast

from pydantic import PydanticUserError, TypeAdapter, ValidationError
from typing_extensions import TypeForm

from metagpt.errors import ConfigError, InvalidReplyError
from metagpt.models.interface import JsonSchema
from metagpt.models.tagged_union import TaggedUnion, is_ambiguous_union

__all__ = ["OutputType", "output_type", "reask_message"]

T = TypeVar("T")

ANSWER = "answer"
"""Key under which an answer stands whose type is no object."""

_MAX_PROBLEMS = 8
_MAX_GOT_CHARS = 120
_MAX_STARTS = 200
_PLAIN_TEXT_KEYWORDS = frozenset({"type", "title", "description", "examples", "default", "minLength", "maxLength"})
_FENCE = re.compile(r"```[ \t]*(?:json)?[ \t]*\r?\n(.*?)```", re.DOTALL | re.IGNORECASE)


class OutputType(Generic[T]):
    """One type that a model is asked to answer as. Made by `output_type`."""

    def __init__(self, form: TypeForm[T]) -> None:
        self.name = _name_of(form)
        self._tagged = TaggedUnion(form) if is_ambiguous_union(form) else None
        try:
            self._adapter: TypeAdapter[Any] = self._tagged.adapter if self._tagged else TypeAdapter(form)
            schema = self._adapter.json_schema()
        except PydanticUserError as error:
            raise ConfigError(
                f"Output type: {self.name!r}; expected a type that pydantic can validate and write as JSON schema. "
                f"Ask for a Message, a plain type or a union of them. ({error.message.splitlines()[0]})"
            ) from error
        self._is_text = schema.get("type") == "string" and schema.keys() <= _PLAIN_TEXT_KEYWORDS
        self._is_wrapped = not self._is_text and not _is_object(schema)
        self.schema: JsonSchema | None = None if self._is_text else _wrapped(schema) if self._is_wrapped else schema
        """What a backend is told; None asks for text."""

    def __repr__(self) -> str:
        return f"OutputType({self.name})"

    def parse(self, text: str) -> T:
        """The answer in `text`.

        A Markdown fence round the JSON, or prose round its only object, is overlooked; nothing else is mended.

        Raises:
            InvalidReplyError: What is wrong and where, in words fit to be sent back to the model.
        """
        try:
            if self._is_text:
                return cast("T", self._adapter.validate_python(text))
            answer = self._adapter.validate_json(self._json(text))
        except ValidationError as error:
            refusal = self._refusal(error)
        else:
            return cast("T", self._tagged.unwrap(answer) if self._tagged else answer)
        raise refusal

    def encode(self, value: T) -> str:
        """`value` as a model would answer it: `parse(encode(value)) == value`."""
        if self._is_text:
            return str(self._adapter.dump_python(value, mode="json"))
        shown = self._tagged.wrap(value) if self._tagged else value
        answer = self._adapter.dump_json(cast("T", shown), by_alias=True).decode()
        return f'{{"{ANSWER}":{answer}}}' if self._is_wrapped else answer

    def _json(self, text: str) -> str:
        try:
            return json.dumps(self._unwrapped(_read_json(text)))
        except ValueError as error:
            problem = str(error)
        except RecursionError:
            problem = "it is nested too deeply"
        raise InvalidReplyError(f"The answer is not the JSON of {self.name!r}: {problem}.")

    def _unwrapped(self, answer: object) -> object:
        if self._is_wrapped and isinstance(answer, dict) and answer.keys() == {ANSWER}:
            return answer[ANSWER]
        return answer

    def _refusal(self, error: ValidationError) -> InvalidReplyError:
        found = error.errors(include_url=False, include_context=False)
        lines = [_problem_line(self._path(each["loc"]), each["msg"], each["input"]) for each in found[:_MAX_PROBLEMS]]
        if len(found) > _MAX_PROBLEMS:
            lines.append(f"- and {len(found) - _MAX_PROBLEMS} more")
        return InvalidReplyError(f"The answer does not fit {self.name!r}:\n" + "\n".join(lines))

    def _path(self, location: tuple[int | str, ...]) -> str:
        return _joined((ANSWER, *location) if self._is_wrapped else location)


def output_type(form: TypeForm[T]) -> OutputType[T]:
    """The output type of a class, union, list, Literal or whatever else pydantic validates; made once per type.

    Raises:
        ConfigError: The type has no JSON schema.
    """
    try:
        # by spelling too: `A | B` equals `B | A`, yet their schemas differ and are part of a call's identity
        return cast("OutputType[T]", _cached(cast("Hashable", form), repr(form)))
    except TypeError:  # metadata that cannot be hashed
        return OutputType(form)


def reask_message(error: InvalidReplyError) -> str:
    """The user turn that asks a model to mend the answer it was just refused for."""
    wish = "Mend this and give the whole answer again, in the form asked for, with nothing round it."
    return f"Your answer could not be used.\n{error}\n{wish}"


@lru_cache(maxsize=1024)
def _cached(form: Any, _spelling: str) -> OutputType[Any]:  # Any: a cache for every type
    return OutputType(form)


def _name_of(form: object) -> str:
    if isinstance(form, type) and not hasattr(form, "__origin__"):
        return form.__name__
    return re.sub(r"(?:\w+\.)+(?=[A-Za-z_])", "", str(form))


def _is_object(schema: JsonSchema) -> bool:
    target = schema
    if "$ref" in schema:
        target = schema["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return target.get("type") == "object"


def _wrapped(schema: JsonSchema) -> JsonSchema:
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    wrapper: JsonSchema = {
        "type": "object",
        "properties": {ANSWER: inner},
        "required": [ANSWER],
        "additionalProperties": False,
    }
    return {**wrapper, "$defs": schema["$defs"]} if "$defs" in schema else wrapper


def _read_json(text: str) -> object:
    """The only JSON value of a reply; raises ValueError in words."""
    stripped = text.strip()
    if not stripped:
        raise ValueError("it is empty")
    try:
        return _loads(stripped)
    except ValueError as error:
        problem = str(error)
    fenced = _FENCE.findall(stripped)
    if len(fenced) == 1:
        return _loads(fenced[0])
    objects = list(_objects_in(stripped))
    if len(objects) == 1:
        return objects[0]
    if objects:
        raise ValueError(f"it holds {len(objects)} JSON objects; expected one")
    raise ValueError(f"{problem}; it begins {_shown(stripped)}")


def _loads(text: str) -> object:
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _objects_in(text: str) -> Iterator[object]:
    """The top-level JSON objects in prose, in order."""
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    start = text.find("{")
    for _ in range(_MAX_STARTS):  # a bound: text full of open braces must not take quadratic time
        if start < 0:
            return
        end = start + 1
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            pass
        else:
            yield found
        start = text.find("{", end)


def _joined(location: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.removeprefix(".")


def _problem_line(path: str, problem: str, got: object) -> str:
    place = f"{path}: " if path else ""
    return f"- {place}{problem}; got {_shown(got)}"


def _shown(got: object) -> str:
    text = repr(got)
    return text if len(text) <= _MAX_GOT_CHARS else text[:_MAX_GOT_CHARS] + "…"
