"""The chat completions backend against a real server on the loopback, through the real client."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from metagpt.errors import (
    ConfigError,
    ContextOverflowError,
    InvalidReplyError,
    ModelError,
    ModelTimeoutError,
    ModelUnavailableError,
    RateLimitError,
    RefusedError,
    ServerError,
    StreamCutError,
)
from metagpt.models.capabilities import forget_refusals
from metagpt.models.context_fit import ContextFit
from metagpt.models.faults import retry_after_s
from metagpt.models.interface import (
    Candidate,
    ChatMessage,
    Delta,
    Model,
    ModelOptions,
    ModelReply,
    ModelRequest,
    Price,
    TokenUsage,
    ToolCall,
    ToolSpec,
)
from metagpt.models.openai_compatible import OpenAICompatibleModel, open_openai
from metagpt.models.retry import RetryPolicy, with_retries
from tests.models.chat_protocol import asked_schema, example_reply
from tests.models.fault_server import Answer, CutStream, FaultServer, MidStreamError, Raw, Stall, Status, ToolUse

CHAT = (ChatMessage("system", "You are terse."), ChatMessage("user", "Say hello."))
ASK = ModelRequest(call="greeter.greet", chat=CHAT)
SCHEMA = {"type": "object", "properties": {"word": {"type": "string"}, "count": {"type": "integer"}}, "required": ["word"]}
ASK_JSON = replace(ASK, schema=SCHEMA)
FREE_SCHEMA = {"type": "object", "additionalProperties": {"type": "integer"}}
TOOL = ToolSpec(name="look_up", description="Look a word up.", parameters={"type": "object", "properties": {"word": {"type": "string"}}})
WORD = {"word": "hello", "count": 1}
KEY = "sk-test-abcdefgh12345678"


@pytest.fixture(autouse=True)
def _every_test_finds_out_anew() -> Iterator[None]:
    forget_refusals()
    yield
    forget_refusals()


async def collect(model: Model, request: ModelRequest) -> tuple[str, ModelReply]:
    """Text of all deltas, and the reply."""
    items = [item async for item in model.stream(request)]
    *deltas, reply = items
    assert isinstance(reply, ModelReply)
    assert all(isinstance(delta, Delta) for delta in deltas)
    return "".join(delta.text for delta in deltas if isinstance(delta, Delta)), reply


def ask(server: FaultServer, request: ModelRequest = ASK, **settings: Any) -> tuple[str, ModelReply]:
    async def once() -> tuple[str, ModelReply]:
        model = OpenAICompatibleModel("test-model", base_url=server.url, **settings)
        try:
            return await collect(model, request)
        finally:
            await model.close()

    return asyncio.run(once())


def failure(step: Any, request: ModelRequest = ASK, **settings: Any) -> ModelError:
    with FaultServer([step]) as server, pytest.raises(ModelError) as caught:
        ask(server, request, **settings)
    assert len(server.requests) == 1, "the client must not retry by itself"
    return caught.value


# ---- good replies


def test_it_is_a_model() -> None:
    assert isinstance(OpenAICompatibleModel("x"), Model)


def test_a_text_is_streamed_and_comes_with_its_usage() -> None:
    with FaultServer([Answer(text="Hello, my dear old world!", cached_tokens=5)]) as server:
        deltas, reply = ask(server)
    assert deltas == reply.text == "Hello, my dear old world!"
    assert reply.candidates == (Candidate(text="Hello, my dear old world!", finish="stop"),)
    assert reply.usage == TokenUsage(input_tokens=23, output_tokens=7, cached_tokens=5)
    assert reply.model == "test-model"


def test_the_request_carries_chat_and_options() -> None:
    options = ModelOptions(temperature=0.0, top_p=0.5, max_tokens=50, stop=("END",), seed=3)
    with FaultServer() as server:
        ask(server, replace(ASK, options=options))
    body = server.requests[0].body
    assert body["messages"] == [{"role": "system", "content": "You are terse."}, {"role": "user", "content": "Say hello."}]
    assert {key: body[key] for key in ("model", "stream", "temperature", "top_p", "max_tokens", "stop", "seed")} == {
        "model": "test-model",
        "stream": True,
        "temperature": 0.0,
        "top_p": 0.5,
        "max_tokens": 50,
        "stop": ["END"],
        "seed": 3,
    }
    assert "n" not in body


def test_an_answer_cut_by_max_tokens_says_so() -> None:
    with FaultServer(["A long answer indeed."]) as server:
        _, reply = ask(server, replace(ASK, options=ModelOptions(max_tokens=2)))
    assert reply.candidates[0] == Candidate(text="A long a", finish="length")


def test_several_candidates_are_kept_apart() -> None:
    with FaultServer([Answer(text="first answer", others=("second answer", "third answer"))]) as server:
        deltas, reply = ask(server, replace(ASK, options=ModelOptions(n=3)))
    assert server.requests[0].body["n"] == 3
    assert [each.text for each in reply.candidates] == ["first answer", "second answer", "third answer"]
    assert deltas == "first answer"


def test_tool_calls_are_put_together_from_their_pieces() -> None:
    uses = (ToolUse(name="look_up", arguments={"word": "a rather long word"}), ToolUse(name="look_up", arguments="{}"))
    with FaultServer([Answer(text="Let me see.", tools=uses)]) as server:
        deltas, reply = ask(server, replace(ASK, tools=(TOOL,)))
    assert server.requests[0].body["tools"][0]["function"]["name"] == "look_up"
    assert "tool_choice" not in server.requests[0].body
    assert reply.candidates[0].finish == "tool_calls"
    assert reply.candidates[0].tool_calls == (
        ToolCall(id="call_0", name="look_up", arguments='{"word": "a rather long word"}'),
        ToolCall(id="call_1", name="look_up", arguments="{}"),
    )
    assert deltas == "Let me see."


def test_earlier_tool_rounds_go_back_to_the_model() -> None:
    call = ToolCall(id="c1", name="look_up", arguments="{}")
    chat = (*CHAT, ChatMessage("assistant", "", (call,)), ChatMessage("tool", "a greeting", tool_call_id="c1"))
    with FaultServer() as server:
        ask(server, replace(ASK, chat=chat, tools=(TOOL,)))
    assert server.requests[0].body["messages"][2:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "a greeting"},
    ]


def test_calls_that_share_an_index_are_kept_apart_by_their_ids() -> None:
    calls = [{"index": 0, "id": name, "function": {"name": "look_up", "arguments": "{}"}} for name in "ab"]
    chunk = json.dumps({"choices": [{"delta": {"tool_calls": calls}, "finish_reason": "stop"}]})
    with FaultServer([Raw(body=f"data: {chunk}\n\ndata: [DONE]\n\n")]) as server:
        _, reply = ask(server, replace(ASK, tools=(TOOL,)))
    assert [each.id for each in reply.candidates[0].tool_calls] == ["a", "b"]
    assert reply.candidates[0].finish == "tool_calls"


def test_usage_that_the_server_does_not_tell_is_none() -> None:
    with FaultServer([Answer(text="Hello.", has_usage=False)]) as server:
        assert ask(server)[1].usage is None


# ---- structured answers and what servers lack


def test_a_schema_is_sent_in_its_strict_form_and_nulls_for_missing_fields_are_dropped() -> None:
    with FaultServer([{"word": "hello", "count": None}]) as server:
        _, reply = ask(server, ASK_JSON)
    sent = server.requests[0].body["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["strict"] is True
    assert sent["json_schema"]["schema"]["required"] == ["word", "count"]
    assert reply.text == '{"word": "hello"}'


def test_a_server_without_response_format_gets_a_forced_tool_call() -> None:
    with FaultServer([WORD, WORD], refuses=["response_format"]) as server:
        deltas, reply = ask(server, ASK_JSON)
        ask(server, ASK_JSON)
    assert reply.text == deltas == '{"word": "hello", "count": 1}'
    assert reply.candidates[0].tool_calls == ()
    assert reply.candidates[0].finish == "stop"
    assert [seen.outcome for seen in server.requests] == ["refused", "answer", "answer"], "found out once"
    assert server.requests[1].body["tool_choice"] == {"type": "function", "function": {"name": "answer"}}
    assert server.requests[1].body["tools"][0]["function"]["parameters"] == SCHEMA


@pytest.mark.parametrize("lacking", [["response_format", "tools"], ["response_format", "tool_choice"]])
def test_a_server_without_tools_either_gets_the_schema_in_the_prompt(lacking: list[str]) -> None:
    with FaultServer([WORD, WORD], refuses=lacking) as server:
        ask(server, ASK_JSON)
        _, reply = ask(server, ASK_JSON)
    assert reply.text == '{"word": "hello", "count": 1}'
    assert len(server.requests) == 4
    system = server.requests[-1].body["messages"][0]
    assert system["role"] == "system"
    assert system["content"].startswith("You are terse.")
    assert '"required": ["word"]' in system["content"]


def test_what_one_model_learned_another_of_the_server_need_not_share() -> None:
    with FaultServer(refuses=["response_format"]) as server:
        ask(server, ASK_JSON)

        async def other() -> None:
            model = OpenAICompatibleModel("other-model", base_url=server.url)
            await collect(model, ASK_JSON)
            await model.close()

        asyncio.run(other())
    assert [seen.outcome for seen in server.requests] == ["refused", "answer", "refused", "answer"]


def test_a_schema_without_strict_form_goes_as_a_tool_at_once() -> None:
    with FaultServer([{"a": 1}]) as server:
        _, reply = ask(server, replace(ASK, schema=FREE_SCHEMA))
    assert "response_format" not in server.requests[0].body
    assert reply.text == '{"a": 1}'


def test_a_schema_that_the_server_refuses_teaches_only_about_that_schema() -> None:
    refused = Status(status=400, message="Invalid schema for response_format 'answer': too deep.", param="response_format")
    with FaultServer([refused]) as server:
        ask(server, ASK_JSON)
        ask(server, ASK_JSON)
        ask(server, replace(ASK, schema={**SCHEMA, "required": []}))
    forms = ["response_format" if "response_format" in seen.body else "tool" for seen in server.requests]
    assert forms == ["response_format", "tool", "tool", "response_format"]


def test_a_schema_beside_actions_lets_the_model_choose() -> None:
    steps = [Answer(tools=(ToolUse(name="look_up", arguments="{}"),)), Answer(tools=(ToolUse(name="answer", arguments=WORD),))]
    request = replace(ASK_JSON, tools=(TOOL,))
    with FaultServer(steps, refuses=["response_format"]) as server:
        _, first = ask(server, request)
        _, second = ask(server, request)
    assert server.requests[1].body["tool_choice"] == "required"
    assert [call.name for call in first.candidates[0].tool_calls] == ["look_up"]
    assert (second.text, second.candidates[0].tool_calls) == ('{"word": "hello", "count": 1}', ())


def test_a_server_without_stream_options_is_asked_without_them() -> None:
    with FaultServer(refuses=["stream_options"]) as server:
        assert ask(server)[1].usage is None
        ask(server)
    assert [seen.outcome for seen in server.requests] == ["refused", "answer", "answer"]
    assert server.requests[1].body["stream"] is True


def test_a_server_that_refuses_to_stream_answers_in_one_piece() -> None:
    with FaultServer(["Hello there."], refuses=["stream"]) as server:
        deltas, reply = ask(server)
        ask(server)
    assert deltas == reply.text == "Hello there."
    assert reply.usage is not None
    assert [seen.outcome for seen in server.requests] == ["refused", "answer", "answer"]


def test_a_server_that_silently_does_not_stream_is_understood() -> None:
    with FaultServer([Answer(text="Hello.", tools=(ToolUse(name="look_up", arguments={"word": "x"}),))], ignores_stream=True) as server:
        _, reply = ask(server, replace(ASK, tools=(TOOL,)))
        ask(server)
    assert reply.text == "Hello."
    assert reply.candidates[0].tool_calls[0].arguments == '{"word": "x"}'
    assert [seen.body.get("stream") for seen in server.requests] == [True, None]


def test_the_other_name_of_the_token_limit_is_found() -> None:
    message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    refused = Status(status=400, message=message, code="unsupported_parameter", param="max_tokens")
    with FaultServer([refused]) as server:
        ask(server, replace(ASK, options=ModelOptions(max_tokens=50)))
    assert server.requests[1].body["max_completion_tokens"] == 50
    assert "max_tokens" not in server.requests[1].body


def test_the_token_limit_is_never_left_out() -> None:
    """A budget rests on it."""
    with (
        FaultServer(refuses=["max_tokens", "max_completion_tokens"]) as server,
        pytest.raises(ModelUnavailableError, match="max_completion_tokens"),
    ):
        ask(server, replace(ASK, options=ModelOptions(max_tokens=50)))


def test_an_option_that_the_model_lacks_is_left_out_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    message = "Unsupported value: 'temperature' does not support 0 with this model."
    refused = Status(status=400, message=message, code="unsupported_value", param="temperature")
    with FaultServer([refused]) as server, caplog.at_level(logging.WARNING, "metagpt"):
        ask(server, replace(ASK, options=ModelOptions(temperature=0.0)))
    assert "temperature" not in server.requests[1].body
    assert "'temperature'" in caplog.text


@pytest.mark.parametrize(
    "message",
    [
        "temperature: must be at most 2",
        "max_tokens must be at least 1",
        "tools[0].function.name: string does not match pattern",
        "messages: content is missing",
    ],
)
def test_a_value_out_of_range_teaches_nothing(message: str) -> None:
    options = ModelOptions(temperature=3.0, max_tokens=1)
    error = failure(Status(status=400, message=message), replace(ASK_JSON, options=options, tools=(TOOL,)))
    assert isinstance(error, ModelUnavailableError)
    assert message in str(error)


@pytest.mark.parametrize("feature", ["response_format", "tools", "stream"])
def test_a_context_overflow_that_mentions_a_feature_teaches_nothing(feature: str) -> None:
    message = f"This model's maximum context length is 8192 tokens. {feature} is not supported beyond. Reduce the length."
    error = failure(Status(status=400, message=message), replace(ASK_JSON, tools=(TOOL,)))
    assert isinstance(error, ContextOverflowError)


# ---- faults


@pytest.mark.parametrize(
    ("message", "figures"),
    [
        ("This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.", (9000, 8192)),
        (
            "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens (4000 in the messages, 1000 in the completion).",
            (4000, 4096),
        ),
        (
            "maximum context length is 4096 tokens, you requested 1000 output tokens and your prompt has at least 3097 input tokens",
            (3097, 4096),
        ),
        ("prompt is too long: 210,000 tokens > 200,000 maximum", (210_000, 200_000)),
        ("request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it", (5000, 4096)),
        ("input is too long: token count (1200000) exceeds the maximum number of tokens allowed (1048576).", (1_200_000, 1_048_576)),
        ("the request exceeds the available context size", (None, None)),
        (f"maximum context length is {'9' * 30} tokens", (None, None)),
    ],
)
def test_an_overflow_has_the_figures_that_the_server_told(message: str, figures: tuple[int | None, int | None]) -> None:
    error = failure(Status(status=400, message=message))
    assert isinstance(error, ContextOverflowError)
    assert (error.prompt_tokens, error.window_tokens) == figures
    assert "ModelOptions(fit=ContextFit(drop=…))" in str(error)
    assert "bytes_per_token" in str(error)


OVERFLOWS = [
    Status(status=400, message="too long", code="context_length_exceeded", param="messages"),
    Status(status=400, message="This model's maximum context length is 8192 tokens. However, you requested 9000 tokens."),
    Status(status=400, message="the request exceeds the available context size", code="400", kind="exceed_context_size_error"),
    Status(status=413, message="Request Entity Too Large"),
]
CASES: list[tuple[Any, type[ModelError], str]] = [
    *((step, ContextOverflowError, "fits the model's window") for step in OVERFLOWS),
    (Status(status=400, message="filtered by our content management policy", code="content_filter"), RefusedError, "content filter"),
    (Answer(text="", finish="content_filter"), RefusedError, "refused"),
    (Answer(text="", refusal="I cannot help with that."), RefusedError, "I cannot help with that."),
    (Status(status=401, message="no"), ModelUnavailableError, "api_key_env"),
    (Status(status=403, message="no"), ModelUnavailableError, "api_key_env"),
    (Status(status=402, message="no"), ModelUnavailableError, "Add credit"),
    (
        Status(status=404, message="The model `test-model` does not exist", code="model_not_found"),
        ModelUnavailableError,
        "name and the base URL",
    ),
    (Status(status=429, message="no", code="insufficient_quota"), ModelUnavailableError, "Add credit"),
    (Status(status=429, message="slow down"), RateLimitError, "slow down"),
    (Status(status=408, message="late"), ModelTimeoutError, "late"),
    (Status(status=500, message="oops"), ServerError, "500"),
    (Status(status=502, text="<html>Bad Gateway</html>"), ServerError, "Bad Gateway"),
    (Status(status=529, message="overloaded"), ServerError, "529"),
    (MidStreamError(error={"message": "overloaded", "type": "overloaded_error"}), ServerError, "529"),
    (MidStreamError(error={"message": "slow down", "code": 429}), RateLimitError, "slow down"),
    (MidStreamError(error={"message": "who knows"}), ServerError, "in mid-stream"),
    (Answer(text="half", finish="error"), ServerError, "error"),
    (CutStream(), StreamCutError, "broke"),
    (CutStream(after=0), StreamCutError, "broke"),
    (Raw(body='{"choices": [', content_type="application/json", missing_bytes=9), StreamCutError, "broke"),
    (CutStream(how="reset"), StreamCutError, "broke"),
    (CutStream(how="end"), StreamCutError, "finish reason"),
    (Raw(body="data: {not json\n\n"), InvalidReplyError, "not JSON"),
    (Raw(body="{not json", content_type="application/json"), InvalidReplyError, "not JSON"),
    (Raw(body="data: [1]\n\n"), InvalidReplyError, "list"),
    (Raw(body='data: {"id": "x"}\n\n'), InvalidReplyError, "without choices"),
    (Raw(body='{"id": "x"}', content_type="application/json"), InvalidReplyError, "without choices"),
    (Raw(body="data: [DONE]\n\n"), InvalidReplyError, "empty reply"),
    (Raw(body=""), InvalidReplyError, "empty reply"),
    (Raw(body="<html>It works!</html>", content_type="text/html"), InvalidReplyError, "empty reply"),
    (Answer(text=""), InvalidReplyError, "empty reply"),
    (Answer(text="", finish="length"), InvalidReplyError, "max_tokens"),
]


@pytest.mark.parametrize(("step", "kind", "words"), CASES)
def test_each_fault_is_its_branch_of_the_tree(step: Any, kind: type[ModelError], words: str) -> None:
    error = failure(step)
    assert type(error) is kind
    assert words in str(error)
    assert str(error).startswith("openai:test-model@http://127.0.0.1:")
    assert error.__cause__ is None
    assert error.__context__ is None


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"Retry-After": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2025 00:00:30 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_what_the_server_asks_us_to_wait_is_read(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers, now=datetime(2026, 1, 1, tzinfo=UTC)) == expected


@pytest.mark.parametrize("status", [429, 503])
def test_the_pause_that_the_server_asks_for_is_in_the_error(status: int) -> None:
    assert failure(Status(status=status, headers={"Retry-After": "12"})).retry_after_s == 12.0


@pytest.mark.parametrize("after", [0, 2])
def test_a_server_that_falls_silent_is_left_after_the_stall_timeout(after: int) -> None:
    assert isinstance(failure(Stall(after=after), stall_timeout_s=0.5), ModelTimeoutError)


@pytest.mark.parametrize("after", [0, 2])
def test_an_answer_that_takes_too_long_is_left_after_the_timeout(after: int) -> None:
    error = failure(Stall(after=after), timeout_s=0.5)
    assert isinstance(error, ModelTimeoutError)
    assert "within 0.5 s" in str(error)


def test_a_slow_reader_is_not_interrupted_by_the_timeout() -> None:
    """The deadline is the server's; it must never cancel the code that consumes the stream."""

    async def read_slowly(server: FaultServer) -> str:
        model = OpenAICompatibleModel("test-model", base_url=server.url, timeout_s=0.5)
        stream = model.stream(ASK)
        first = await anext(stream)
        past_deadline = asyncio.Event()
        asyncio.get_running_loop().call_later(0.7, past_deadline.set)
        await past_deadline.wait()
        await stream.aclose()
        await model.close()
        assert isinstance(first, Delta)
        return first.text

    with FaultServer(["A long enough text to be streamed."]) as server:
        assert asyncio.run(read_slowly(server))


