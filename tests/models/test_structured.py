"""Types as models answer them: schemas, answers parsed, and refusals in words a model can act on."""

from __future__ import annotations

import math
from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from metagpt.errors import ConfigError, InvalidReplyError
from metagpt.models.structured import output_type, reask_message


class Review(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    approved: bool
    notes: str


class Comment(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    line: int
    replies: list[Comment] = []


class Accepted(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    notes: str


class Rejected(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    notes: str


class Level(Enum):
    LOW = "low"


def upper(text: str) -> str:
    if not text:
        raise ValueError("expected some text")
    return text.upper()


Loud = Annotated[str, AfterValidator(upper)]
REVIEW = '{"approved": true, "notes": "fine"}'


def refusal(form: Any, text: str) -> str:
    with pytest.raises(InvalidReplyError) as caught:
        output_type(form).parse(text)
    return str(caught.value)


@pytest.mark.parametrize("form", [str, Loud, Annotated[str, Field(min_length=1)]])
def test_text_has_no_schema(form: Any) -> None:
    assert output_type(form).schema is None


def test_text_is_taken_as_it_stands() -> None:
    assert output_type(str).parse(' {"a": 1} \n') == ' {"a": 1} \n'
    assert output_type(Loud).parse("hello") == "HELLO"


def test_text_that_its_validator_refuses_is_an_invalid_reply() -> None:
    assert "expected some text" in refusal(Loud, "")


def test_a_message_is_asked_for_as_it_is() -> None:
    schema = output_type(Review).schema
    assert schema is not None
    assert set(schema["properties"]) == {"approved", "notes"}


@pytest.mark.parametrize(
    "form", [int, list[Review], Review | Comment, Literal["yes", "no"], Level, date, Review | None, Annotated[str, Field(pattern="a+")]]
)
def test_what_is_no_object_stands_under_one_key(form: Any) -> None:
    schema = output_type(form).schema
    assert schema is not None
    assert schema["type"] == "object"
    assert schema["required"] == ["answer"]
    assert "$defs" not in schema["properties"]["answer"]


ROUND_TRIPS: list[tuple[Any, Any]] = [
    (str, "any text {}"),
    (Review, Review(approved=False, notes='a "quote" and ```json\n{}\n```')),
    (Comment, Comment(line=1, replies=[Comment(line=2)])),
    (list[Review], [Review(approved=True, notes="")]),
    (Review | Comment, Comment(line=3)),
    (Accepted | Rejected, Rejected(notes="no")),
    (Accepted | Rejected, Accepted(notes="no")),
    (Accepted | Rejected | None, None),
    (Literal["yes", "no"], "no"),
    (int, 7),
    (float, 0.5),
    (Level, Level.LOW),
    (date, date(2026, 1, 2)),
    (tuple[int, str], (1, "a")),
    (dict[str, int], {"answer": 1}),
    (dict[str, int], {"a": 1}),
    (set[int], {1, 2}),
    (Review | None, None),
]


@pytest.mark.parametrize(("form", "value"), ROUND_TRIPS)
def test_what_is_encoded_parses_back(form: Any, value: Any) -> None:
    kind = output_type(form)
    parsed = kind.parse(kind.encode(value))
    assert parsed == value
    assert type(parsed) is type(value)


def test_members_with_equal_fields_are_told_apart_by_name() -> None:
    kind = output_type(Accepted | Rejected)
    assert kind.parse('{"answer": {"Rejected": {"notes": "x"}}}') == Rejected(notes="x")
    assert kind.encode(Accepted(notes="x")) == '{"answer":{"Accepted":{"notes":"x"}}}'
    assert "Accepted" in refusal(Accepted | Rejected, '{"answer": {"notes": "x"}}')


@pytest.mark.parametrize(
    "text",
    [
        REVIEW,
        f"  {REVIEW}\n",
        f"```json\n{REVIEW}\n```",
        f"Here it is:\n```\n{REVIEW}\n```\nGood luck!",
        f"Sure! {REVIEW} That is all.",
        f"A set {{x}} is no JSON, but this is: {REVIEW}",
    ],
)
def test_prose_and_a_fence_round_the_only_object_are_overlooked(text: str) -> None:
    assert output_type(Review).parse(text) == Review(approved=True, notes="fine")


def test_a_list_without_its_key_is_taken() -> None:
    assert output_type(list[int]).parse("[1, 2]") == [1, 2]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "it is empty"),
        ("I would rather not.", "it begins 'I would rather not.'"),
        (REVIEW[:-1], "delimiter"),
        (f"{REVIEW} or {REVIEW}", "it holds 2 JSON objects"),
        ("{'approved': True, 'notes': ''}", "double quotes"),
        (r'{"approved": true, "notes": "\ud800"}', "hex escape"),
        ('{"approved": true, "notes": ""} // trailing {"a": 1}', "2 JSON objects"),
    ],
)
def test_what_would_have_to_be_guessed_is_refused(text: str, problem: str) -> None:
    assert problem in refusal(Review, text)


def test_code_is_never_evaluated() -> None:
    assert "not the JSON" in refusal(Review, "dict(approved=True, notes=str(print('run')))")


def test_not_a_number_is_no_json() -> None:
    assert "NaN is not JSON" in refusal(float, '{"answer": NaN}')
    assert not math.isnan(output_type(float).parse('{"answer": 1}'))


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 100_000, "{" * 200_000])
def test_hostile_nesting_is_refused_and_does_not_hang(text: str) -> None:
    assert "not the JSON" in refusal(Review, text)


