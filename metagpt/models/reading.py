"""The pieces of a chat completion put together: streamed chunks, or one whole reply."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from metagpt.models.faults import FaultReport, refusal_in
from metagpt.models.interface import Candidate, FinishReason, ModelReply, TokenUsage, ToolCall
from metagpt.models.strict_schema import drop_added_nulls
from metagpt.models.wire import WireRequest

__all__ = ["ReplyReader"]

_FINISHES: Mapping[str, FinishReason] = {
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refused",
    "refusal": "refused",
}


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass
class _Choice:
    text: str = ""
    refusal: str = ""
    finish: str = ""
    calls: list[_Call] = field(default_factory=list)
    calls_by_index: dict[int, _Call] = field(default_factory=dict)


class ReplyReader:
    """Reads one reply to `wire`, chunk by chunk."""

    def __init__(self, wire: WireRequest, faults: FaultReport) -> None:
        self._wire = wire
        self._faults = faults
        self._choices: dict[int, _Choice] = {}
        self._usage: TokenUsage | None = None
        self._model = ""

    def read(self, chunk: object) -> str:
        """Take one chunk in; what it adds to the first candidate's text.

        Raises:
            ModelError: The chunk is an error or no piece of a chat completion.
        """
        if not isinstance(chunk, dict):
            raise self._faults.invalid(f"{type(chunk).__name__} where a chunk belongs")
        if chunk.get("error"):
            raise self._faults.refused(refusal_in(chunk["error"]))
        self._usage = _usage(chunk.get("usage")) or self._usage
        self._model = str(chunk.get("model") or self._model)
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            if chunk.get("usage"):
                return ""
            raise self._faults.invalid("a chunk without choices")
        return "".join(self._read_choice(choice, index) for index, choice in enumerate(choices))

    def reply(self) -> ModelReply:
        """The whole reply, once every chunk is read.

        Raises:
            ModelError: The stream was cut, the reply is empty, or every candidate was refused.
        """
        if not self._choices:
            raise self._faults.invalid("an empty reply")
        choices = [self._choices[index] for index in sorted(self._choices)]
        if any(not choice.finish for choice in choices):
            raise self._faults.cut()
        if any(choice.finish == "error" for choice in choices):
            raise self._faults.refused(refusal_in({"message": "finish reason 'error'"}))
        candidates = [self._candidate(choice) for choice in choices]
        given = tuple(each for each in candidates if each.text or each.tool_calls or each.finish == "refused")
        if not given:
            raise self._faults.invalid(_emptiness(candidates))
        if all(each.finish == "refused" for each in given):
            said = next((choice.refusal or choice.text for choice in choices), "") or "content filter"
            raise self._faults.refused(refusal_in({"message": said, "code": "content_filter"}))
        return ModelReply(candidates=given, usage=self._usage, model=self._model)

    def _read_choice(self, piece: object, position: int) -> str:
        if not isinstance(piece, dict):
            raise self._faults.invalid("a choice that is no object")
        index = piece.get("index")
        index = index if isinstance(index, int) else position
        choice = self._choices.setdefault(index, _Choice())
        choice.finish = str(piece.get("finish_reason") or choice.finish)
        # a server that does not stream sends `message` where the others send `delta`
        message = piece.get("delta") or piece.get("message") or {}
        if not isinstance(message, dict):
            raise self._faults.invalid("a delta that is no object")
        choice.refusal += _text_of(message.get("refusal"))
        added = _text_of(message.get("content"))
        choice.text += added
        for call in message.get("tool_calls") or ():
            added += self._read_call(choice, call)
        return added if index == 0 else ""

    def _read_call(self, choice: _Choice, piece: object) -> str:
        """Take a piece of a tool call in; what it adds to the answer, where that call is the answer."""
        function = piece.get("function") if isinstance(piece, dict) else None
        if not isinstance(piece, dict) or not isinstance(function, dict):
            raise self._faults.invalid("a tool call without a function")
        call = _slot(choice, piece)
        call.name = call.name or str(function.get("name") or "")
        arguments = function.get("arguments") or ""
        added = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        call.arguments += added
        return added if call.name and call.name == self._wire.answer_tool else ""

    def _candidate(self, choice: _Choice) -> Candidate:
        calls = tuple(
            ToolCall(id=call.id or f"call_{number}", name=call.name, arguments=call.arguments)
            for number, call in enumerate(choice.calls)
            if call.name != self._wire.answer_tool
        )
        answers = [call.arguments for call in choice.calls if call.name == self._wire.answer_tool]
        # an answer given beside calls for actions is premature: their results are not known to it
        text = answers[0] if answers and not calls else choice.text
        finish = _FINISHES.get(choice.finish, "stop")
        if choice.refusal:
            finish = "refused"
        elif finish in ("stop", "tool_calls"):  # servers disagree on which one ends a turn of calls
            finish = "tool_calls" if calls else "stop"
        return Candidate(text=self._unstrict(text), tool_calls=calls, finish=finish)

    def _unstrict(self, text: str) -> str:
        schema = self._wire.strict_from
        if schema is None or "null" not in text:
            return text
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            return text  # cut or no JSON at all: whoever parses it says so
        mended = drop_added_nulls(answer, schema)
        return text if mended == answer else json.dumps(mended, ensure_ascii=False)


def _slot(choice: _Choice, piece: Mapping[str, Any]) -> _Call:
    """The call that a piece belongs to: by index; a new id at a used index is a new call, as some servers send."""
    index = piece.get("index")
    index = index if isinstance(index, int) else len(choice.calls)
    call_id = str(piece.get("id") or "")
    call = choice.calls_by_index.get(index)
    if call is None or (call_id and call.id and call_id != call.id):
        call = _Call(id=call_id)
        choice.calls.append(call)
        choice.calls_by_index[index] = call
    return call


def _text_of(content: object) -> str:
    if isinstance(content, list):  # parts, as some servers send them
        return "".join(_text_of(part.get("text")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def _usage(found: object) -> TokenUsage | None:
    if not isinstance(found, dict):
        return None
    asked, answered = found.get("prompt_tokens"), found.get("completion_tokens")
    if not isinstance(asked, int) or not isinstance(answered, int):
        return None
    details = found.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else found.get("prompt_cache_hit_tokens")
    cached = min(cached, asked) if isinstance(cached, int) else 0
    return TokenUsage(input_tokens=asked, output_tokens=answered, cached_tokens=cached)


def _emptiness(candidates: list[Candidate]) -> str:
    if any(each.finish == "length" for each in candidates):
        return "no text before the limit of max_tokens was reached"
    return "an empty reply"
