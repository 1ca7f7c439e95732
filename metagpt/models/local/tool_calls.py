"""Tools for local models: one JSON object that is either a tool call or the answer, under one schema.

Decided so, not through the chat templates' own tool syntax: every family writes calls differently and many write none,
while a union under constrained decoding parses with any model. What would change it: a family whose calls get
measurably better in its own syntax.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pydantic_core import from_json

from metagpt.models.interface import Candidate, ChatMessage, JsonSchema, ToolCall, ToolSpec

__all__ = ["instructions", "read_union", "spoken_call", "union_schema"]

_DEFINITIONS = ("$defs", "definitions")


def union_schema(tools: Sequence[ToolSpec], answer: JsonSchema | None) -> JsonSchema:
    """The schema of `{"tool": name, "arguments": {...}}` for each tool, or `{"answer": ...}`."""
    definitions: dict[str, JsonSchema] = {}
    choices = []
    for number, tool in enumerate(tools):
        arguments = _hoisted(tool.parameters, f"tool{number}", definitions)
        choices.append(_record(tool={"const": tool.name}, arguments=arguments))
    choices.append(_record(answer=_hoisted(answer or {"type": "string"}, "answer", definitions)))
    union: JsonSchema = {"anyOf": choices}
    return union | {"$defs": definitions} if definitions else union


def instructions(tools: Sequence[ToolSpec], answer: JsonSchema | None) -> str:
    """What a chat model is told of its tools and of the form of its answer; empty if it is free."""
    paragraphs = []
    if tools:
        listed = "\n".join(f"- {tool.name}: {tool.description}\n  arguments: {_compact(tool.parameters)}" for tool in tools)
        paragraphs.append(f"You can use these tools:\n{listed}")
        paragraphs.append(
            'Reply with one JSON object and nothing else: {"tool": NAME, "arguments": {...}} to use a tool, '
            'or {"answer": ...} once you can answer.'
        )
    if answer is not None:
        subject = "The answer is" if tools else "Reply with"
        paragraphs.append(f"{subject} JSON of this schema: {_compact(answer)}")
    return "\n\n".join(paragraphs)


def spoken_call(call: ToolCall) -> str:
    """A call of an earlier round as the model said it."""
    try:
        arguments = json.loads(call.arguments)
    except ValueError:
        arguments = call.arguments  # of another model, say: shown as it came
    return json.dumps({"tool": call.name, "arguments": arguments}, ensure_ascii=False)


def read_union(candidate: Candidate, chat: Sequence[ChatMessage], number: int, *, as_json: bool) -> Candidate:
    """The candidate with its union taken apart; of one cut by max_tokens, as much as there is.

    `number`, that of the candidate in its reply, and the calls in `chat` make the ids of new calls unique; `as_json`: the answer
    stands under a schema, and so stays JSON text.
    """
    call_id = f"call_{sum(len(message.tool_calls) for message in chat)}_{number}"
    try:
        union: dict[str, Any] = json.loads(candidate.text)  # Any: JSON values
    except ValueError:  # decoded under the schema, so it parses if it is whole
        return _read_cut(candidate, call_id, as_json=as_json)
    if "tool" not in union:
        answer = union["answer"]
        return Candidate(text=json.dumps(answer, ensure_ascii=False) if as_json else answer, logprob=candidate.logprob)
    call = ToolCall(id=call_id, name=union["tool"], arguments=json.dumps(union["arguments"], ensure_ascii=False))
    return Candidate(text="", tool_calls=(call,), finish="tool_calls", logprob=candidate.logprob)


def _read_cut(candidate: Candidate, call_id: str, *, as_json: bool) -> Candidate:
    """The beginning of an answer, else a call that does not parse: its arguments are the text as it stands, its name may be empty."""
    try:
        union: dict[str, Any] = from_json(candidate.text, allow_partial="trailing-strings")  # Any: as above
    except ValueError:  # not even a brace
        union = {}
    if "answer" in union:
        return candidate if as_json else replace(candidate, text=union["answer"])
    call = ToolCall(id=call_id, name=union.get("tool", ""), arguments=candidate.text)
    return replace(candidate, text="", tool_calls=(call,))


def _record(**properties: JsonSchema) -> JsonSchema:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _hoisted(schema: JsonSchema, prefix: str, definitions: dict[str, JsonSchema]) -> JsonSchema:
    """The schema without its own definitions, which go into `definitions` under names of their own."""

    def renamed(part: Any) -> Any:  # Any: JSON values
        if isinstance(part, list):
            return [renamed(item) for item in part]
        if not isinstance(part, dict):
            return part
        return {key: _moved(value, prefix) if key == "$ref" and isinstance(value, str) else renamed(value) for key, value in part.items()}

    for group in _DEFINITIONS:
        for name, definition in schema.get(group, {}).items():
            definitions[f"{prefix}.{name}"] = renamed(definition)
    moved: JsonSchema = renamed({key: value for key, value in schema.items() if key not in _DEFINITIONS})
    return moved


def _moved(reference: str, prefix: str) -> str:
    for group in _DEFINITIONS:
        if reference.startswith(f"#/{group}/"):
            return f"#/$defs/{prefix}.{reference.removeprefix(f'#/{group}/')}"
    return reference


def _compact(schema: JsonSchema) -> str:
    return json.dumps(schema, ensure_ascii=False)
