"""The server's side of chat completions: an answer as chunks of a stream or as one object."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.models.example_answers import example_of
from tests.models.fault_script import Answer, Reply, ToolUse

_CHARS_PER_TOKEN = 4


@dataclass(frozen=True, kw_only=True)
class Completion:
    """An answer to one request, ready to be sent."""

    request: Mapping[str, Any]
    answer: Answer
    piece_chars: int = 12
    """Length of the pieces that text and arguments are streamed in."""

    def chunks(self) -> Iterator[dict[str, Any]]:
        """The stream."""
        answer = self.answer
        for index, text in enumerate((answer.text, *answer.others)):
            yield self._chunk({"role": "assistant", "content": ""}, index=index)
            for piece in self._pieces(text):
                yield self._chunk({"content": piece}, index=index)
        if answer.refusal:
            yield self._chunk({"refusal": answer.refusal})
        for number, tool in enumerate(answer.tools):
            head = {"index": number, "id": f"call_{number}", "type": "function", "function": {"name": tool.name, "arguments": ""}}
            yield self._chunk({"tool_calls": [head]})
            for piece in self._pieces(_arguments(tool)):
                yield self._chunk({"tool_calls": [{"index": number, "function": {"arguments": piece}}]})
        for index in range(1 + len(answer.others)):
            yield self._chunk({}, index=index, finish=self._finish())
        if self.request.get("stream_options", {}).get("include_usage") and answer.has_usage:
            yield {**self._chunk({}), "choices": [], "usage": self.usage()}

    def whole(self) -> dict[str, Any]:
        """The answer in one piece."""
        answer = self.answer
        message: dict[str, Any] = {"role": "assistant", "content": answer.text or None, "refusal": answer.refusal or None}
        if answer.tools:
            message["tool_calls"] = [
                {"id": f"call_{number}", "type": "function", "function": {"name": tool.name, "arguments": _arguments(tool)}}
                for number, tool in enumerate(answer.tools)
            ]
        messages = [message, *({"role": "assistant", "content": text} for text in answer.others)]
        choices = [{"index": index, "message": each, "finish_reason": self._finish()} for index, each in enumerate(messages)]
        whole = {"id": "chat-1", "object": "chat.completion", "model": self.request.get("model"), "choices": choices}
        return {**whole, "usage": self.usage()} if answer.has_usage else whole

    def usage(self) -> dict[str, Any]:
        """Tokens, counted as four characters each."""
        asked = len(json.dumps(self.request["messages"])) // _CHARS_PER_TOKEN
        texts = [self.answer.text, *self.answer.others, *(_arguments(tool) for tool in self.answer.tools)]
        answered = sum(-(-len(text) // _CHARS_PER_TOKEN) for text in texts)
        return {
            "prompt_tokens": asked,
            "completion_tokens": answered,
            "total_tokens": asked + answered,
            "prompt_tokens_details": {"cached_tokens": self.answer.cached_tokens},
        }

    def _chunk(self, delta: dict[str, Any], *, index: int = 0, finish: str | None = None) -> dict[str, Any]:
        choice = {"index": index, "delta": delta, "finish_reason": finish}
        return {"id": "chat-1", "object": "chat.completion.chunk", "model": self.request.get("model"), "choices": [choice]}

    def _pieces(self, text: str) -> Iterator[str]:
        for start in range(0, len(text), self.piece_chars):
            yield text[start : start + self.piece_chars]

    def _finish(self) -> str:
        return self.answer.finish or ("tool_calls" if self.answer.tools else "stop")


def answer_to(request: Mapping[str, Any], reply: Reply) -> Answer:
    """`reply` in the form that the request demands: a forced tool call, text, no longer than max_tokens."""
    if isinstance(reply, Answer):
        return reply
    text = reply if isinstance(reply, str) else json.dumps(reply, ensure_ascii=False)
    forced = request.get("tool_choice")
    if isinstance(forced, dict):
        return Answer(tools=(ToolUse(name=forced["function"]["name"], arguments=text),), finish="stop")
    answer = Answer(text=text)
    limit = request.get("max_tokens") or request.get("max_completion_tokens")
    if limit is not None and len(text) > limit * _CHARS_PER_TOKEN:
        return replace(answer, text=text[: limit * _CHARS_PER_TOKEN], finish="length")
    return answer


def example_reply(request: Mapping[str, Any]) -> Reply:
    """The smallest answer that fits the schema asked for, or a sentence."""
    schema = asked_schema(request)
    if schema is None:
        return "This is an example."
    return json.dumps(example_of(schema))


def asked_schema(request: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema that the request wants the answer to fit, as response format or as a forced tool; None for text."""
    if "response_format" in request:
        schema: dict[str, Any] = request["response_format"]["json_schema"]["schema"]
        return schema
    forced = request.get("tool_choice")
    if isinstance(forced, dict):
        parameters: dict[str, Any] = next(
            tool["function"]["parameters"] for tool in request["tools"] if tool["function"]["name"] == forced["function"]["name"]
        )
        return parameters
    return None


def _arguments(tool: ToolUse) -> str:
    return tool.arguments if isinstance(tool.arguments, str) else json.dumps(tool.arguments, ensure_ascii=False)
