"""Messages: frozen, tagged, addressed."""

from __future__ import annotations

import copy
import pickle

import pydantic
import pytest

from metagpt import Goal, Message, reply, to
from metagpt.message import SENDER_OF_CAUSE, Addressed, tag_of, unwrap, with_subclasses


class Draft(Message):
    text: str


class Renamed(Message):
    type_name = "draft/v2"
    text: str


class Derived(Renamed):
    pass


def test_a_message_cannot_be_changed() -> None:
    draft = Draft(text="a")
    with pytest.raises(pydantic.ValidationError, match="frozen"):
        draft.text = "b"


def test_a_message_takes_no_field_that_it_does_not_have() -> None:
    with pytest.raises(pydantic.ValidationError, match="extra"):
        Draft(text="a", note="b")  # type: ignore[call-arg]


def test_bytes_and_infinities_survive_json() -> None:
    class Blob(Message):
        body: bytes
        weight: float

    blob = Blob(body=b"\x00\xff{{", weight=float("inf"))
    assert Blob.model_validate_json(blob.model_dump_json()) == blob


def test_the_tag_is_the_class_name_or_type_name_and_is_not_inherited() -> None:
    assert tag_of(Draft) == "Draft"
    assert tag_of(Renamed) == "draft/v2"
    assert tag_of(Derived) == "Derived"
    assert "type_name" not in Renamed(text="a").model_dump()


def test_subclasses_are_listed_once_after_the_types_given() -> None:
    found = with_subclasses([Derived, Renamed])
    assert found[:2] == [Derived, Renamed]
    assert found.count(Derived) == 1


def test_to_and_reply_carry_message_and_address() -> None:
    draft = Draft(text="a")
    assert unwrap(to(draft, "critic", "editor")) == (draft, ("critic", "editor"))
    assert unwrap(reply(draft)) == (draft, SENDER_OF_CAUSE)
    assert unwrap(draft) == (draft, ())
    assert to(draft, "critic").text == "a"


def test_the_last_address_counts() -> None:
    assert unwrap(to(to(Draft(text="a"), "one"), "two"))[1] == ("two",)
    assert unwrap(reply(to(Draft(text="a"), "one")))[1] == SENDER_OF_CAUSE


@pytest.mark.parametrize("roles", [(), (["critic"],), (Goal,), (None,)])
def test_to_without_names_of_roles_is_refused(roles: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match=r"^to\(\): "):
        to(Draft(text="a"), *roles)  # type: ignore[arg-type]


@pytest.mark.parametrize("thing", ["text", None, {"text": "a"}, Draft])
def test_only_a_message_can_be_addressed(thing: object) -> None:
    with pytest.raises(TypeError, match="expected a Message"):
        to(thing, "critic")  # type: ignore[type-var]
    with pytest.raises(TypeError, match="expected a Message"):
        reply(thing)  # type: ignore[type-var]


def test_an_addressed_message_can_be_copied_and_pickled_and_names_its_address() -> None:
    addressed = to(Draft(text="a"), "critic")
    for twin in (copy.copy(addressed), copy.deepcopy(addressed), pickle.loads(pickle.dumps(addressed))):
        assert isinstance(twin, Addressed)
        assert unwrap(twin) == (Draft(text="a"), ("critic",))
    assert repr(addressed) == "to(Draft(text='a'), 'critic')"