def test_a_server_that_is_not_there_is_unavailable() -> None:
    with FaultServer() as server:
        pass
    with pytest.raises(ModelUnavailableError, match=r"Connection refused|connect.* failed") as caught:
        ask(server)
    assert not caught.value.retryable
    assert "Check that it runs" in str(caught.value)


def test_a_host_without_address_is_unavailable() -> None:
    model = OpenAICompatibleModel("x", base_url="http://no-such-host.invalid/v1")
    with pytest.raises(ModelUnavailableError, match="no connection to the server"):
        asyncio.run(collect(model, ASK))


# ---- the key


def test_the_key_is_sent_and_shows_up_nowhere() -> None:
    with FaultServer(api_key="sk-another-key-entirely") as server, pytest.raises(ModelUnavailableError) as caught:
        ask(server, api_key=KEY)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value)
    assert KEY not in shown
    assert "***" in shown


@pytest.mark.parametrize(
    "quoted", ["Bad key my-own-secret here", "Incorrect API key provided: my-ow**ret.", "Bearer my-own-secret", "sk-proj-abc***xyz"]
)
def test_a_key_that_the_server_quotes_is_struck_out(quoted: str) -> None:
    error = failure(Status(status=401, message=quoted), api_key="my-own-secret")
    assert not re.search(r"my-ow|secret|abc\*", str(error))


