"""Servers that lie, stall, die or flood: bounded, told, and without the secrets of this process."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import pytest

from metagpt import Team
from metagpt.actions.interface import ActionContext
from metagpt.actions.mcp.catalogue import McpAction
from metagpt.actions.mcp.names import safe_names
from metagpt.actions.mcp.results import result_of
from metagpt.actions.mcp.schemas import checked_schema, problems_of
from metagpt.actions.mcp.server import McpServer
from metagpt.actions.workspace import Workspace
from metagpt.errors import ActionError, ActionServerError, ConfigError
from metagpt.testing import ScriptedModel, call, text
from tests.actions.mcp_settings import Clerk, Note, odd


async def listed(source: McpServer, tmp_path: Path) -> dict[str, McpAction]:
    async with source.open(Workspace(tmp_path)) as actions:
        return {action.name: action for action in actions}


async def performed(source: McpServer, tmp_path: Path, word: str) -> dict[str, object]:
    workspace = Workspace(tmp_path)
    async with source.open(workspace) as actions:
        [act] = [action for action in actions if action.name == "odd__act"]
        return dict(await act.perform({"word": word}, ActionContext(workspace=workspace)))


async def test_a_server_that_dies_is_told_to_the_model_with_its_last_words_and_without_its_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ODD_SOURCE", "correct horse battery")
    source = odd(env={"ODD_TOKEN": "${ODD_SOURCE}"})
    with ScriptedModel([call("odd__act", word="die"), call("odd__act", word="again"), text("without it")]) as model:
        run = await Team([Clerk(actions=[source])], final=Note, model=model).run("go")
    assert run.output.text == "without it"
    first, second = [turn.text for turn in model.requests[-1].chat if turn.role == "tool"]
    assert first.startswith("Error: action 'odd__act': found MCP server 'odd' gone")
    assert "the disk is full; token was ***" in first
    assert "gone" in second
    assert "correct horse" not in first + second


async def test_a_server_that_stalls_is_given_up_in_time(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(ActionServerError, match=r"no answer of MCP server 'odd' within 0.3 s"):
        await performed(odd(timeout_s=0.3), tmp_path, "stall")
    assert time.monotonic() - started < 8


async def test_a_server_that_never_speaks_is_given_up_in_time(tmp_path: Path) -> None:
    with pytest.raises(ActionServerError, match=r"that does not start \(no answer within 0.5 s\)"):
        await listed(odd("mute", start_timeout_s=0.5), tmp_path)


async def test_a_program_that_ends_at_once_is_a_typed_error_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(ActionServerError, match=r"does not start.*can't open file"):
        await listed(odd(command=("python3", "no-such-script.py")), tmp_path)


async def test_a_long_result_is_cut_and_says_so(tmp_path: Path) -> None:
    result = await performed(odd(max_chars=1_000), tmp_path, "flood")
    assert result["text"] == "x" * 1_000
    assert result["left_out"] == ["2999000 of 3000000 characters"]


async def test_a_server_that_writes_much_to_its_standard_error_does_not_block(tmp_path: Path) -> None:
    result = await performed(odd(timeout_s=30), tmp_path, "chatter")
    assert str(result["text"]).startswith("pid ")


async def test_an_answer_that_breaks_the_protocol_is_a_typed_error(tmp_path: Path) -> None:
    with pytest.raises(ActionServerError, match=r"breaks the protocol \(content"):
        await performed(odd(), tmp_path, "nonsense")


async def test_a_server_gets_a_clean_environment_and_what_the_settings_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-servers")
    monkeypatch.setenv("DATABASE_PASSWORD", "hunter2hunter2")
    monkeypatch.setenv("NEEDED", "a secret for this one")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    result = await performed(odd(env={"GIVEN": "${NEEDED}", "MODE": "fast"}), tmp_path, "environment")
    given = json.loads(str(result["text"]))
    assert set(given) <= {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "GIVEN", "MODE", "LC_CTYPE"}
    assert given["MODE"] == "fast"
    assert given["GIVEN"] == "***", "a secret that the server repeats is kept from model and journal"


async def test_a_variable_that_is_not_set_is_said_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found no variable 'ODD_UNSET'"):
        odd(env={"A": "${ODD_UNSET}"}).check()


# what it lists


async def test_descriptions_are_bounded_and_carry_no_control_characters(tmp_path: Path) -> None:
    act = (await listed(odd(), tmp_path))["odd__act"]
    assert len(act.description) < 1_300
    assert "\x1b" not in act.description
    assert act.description.endswith("(Of MCP server 'odd'.)")
    assert act.permissions.names == ()


async def test_tools_whose_schemas_are_no_good_are_left_out_and_named_in_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "metagpt.actions"):
        assert set(await listed(odd("bad-schemas"), tmp_path)) == {"odd__act", "odd__read_it"}
    assert [word for word in ("'outside'", "'broken'", "'large'") if word not in caplog.text] == []


async def test_a_tool_with_a_bad_schema_that_the_settings_ask_for_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ActionServerError, match="tool 'outside': found a schema that points out of itself"):
        await listed(odd("bad-schemas", offer=["outside"]), tmp_path)


async def test_names_are_safe_differ_and_are_not_taken_by_lookalikes(tmp_path: Path) -> None:
    found = await listed(odd("clashing", tools={"read_it": ["reads"]}), tmp_path)
    assert len(found) == 6
    assert all(name.isidentifier() and name.isascii() and len(name) <= 64 for name in found)
    assert found["odd__read_it"].permissions.names == ("reads",)


def test_names_do_not_depend_on_the_order_of_the_list() -> None:
    originals = ["a.b", "a-b", "a_b", "x" * 100, "x" * 101]
    assert safe_names("s", originals) == safe_names("s", reversed(originals))
    assert len(set(safe_names("s", originals).values())) == 5
    assert safe_names("s", originals)["a_b"] == "s__a_b"


async def test_two_tools_of_one_name_and_endless_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ActionServerError, match="two tools of one name"):
        await listed(odd("twice"), tmp_path)
    with pytest.raises(ActionServerError, match="a list without end"):
        await listed(odd("endless"), tmp_path)


async def test_more_tools_than_a_model_can_choose_from_need_a_choice(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"found 302 tools and prompts; expected at most 128.*offer = "):
        await listed(odd("many"), tmp_path)
    assert set(await listed(odd("many", offer=["tool_7"]), tmp_path)) == {"odd__tool_7"}


async def test_settings_that_speak_of_a_tool_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"\[mcp.odd\]: found tool 'actt'; expected one that the server has. Did you mean 'act'"):
        await listed(odd(tools={"actt": ["reads"]}), tmp_path)


async def test_an_expression_that_takes_for_ever_is_not_tried(tmp_path: Path) -> None:
    match = (await listed(odd("evil-pattern"), tmp_path))["odd__match"]
    assert problems_of(match.parameters, {"pattern": "a" * 60 + "b"}) == []
    assert problems_of(match.parameters, {"pattern": 7}) == ["pattern: 7 is not of type 'string'"]


@pytest.mark.parametrize(
    "schema",
    [
        None,
        {"type": "string"},
        {"type": "object", "properties": {"a": {"$ref": "file:///etc/passwd"}}},
        {"type": "object", "properties": {"a": {"$dynamicRef": "other.json#x"}}},
        {"type": "object", "required": 7},
    ],
)
def test_what_is_no_schema_of_an_object_is_refused(schema: object) -> None:
    with pytest.raises(ValueError, match="found"):
        checked_schema(schema)


def test_a_schema_nested_without_measure_is_refused() -> None:
    deep: dict[str, object] = {}
    for _ in range(300):
        deep = {"properties": {"a": deep}}
    with pytest.raises(ValueError, match="levels"):
        checked_schema({"type": "object", **deep})


def test_a_schema_that_refers_to_itself_is_followed_as_far_as_the_arguments_go() -> None:
    tree = {"type": "object", "properties": {"child": {"$ref": "#"}}, "additionalProperties": False}
    assert problems_of(checked_schema(tree), {"child": {"child": {}}}) == []
    assert problems_of(checked_schema(tree), {"child": {"other": 1}}) != []
    assert problems_of(checked_schema({"type": "object", "$ref": "#"}), {}) == ["the server's schema cannot be followed (RecursionError)"]


def test_structured_content_is_bounded_and_shown_once() -> None:
    shown = result_of("s", ['{"a": 1}'], [], structured={"a": 1}, max_chars=100)
    assert (shown["text"], shown["structured"]) == ("", {"a": 1})
    long = result_of("s", ["short"], [], structured={"a": "x" * 500}, max_chars=100)
    assert (long["text"], long["structured"], long["left_out"]) == ("short", None, ["structured content of 508 characters"])


async def test_an_error_of_the_body_leaves_the_context_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ActionError, match="mine"):
        async with odd().open(Workspace(tmp_path)):
            raise ActionError("mine")
