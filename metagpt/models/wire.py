"""A model request as the body of a chat completions request."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from metagpt.models.capabilities import AnswerForm
from metagpt.models.interface import ChatMessage, JsonSchema, ModelOptions, ModelRequest, ToolSpec
from metagpt.models.strict_schema import strict_schema

__all__ = ["WireRequest", "wire_request"]

_ANSWER = "answer"
_SAMPLING = ("temperature", "top_p", "seed", "n")


@dataclass(frozen=True, kw_only=True)
class WireRequest:
    """One request as it goes over the wire, and what is needed to read its reply."""

    body: Mapping[str, Any]  # Any: JSON values
    schema_id: str = ""
    """Stands for the answer's schema; "" without one."""
    answer_tool: str = ""
    """The tool whose arguments are the answer; "" where the answer is text."""
    strict_from: JsonSchema | None = None
    """The schema whose strict form was sent: answers may hold nulls that it does not know."""


def wire_request(request: ModelRequest, name: str, *, refused: frozenset[str], limit_name: str = "max_tokens") -> WireRequest:
    """The body for `request`, in the best form that the server is not known to refuse.

    Args:
        request: What is asked.
        name: The model, as the server knows it.
        refused: Features the server refuses.
        limit_name: The name of the limit on the answer's tokens that the server is first asked with.
    """
    body: dict[str, Any] = {"model": name, "messages": [_message(turn) for turn in request.chat]}
    body.update(_options(request.options, refused, limit_name))
    if "stream" not in refused:
        body["stream"] = True
        if "stream_options" not in refused:
            body["stream_options"] = {"include_usage": True}
    if request.tools:
        body["tools"] = [_tool(spec) for spec in request.tools]
    if request.schema is None:
        return WireRequest(body=body)
    return _with_schema(body, request.schema, refused, {spec.name for spec in request.tools})


def _with_schema(body: dict[str, Any], schema: JsonSchema, refused: frozenset[str], taken: set[str]) -> WireRequest:
    schema_id = hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()[:16]
    strict = strict_schema(schema)
    form = _form(refused, schema_id, has_strict=strict is not None)
    if form == "response_format":
        described = {"name": _ANSWER, "strict": True, "schema": strict}
        body["response_format"] = {"type": "json_schema", "json_schema": described}
        return WireRequest(body=body, schema_id=schema_id, strict_from=schema)
    if form == "tool":
        tool_name = _free_name(taken)
        spec = ToolSpec(name=tool_name, description="Give the final answer.", parameters=schema)
        body["tools"] = [*body.get("tools", ()), _tool(spec)]
        body["tool_choice"] = "required" if taken else {"type": "function", "function": {"name": tool_name}}
        return WireRequest(body=body, schema_id=schema_id, answer_tool=tool_name)
    body["messages"] = _with_instruction(body["messages"], schema)
    return WireRequest(body=body, schema_id=schema_id)


def _form(refused: frozenset[str], schema_id: str, *, has_strict: bool) -> AnswerForm:
    if has_strict and not {"response_format", f"response_format:{schema_id}"} & refused:
        return "response_format"
    if not {"tools", f"tools:{schema_id}", "tool_choice"} & refused:
        return "tool"
    return "prompt"


def _free_name(taken: set[str]) -> str:
    name = _ANSWER
    while name in taken:
        name = f"final_{name}"
    return name


def _with_instruction(messages: list[dict[str, Any]], schema: JsonSchema) -> list[dict[str, Any]]:
    """The chat with the schema in its system turn: some servers take one system turn only, and only in front."""
    shown = json.dumps(schema, ensure_ascii=False)
    instruction = f"Give the final answer as one JSON value that fits this JSON schema, with nothing before or after it:\n{shown}"
    if messages and messages[0]["role"] == "system":
        first = {**messages[0], "content": f"{messages[0]['content']}\n\n{instruction}"}
        return [first, *messages[1:]]
    return [{"role": "system", "content": instruction}, *messages]


def _options(options: ModelOptions, refused: frozenset[str], limit_name: str) -> dict[str, Any]:
    chosen = {name: getattr(options, name) for name in _SAMPLING if name not in refused}
    found = {name: value for name, value in chosen.items() if value is not None and (name, value) != ("n", 1)}
    if options.max_tokens is not None:
        other = "max_tokens" if limit_name == "max_completion_tokens" else "max_completion_tokens"
        found[other if limit_name in refused else limit_name] = options.max_tokens
    if options.stop:
        found["stop"] = list(options.stop)
    return found


def _message(turn: ChatMessage) -> dict[str, Any]:
    if turn.role == "tool":
        return {"role": "tool", "tool_call_id": turn.tool_call_id, "content": turn.text}
    message: dict[str, Any] = {"role": turn.role, "content": turn.text}
    if turn.tool_calls:
        message["content"] = turn.text or None
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in turn.tool_calls
        ]
    return message


def _tool(spec: ToolSpec) -> dict[str, Any]:
    function = {"name": spec.name, "description": spec.description, "parameters": spec.parameters}
    return {"type": "function", "function": function}