def test_the_key_is_not_in_what_the_model_shows(caplog: pytest.LogCaptureFixture) -> None:
    model = OpenAICompatibleModel("x", api_key=KEY)
    assert KEY not in repr(model) + repr(vars(model)) + repr(model.profile)
    with FaultServer() as server, caplog.at_level(logging.DEBUG):
        ask(server, api_key=KEY)
    assert KEY not in caplog.text


# ---- clients, loops, concurrency


def test_no_more_requests_are_in_flight_than_allowed() -> None:
    async def many(server: FaultServer) -> None:
        models = [OpenAICompatibleModel("test-model", base_url=server.url, max_concurrency=3) for _ in range(4)]
        async with asyncio.TaskGroup() as group:
            for number in range(24):
                group.create_task(collect(models[number % 4], ASK))
        for model in models:
            await model.close()

    with FaultServer() as server:
        asyncio.run(many(server))
    assert len(server.requests) == 24
    assert 1 <= server.most_in_flight <= 3


def test_a_model_serves_one_loop_after_the_other() -> None:
    with FaultServer() as server:
        model = OpenAICompatibleModel("test-model", base_url=server.url)
        for _ in range(3):
            assert asyncio.run(collect(model, ASK))[0]


def test_a_closed_model_can_be_used_again_and_does_not_close_its_neighbour() -> None:
    async def use(server: FaultServer) -> None:
        first, second = (OpenAICompatibleModel("test-model", base_url=server.url) for _ in range(2))
        await collect(first, ASK)
        stream = second.stream(ASK)
        await anext(stream)
        await first.close()
        assert isinstance([item async for item in stream][-1], ModelReply)
        await second.close()
        await collect(first, ASK)
        await first.close()

    with FaultServer() as server:
        asyncio.run(use(server))


