"""JSON schema to the strict subset that providers can force a model's answer into, and the way back.

In the subset every object is closed, every property is required, and an optional one may be null instead of missing.
A schema with a part that cannot be said so (free-form dicts, tuples, anything at all) has no strict form.

Source: OpenAI, "Structured model outputs", supported schemas.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from metagpt.models.interface import JsonSchema

__all__ = ["drop_added_nulls", "strict_schema"]

_NULL: JsonSchema = {"type": "null"}
_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
_NUMBER_KEYWORDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")
_TYPE_NAMES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


class _NotStrictError(Exception):
    """A part of the schema that the strict subset cannot say."""


def strict_schema(schema: JsonSchema) -> JsonSchema | None:
    """The strict form of `schema`, or None where it has none.

    Answers to the strict form fit `schema` after `drop_added_nulls`. Keywords that the subset lacks (`minLength`,
    `uniqueItems`, `default`, ...) are dropped: whoever validates the answer still knows them.
    """
    try:
        definitions = {name: _strict(part) for name, part in schema.get("$defs", {}).items()}
        strict = _strict(_resolved(schema, schema))
    except _NotStrictError:
        return None
    if strict.get("type") != "object":
        return None
    return {**strict, "$defs": definitions} if definitions else strict


def drop_added_nulls(answer: Any, schema: JsonSchema) -> Any:  # Any: JSON values
    """`answer` without the nulls that stand for a missing optional property of `schema`, which is the unstrict form."""
    return _without_nulls(answer, schema, schema)


def _strict(node: JsonSchema) -> JsonSchema:
    strict = _strict_shape(node)
    description = node.get("description")
    if not description:
        return strict
    if "$ref" in strict:  # the subset allows nothing beside a reference
        strict = {"anyOf": [strict]}
    return {**strict, "description": description}


def _strict_shape(node: JsonSchema) -> JsonSchema:
    if "$ref" in node:
        return {"$ref": node["$ref"]}
    if variants := node.get("anyOf") or node.get("oneOf"):
        return {"anyOf": [_strict(variant) for variant in variants]}
    if parts := node.get("allOf"):
        return _strict_shape(_only(parts))
    if "const" in node or "enum" in node:
        return _strict_choice(node)
    types = node.get("type")
    if isinstance(types, list):
        return {"anyOf": [_strict_shape({**node, "type": each}) for each in types]}
    return _strict_of_type(types, node)


def _strict_of_type(type_name: object, node: JsonSchema) -> JsonSchema:
    match type_name:
        case "object":
            return _strict_object(node)
        case "array":
            return _strict_array(node)
        case "string":
            return _strict_string(node)
        case "integer" | "number":
            return {"type": type_name, **{key: node[key] for key in _NUMBER_KEYWORDS if key in node}}
        case "boolean" | "null":
            return {"type": type_name}
        case _:
            raise _NotStrictError


def _strict_object(node: JsonSchema) -> JsonSchema:
    if "properties" not in node or node.get("patternProperties"):
        raise _NotStrictError
    required = frozenset(node.get("required", ()))
    properties = {name: _strict(part) if name in required else _nullable(_strict(part)) for name, part in node["properties"].items()}
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _strict_array(node: JsonSchema) -> JsonSchema:
    if not isinstance(node.get("items"), dict) or node.get("prefixItems"):
        raise _NotStrictError
    strict: JsonSchema = {"type": "array", "items": _strict(node["items"])}
    return strict | {key: node[key] for key in ("minItems", "maxItems") if key in node}


def _strict_string(node: JsonSchema) -> JsonSchema:
    strict: JsonSchema = {"type": "string"}
    if node.get("format") in _FORMATS:
        strict["format"] = node["format"]
    if "pattern" in node and "(?" not in node["pattern"]:  # groups with a question mark differ between regex dialects
        strict["pattern"] = node["pattern"]
    return strict


def _strict_choice(node: JsonSchema) -> JsonSchema:
    values = node["enum"] if "enum" in node else [node["const"]]
    names = list(dict.fromkeys(_TYPE_NAMES.get(type(value), "") for value in values))
    if "" in names:
        raise _NotStrictError
    choice: JsonSchema = {"enum": values} if "enum" in node else {"const": node["const"]}
    return {"type": names[0] if len(names) == 1 else names, **choice}


def _nullable(strict: JsonSchema) -> JsonSchema:
    if _allows_null(strict):
        return strict
    if set(strict) == {"anyOf"}:
        return {"anyOf": [*strict["anyOf"], _NULL]}
    return {"anyOf": [strict, _NULL]}


def _allows_null(node: JsonSchema) -> bool:
    if "anyOf" in node or "oneOf" in node:
        return any(_allows_null(variant) for variant in node.get("anyOf") or node["oneOf"])
    if "enum" in node:
        return None in node["enum"]
    types = node.get("type")
    return "null" in types if isinstance(types, list) else types == "null"


def _only(parts: list[JsonSchema]) -> JsonSchema:
    if len(parts) != 1:
        raise _NotStrictError
    return parts[0]


def _resolved(node: JsonSchema, root: JsonSchema) -> JsonSchema:
    seen: set[str] = set()
    while (reference := node.get("$ref")) is not None:
        name = reference.removeprefix("#/$defs/")
        if name in seen or name not in root.get("$defs", {}):
            raise _NotStrictError
        seen.add(name)
        node = root["$defs"][name]
    return node


def _without_nulls(answer: Any, node: JsonSchema, root: JsonSchema) -> Any:  # Any: JSON values
    if not isinstance(answer, (dict, list)):
        return answer
    node = _variant_of(answer, _resolved(node, root), root)
    if isinstance(answer, list):
        return [_without_nulls(item, node.get("items", {}), root) for item in answer]
    properties: Mapping[str, JsonSchema] = node.get("properties", {})
    required = node.get("required", ())
    return {
        key: _without_nulls(value, properties.get(key, {}), root)
        for key, value in answer.items()
        if value is not None or key in required or key not in properties or _allows_null(_resolved(properties[key], root))
    }


def _variant_of(answer: dict[str, Any] | list[Any], node: JsonSchema, root: JsonSchema) -> JsonSchema:
    """The part of a union that `answer` was made to; `node` itself where it is none."""
    variants = node.get("anyOf") or node.get("oneOf") or node.get("allOf")
    if not variants:
        return node
    for variant in variants:
        found = _variant_of(answer, _resolved(variant, root), root)
        if _looks_like(answer, found, root):
            return found
    return {}


def _looks_like(answer: dict[str, Any] | list[Any], node: JsonSchema, root: JsonSchema) -> bool:
    if isinstance(answer, list):
        return node.get("type") == "array"
    properties = node.get("properties", {})
    if node.get("type") != "object" or answer.keys() != properties.keys():
        return False
    constants = ((key, _resolved(part, root)) for key, part in properties.items())
    return all("const" not in part or part["const"] == answer[key] for key, part in constants)
