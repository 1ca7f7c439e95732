"""The smallest JSON value that fits a JSON schema: what the test server answers with when nobody tells it what to say."""

from __future__ import annotations

from typing import Any

_FORMATTED = {"date": "2026-01-02", "time": "03:04:05Z", "date-time": "2026-01-02T03:04:05Z", "email": "a@example.org", "uuid": "0" * 32}


def example_of(schema: dict[str, Any], root: dict[str, Any] | None = None) -> Any:  # Any: JSON values
    """A value that fits `schema`; the first choice of every union, the shortest list, `example` for text."""
    root = schema if root is None else root
    if "$ref" in schema:
        return example_of(root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    if "enum" in schema:
        return schema["enum"][0]
    if variants := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
        return example_of(_smallest(variants), root)
    return _of_type(schema, root)


def _smallest(variants: list[dict[str, Any]]) -> dict[str, Any]:
    """Null where it is allowed, which ends recursive schemas; else the first."""
    return next((variant for variant in variants if variant.get("type") == "null"), variants[0])


def _of_type(schema: dict[str, Any], root: dict[str, Any]) -> Any:
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {name: example_of(properties[name], root) for name in schema.get("required", ()) if name in properties}
        case "array":
            return [example_of(schema.get("items", {}), root) for _ in range(schema.get("minItems", 0))]
        case "integer" | "number":
            return max(0, schema.get("minimum", schema.get("exclusiveMinimum", -1) + 1))
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _FORMATTED.get(schema.get("format", "")) or "example".ljust(schema.get("minLength", 0), ".")
