"""Actions: schema from a typed function, arguments checked, the function itself still callable."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from metagpt import Action, ActionContext, action
from metagpt.actions.interface import FunctionAction, Permissions, as_action, tool_spec
from metagpt.actions.workspace import Workspace
from metagpt.errors import ActionError, ConfigError
from metagpt.testing import check_action


class Point(BaseModel):
    x: int


@action(reads=True, idempotent=True)
async def look_up(word: str, context: ActionContext, limit: int = 3, exact: bool = False) -> list[str]:
    """Look a word up in the dictionary.

    It is a small dictionary.

    Args:
        word: What to look for,
            whole or in part.
        limit (int): Most entries.

    Returns:
        Entries.
    """
    assert context.role == "tester"
    return [word] * limit if not exact else []


@pytest.fixture
def context(tmp_path: Path) -> ActionContext:
    return ActionContext(workspace=Workspace(tmp_path), role="tester")


def made(function: Any) -> FunctionAction:
    found = as_action(function)
    assert isinstance(found, FunctionAction)
    return found


def test_name_description_and_schema_come_from_signature_and_docstring() -> None:
    found = made(look_up)
    assert (found.name, found.description) == ("look_up", "Look a word up in the dictionary.\n\nIt is a small dictionary.")
    assert found.parameters == {
        "type": "object",
        "properties": {
            "word": {"type": "string", "title": "Word", "description": "What to look for, whole or in part."},
            "limit": {"type": "integer", "title": "Limit", "description": "Most entries.", "default": 3},
            "exact": {"type": "boolean", "title": "Exact", "default": False},
        },
        "required": ["word"],
        "additionalProperties": False,
    }
    assert tool_spec(found).parameters is found.parameters
    assert isinstance(found, Action)


def test_permissions_say_what_is_touched() -> None:
    assert made(look_up).permissions == Permissions(reads=True)
    assert made(look_up).permissions.names == ("reads",)
    assert made(look_up).idempotent

    @action
    async def plain() -> None:
        """Do nothing."""

    assert made(plain).permissions.names == ()
    assert not made(plain).idempotent


async def test_the_function_is_still_callable_as_it_was(context: ActionContext) -> None:
    assert await look_up("tea", context, limit=1) == ["tea"]


async def test_arguments_are_checked_and_the_context_is_put_in(context: ActionContext) -> None:
    assert await made(look_up).perform({"word": "tea"}, context) == ["tea"] * 3
    for wrong in ({}, {"word": 5}, {"word": "tea", "limit": "many"}, {"word": "tea", "other": 1}, {"word": "tea", "context": None}):
        with pytest.raises(ActionError, match=r"action 'look_up': found bad arguments .*expected \{"):
            await made(look_up).perform(wrong, context)


async def test_arguments_become_the_types_that_are_annotated(context: ActionContext) -> None:
    got: dict[str, Any] = {}

    @action
    async def take(
        point: Point, day: datetime.date, kind: Literal["a", "b"], many: Annotated[int, Field(ge=1)], sizes: tuple[int, ...] = ()
    ) -> None:
        """Take it."""
        got.update(point=point, day=day, kind=kind, many=many, sizes=sizes)

    await made(take).perform({"point": {"x": 1}, "day": "2020-01-02", "kind": "b", "many": 2, "sizes": [1, 2]}, context)
    assert got == {"point": Point(x=1), "day": datetime.date(2020, 1, 2), "kind": "b", "many": 2, "sizes": (1, 2)}
    with pytest.raises(ActionError, match=r"point\.x: .*many: "):
        await made(take).perform({"point": {"x": "?"}, "day": "2020-01-02", "kind": "b", "many": 0}, context)


async def test_a_parameter_may_have_any_name(context: ActionContext) -> None:
    @action
    async def odd(json: str, copy: str, schema: str, model_dump: str, _hidden: int = 1) -> str:
        """Say it."""
        return json + copy + schema + model_dump + str(_hidden)

    assert list(made(odd).parameters["properties"]) == ["json", "copy", "schema", "model_dump", "_hidden"]
    assert await made(odd).perform({"json": "a", "copy": "b", "schema": "c", "model_dump": "d"}, context) == "abcd1"


def test_a_recorded_result_comes_back_as_the_function_returned_it() -> None:
    @action
    async def fetch() -> dict[int, Point]:
        """Fetch."""
        return {1: Point(x=2)}

    assert made(fetch).decode('{"1": {"x": 2}}') == {1: Point(x=2)}

    @action
    async def unsaid():  # type: ignore[no-untyped-def]
        """Fetch."""

    assert made(unsaid).decode('{"a": [1]}') == {"a": [1]}
    assert made(unsaid).decode("null") is None


async def _starred(*words: str) -> None: ...
async def _keywords(**words: str) -> None: ...
async def _by_position(word: str, /) -> None: ...
async def _bare(word) -> None: ...  # type: ignore[no-untyped-def]
async def _unknown(word: "Nowhere") -> None: ...  # type: ignore[name-defined]  # noqa: F821
def _plain(word: str) -> None: ...


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (_starred, "named parameters only"),
        (_keywords, "named parameters only"),
        (_by_position, "named parameters only"),
        (_bare, "no annotation on 'word'"),
        (_unknown, "'Nowhere', which names nothing"),
        (_plain, "Write `async def _plain"),
    ],
)
def test_a_function_that_can_be_no_action_is_refused(function: Callable[..., Any], words: str) -> None:
    with pytest.raises(ConfigError, match=rf"@action {function.__name__}: .*{words}"):
        action(function)


async def test_our_actions_keep_what_the_interface_promises() -> None:
    await check_action(look_up, {"word": "tea"})
