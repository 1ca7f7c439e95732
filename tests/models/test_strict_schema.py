"""Strict schemas: what can be said in the subset, what cannot, and that answers come back to the type."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model
from typing_extensions import TypedDict

from metagpt.models.strict_schema import drop_added_nulls, strict_schema
from tests.models.example_answers import example_of


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")
    kind: Literal["leaf"]
    size: int = 3
    note: str | None = None


class Node(BaseModel):
    """A node of a tree."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: Literal["node"]
    children: list[Node | Leaf] = []
    favourite: Leaf | None = Field(default=None, description="the best one")
    colour: Colour = Colour.RED
    weight: Annotated[float, Field(gt=0, le=10)]
    name: Annotated[str, Field(min_length=2, pattern="^[a-z]+$")]
    tags: set[str] = set()


class Shapes(BaseModel):
    first: Annotated[Node | Leaf, Field(discriminator="kind")]
    choice: Literal["a", 1, None]
    amount: Decimal
    day: date
    anywhere: Leaf = Field(description="a leaf that has its own words")


class Loose(TypedDict, total=False):
    title: str
    pages: int


def with_field(form: Any) -> type[BaseModel]:
    return create_model("WithField", field=(form, ...))


STRICT_TYPES: list[Any] = [Leaf, Node, Shapes, Loose]
FREE_TYPES: list[Any] = [
    dict[str, int],
    dict[str, Any],
    with_field(tuple[int, str]),
    with_field(dict[str, str]),
    with_field(list[Any]),
    with_field(Any),
]


def schema_of(form: Any) -> dict[str, Any]:
    return TypeAdapter(form).json_schema()


def strict_of(form: Any) -> dict[str, Any]:
    strict = strict_schema(schema_of(form))
    assert strict is not None
    return strict


def nodes_in(schema: Any) -> list[dict[str, Any]]:
    """Every schema inside `schema`, itself included."""
    if isinstance(schema, list):
        return [node for item in schema for node in nodes_in(item)]
    if not isinstance(schema, dict):
        return []
    parts = [*schema.get("properties", {}).values(), *schema.get("$defs", {}).values(), *schema.get("anyOf", []), schema.get("items")]
    return [schema, *nodes_in(parts)]


@pytest.mark.parametrize("form", STRICT_TYPES)
def test_every_object_is_closed_and_demands_all_its_properties(form: Any) -> None:
    strict = strict_of(form)
    objects = [node for node in nodes_in(strict) if node.get("type") == "object"]
    assert strict in objects
    for node in objects:
        assert node["additionalProperties"] is False
        assert node["required"] == list(node["properties"])


@pytest.mark.parametrize("form", STRICT_TYPES)
def test_only_words_of_the_subset_are_left(form: Any) -> None:
    known = {"type", "properties", "required", "additionalProperties", "items", "anyOf", "$ref", "$defs", "description", "enum", "const"}
    known |= {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minItems", "maxItems", "pattern", "format"}
    for node in nodes_in(strict_of(form)):
        assert set(node) <= known
        assert "$ref" not in node or set(node) == {"$ref"}


@pytest.mark.parametrize("form", FREE_TYPES)
def test_what_the_subset_cannot_say_has_no_strict_form(form: Any) -> None:
    assert strict_schema(schema_of(form)) is None


def test_a_root_that_is_no_object_has_no_strict_form() -> None:
    assert strict_schema(schema_of(list[Leaf])) is None
    assert strict_schema(schema_of(Node | Leaf)) is None


def test_an_optional_property_may_be_null() -> None:
    assert strict_of(Leaf)["properties"]["size"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert strict_of(Leaf)["properties"]["note"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}


def test_a_recursive_type_keeps_its_reference() -> None:
    strict = strict_of(Node)
    variants = strict["properties"]["children"]["anyOf"][0]["items"]["anyOf"]
    assert variants == [{"$ref": "#/$defs/Node"}, {"$ref": "#/$defs/Leaf"}]
    assert set(strict["$defs"]) == {"Colour", "Leaf", "Node"}


def test_a_described_reference_stands_in_a_union_of_its_own() -> None:
    anywhere = strict_of(Shapes)["properties"]["anywhere"]
    assert anywhere == {"anyOf": [{"$ref": "#/$defs/Leaf"}], "description": "a leaf that has its own words"}


def test_a_literal_of_several_types_says_them() -> None:
    assert strict_of(Shapes)["properties"]["choice"] == {"type": ["string", "integer", "null"], "enum": ["a", 1, None]}


def test_the_given_schema_is_not_changed() -> None:
    schema = schema_of(Node)
    before = json.dumps(schema)
    strict_schema(schema)
    assert json.dumps(schema) == before


@pytest.mark.parametrize("form", STRICT_TYPES)
def test_an_answer_to_the_strict_form_fits_the_type_again(form: Any) -> None:
    """The example answers null wherever the strict form allows it: the worst case for the way back."""
    answer = example_of(strict_of(form))
    TypeAdapter(form).validate_python(drop_added_nulls(answer, schema_of(form)))


def test_only_nulls_that_the_type_does_not_know_are_dropped() -> None:
    leaf = {"kind": "leaf", "size": None, "note": None}
    node = {"kind": "node", "children": [leaf], "favourite": None, "colour": None, "weight": 1.5, "name": "oak", "tags": None}
    mended = drop_added_nulls({**node, "children": [leaf, node]}, schema_of(Node))
    assert mended["children"][0] == {"kind": "leaf", "note": None}
    assert mended["children"][1]["children"] == [{"kind": "leaf", "note": None}]
    assert "colour" not in mended
    assert mended["favourite"] is None
    assert Node.model_validate(mended).children[0] == Leaf(kind="leaf")


def test_a_required_null_stays_and_is_refused_by_the_type() -> None:
    answer = {"kind": None, "size": 1, "note": None}
    assert drop_added_nulls(answer, schema_of(Leaf)) == answer
