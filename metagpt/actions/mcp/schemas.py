"""Schemas of a server's tools: looked at before a model sees them, and arguments checked by them before the server does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic_core import to_json

from metagpt.models.interface import JsonSchema

__all__ = ["MOST_SCHEMA_CHARS", "checked_schema", "problems_of"]

MOST_SCHEMA_CHARS = 32_000
_MOST_DEPTH = 40
_MOST_PROBLEMS = 5
_COMBINING = ("allOf", "anyOf", "oneOf", "$ref", "if", "patternProperties", "dependentSchemas")


def checked_schema(schema: object) -> JsonSchema:
    """The schema of an object, fit to be shown and to check by.

    Raises:
        ValueError: it is none, is too large, or points out of itself.
    """
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        raise ValueError("found no schema of an object")
    if _depth(schema) > _MOST_DEPTH or len(to_json(schema)) > MOST_SCHEMA_CHARS:
        raise ValueError(f"found a schema of more than {MOST_SCHEMA_CHARS} characters or {_MOST_DEPTH} levels")
    outside = next((each for each in _references(schema) if not each.startswith("#")), None)
    if outside is not None:
        raise ValueError(f"found a schema that points out of itself, to {outside[:80]!r}")
    from jsonschema import SchemaError

    whole: JsonSchema = {"type": "object", **schema}
    if "additionalProperties" not in whole and not any(word in whole for word in _COMBINING):
        whole["additionalProperties"] = False  # a made-up argument is told to the model, not swallowed
    try:
        _validator(whole).check_schema(whole)
    except SchemaError as error:
        raise ValueError(f"found a schema that is none ({error.message[:120]})") from error
    return whole


def problems_of(schema: JsonSchema, arguments: Mapping[str, Any]) -> list[str]:  # Any: JSON values
    """What is wrong with the arguments, the first few; empty if they fit."""
    from referencing.exceptions import Unresolvable

    found: list[str] = []
    try:
        for error in _validator(schema)(schema, registry=_registry()).iter_errors(dict(arguments)):
            where = ".".join(map(str, error.absolute_path)) or "arguments"
            found.append(f"{where}: {error.message[:200]}")
            if len(found) == _MOST_PROBLEMS:
                break
    except (Unresolvable, RecursionError) as error:
        found.append(f"the server's schema cannot be followed ({type(error).__name__})")
    return found


def _validator(schema: JsonSchema) -> Any:  # Any: a class that the library makes
    """The schema's own draft, without `pattern`: a stranger's expression could take for ever; the server checks it anyway."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend, validator_for

    return extend(validator_for(schema, default=Draft202012Validator), {"pattern": lambda *_: iter(())})


def _registry() -> Any:  # Any: as above
    """No schema is fetched from anywhere."""
    from referencing import Registry

    return Registry()


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("$ref", "$dynamicRef", "$recursiveRef") and isinstance(inner, str):
                yield inner
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _depth(value: object, above: int = 0) -> int:
    if above > _MOST_DEPTH:
        return above
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max((_depth(each, above + 1) for each in inner), default=above)