def test_closing_the_stream_early_cancels_the_request_and_frees_its_place() -> None:
    async def leave(server: FaultServer) -> None:
        model = OpenAICompatibleModel("test-model", base_url=server.url, max_concurrency=1)
        stream = model.stream(ASK)
        await anext(stream)
        await stream.aclose()
        await collect(model, ASK)
        await model.close()

    with FaultServer([Stall(after=3)]) as server:
        asyncio.run(leave(server))


def test_a_cancelled_request_frees_its_place() -> None:
    seen = threading.Event()

    def stall(_: dict[str, Any]) -> Stall:
        seen.set()
        return Stall()

    async def cancel(server: FaultServer) -> None:
        model = OpenAICompatibleModel("test-model", base_url=server.url, max_concurrency=1)
        task = asyncio.create_task(collect(model, ASK))
        assert await asyncio.to_thread(seen.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await collect(model, ASK)
        await model.close()

    with FaultServer([stall]) as server:
        asyncio.run(cancel(server))


@pytest.mark.parametrize("seed", range(5))
def test_a_server_that_fails_at_random_is_got_through_with_retries(seed: int) -> None:
    async def no_pause(_: float) -> None:
        return

    async def answers(server: FaultServer) -> set[str]:
        model = OpenAICompatibleModel("test-model", base_url=server.url)
        policy = RetryPolicy(attempts=6)

        async def once() -> str:
            return (await collect(model, ASK))[1].text

        texts = {await with_retries(once, policy=policy, seed=number, sleep=no_pause) for number in range(10)}
        await model.close()
        return texts

    faults = ["rate_limit", "server_error", "overloaded", "cut", "reset", "end"]
    with FaultServer(faults=faults, seed=seed, rate=0.5) as server:
        assert asyncio.run(answers(server)) == {"This is an example."}
    assert len(server.requests) > 10


# ---- references and settings


def test_a_reference_names_model_and_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    here = open_openai("qwen@http://127.0.0.1:8000/v1", {"ref": "whatever", "max_concurrency": 2, "timeout_s": 30})
    assert (here.name, here.base_url, here.profile.reference) == (
        "qwen",
        "http://127.0.0.1:8000/v1",
        "openai:qwen@http://127.0.0.1:8000/v1",
    )
    assert open_openai("gpt-4o", {}).base_url == "https://api.openai.com/v1"
    assert open_openai("gpt-4o", {}).profile.context_tokens == 128_000
    assert open_openai("gpt-4o", {}).profile.defaults.fit is None
    assert open_openai("gpt-4o", {"bytes_per_token": 1}).profile.defaults.fit == ContextFit(bytes_per_token=1.0)
    assert open_openai("qwen@http://127.0.0.1:1/v1", {"prices": {"qwen": Price(input=1, output=2)}}).profile.price == Price(
        input=1, output=2
    )


@pytest.mark.parametrize(
    ("rest", "settings", "words"),
    [
        ("", {}, "names no model"),
        ("@http://127.0.0.1/v1", {}, "names no model"),
        ("qwen@localhost:8000", {}, "begin with http://"),
        ("qwen@http://", {}, "base URL"),
        ("qwen@http://host:port/v1", {}, "base URL"),
        ("qwen@http://me:my-secret@host/v1", {}, "credentials"),
        ("qwen", {"max_concurency": 3}, "Did you mean 'max_concurrency'"),
        ("qwen", {"max_concurrency": "many"}, "whole number"),
        ("qwen", {"max_concurrency": 0}, "more than 0"),
        ("qwen", {"timeout_s": True}, "expected a number"),
        ("qwen", {"bytes_per_token": "few"}, "expected a number"),
        ("qwen", {"bytes_per_token": 0}, "expected more than 0"),
        ("qwen", {"api_key_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE"),
        ("qwen", {"prices": {"qwen": 3}}, "expected a mapping of names to Price"),
    ],
)
def test_a_reference_or_setting_that_cannot_work_is_refused(rest: str, settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        open_openai(rest, settings)
    assert "my-secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "is_sent"), [("127.0.0.1:1", True), ("localhost:1", True), ("evil.example.org", False), ("own.example.org", True)]
)
def test_the_key_goes_only_where_its_owner_sends_it(host: str, *, is_sent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://own.example.org/v1")
    model = open_openai(f"qwen@http://{host}/v1", {})
    assert (model._address.api_key == KEY) is is_sent


def test_a_key_of_its_own_goes_to_the_server_it_is_named_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", "other")
    with FaultServer(api_key="other") as server:
        model = open_openai(f"test-model@{server.url}", {"api_key_env": "OTHER_KEY"})
        assert asyncio.run(collect(model, ASK))[0]


def test_the_base_url_of_the_environment_counts_without_one_in_the_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        assert asyncio.run(collect(open_openai("test-model", {}), ASK))[0]
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_the_client_is_loaded_by_the_first_request_only() -> None:
    code = (
        "import sys; from metagpt.models.openai_compatible import open_openai; open_openai('gpt-4o', {});"
        "assert not {'openai', 'httpx2', 'tenacity', 'genai_prices'} & set(sys.modules), set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


# ---- the server as a process of its own


def test_the_fault_server_runs_as_a_process_and_tells_what_it_saw() -> None:
    command = [sys.executable, "-m", "tests.models.fault_server", "--seed", "3", "--refuses", "stream_options", "--replies"]
    command.append(f"{example_reply.__module__}:{example_reply.__name__}")
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        model = OpenAICompatibleModel("test-model", base_url=url)
        assert asyncio.run(collect(model, ASK_JSON))[1].text == '{"word": "example"}'
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(10) == 0


def test_random_faults_are_the_same_for_the_same_seed() -> None:
    async def outcomes(seed: int) -> list[str]:
        async with FaultServer(faults=["server_error", "end", "wrong_schema"], rate=0.5, seed=seed) as server:
            model = OpenAICompatibleModel("test-model", base_url=server.url)
            for _ in range(12):
                try:
                    await collect(model, ASK)
                except ModelError:
                    continue
            await model.close()
        return [seen.outcome for seen in server.requests]

    assert asyncio.run(outcomes(1)) == asyncio.run(outcomes(1)) != asyncio.run(outcomes(2))


def test_the_servers_default_reply_fits_the_schema_asked_for() -> None:
    with FaultServer() as server:
        _, reply = ask(server, ASK_JSON)
    assert asked_schema(server.requests[0].body) is not None
    assert reply.text == '{"word": "example"}'