def test_a_refusal_names_path_problem_and_what_was_found() -> None:
    text = refusal(list[Review], '{"answer": [{"approved": true, "notes": "x"}, {"approved": "maybe", "extra": 1}]}')
    assert text.splitlines() == [
        "The answer does not fit 'list[Review]':",
        "- answer[1].approved: Input should be a valid boolean, unable to interpret input; got 'maybe'",
        "- answer[1].notes: Field required; got {'approved': 'maybe', 'extra': 1}",
        "- answer[1].extra: Extra inputs are not permitted; got 1",
    ]


def test_a_long_refusal_is_cut() -> None:
    text = refusal(list[int], str([f'"{"x" * 500}"'] * 50).replace("'", ""))
    assert "and 42 more" in text
    assert len(text) < 2500


def test_the_next_turn_carries_the_refusal() -> None:
    with pytest.raises(InvalidReplyError) as caught:
        output_type(Review).parse("{}")
    turn = reask_message(caught.value)
    assert "- approved: Field required" in turn
    assert "whole answer again" in turn


def test_a_refusal_carries_no_exception_of_another_library() -> None:
    with pytest.raises(InvalidReplyError) as caught:
        output_type(Review).parse("{}")
    assert caught.value.__context__ is None


def test_an_output_type_is_made_once() -> None:
    assert output_type(list[Review]) is output_type(list[Review])


def test_the_order_of_a_union_is_its_own() -> None:
    """The schema is part of a call's identity: it must not depend on who asked first."""
    first, second = output_type(Review | Comment).schema, output_type(Comment | Review).schema
    assert first is not None
    assert second is not None
    assert first["properties"]["answer"]["anyOf"] == list(reversed(second["properties"]["answer"]["anyOf"]))


def test_a_type_that_cannot_be_asked_for_is_refused() -> None:
    class Socket:
        pass

    with pytest.raises(ConfigError, match="Socket"):
        output_type(Socket)
    with pytest.raises(ConfigError, match="JSON schema"):
        output_type(list[type])


def test_metadata_that_cannot_be_hashed_is_no_obstacle() -> None:
    assert output_type(Annotated[int, ["unhashable"]]).parse('{"answer": 3}') == 3
