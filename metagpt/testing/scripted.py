"""Models that answer what a test says."""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic_core import to_json, to_jsonable_python

from metagpt.models.interface import Candidate, Delta, JsonSchema, ModelProfile, ModelReply, ModelRequest, Price, TokenUsage, ToolCall

__all__ = ["Data", "FunctionModel", "ScriptedModel", "Step", "call", "data", "error", "text"]

_FREE = Price(input=0, output=0)


@dataclass(frozen=True, slots=True)
class Data:
    """Answers that become JSON in the form that the request asks for; made by `data`."""

    answers: tuple[Any, ...]  # Any: whatever JSON can hold
    usage: TokenUsage | None = None


Step: TypeAlias = ModelReply | Data | BaseException


def text(answer: str, *, usage: TokenUsage | None = None) -> ModelReply:
    """A reply of plain text."""
    return ModelReply(candidates=(Candidate(text=answer),), usage=usage)


def data(*answers: Any, usage: TokenUsage | None = None) -> Data:  # Any: whatever JSON can hold
    """A reply whose candidates are these messages, or other JSON-able values, as JSON."""
    if not answers:
        raise TypeError("data(): no answer; expected one for each candidate. Pass a message.")
    return Data(answers, usage)


def call(action: str, **arguments: Any) -> ModelReply:
    """A reply that asks for one action."""
    wanted = ToolCall(id="", name=action, arguments=to_json(arguments).decode())
    return ModelReply(candidates=(Candidate(text="", tool_calls=(wanted,), finish="tool_calls"),))


def error(problem: BaseException) -> BaseException:
    """A call that fails so."""
    return problem


def _as_answer(answer: Any, schema: JsonSchema | None) -> str:
    if isinstance(answer, str) and schema is None:
        return answer
    is_object = isinstance(answer, BaseModel | dict) or dataclasses.is_dataclass(answer)
    if f"Tagged{type(answer).__name__}" in (schema or {}).get("$defs", {}):  # a union whose members say their name
        answer = {type(answer).__name__: to_jsonable_python(answer, by_alias=True)}
    return to_json(answer if is_object else {"answer": answer}, by_alias=True).decode()


def _reply(step: ModelReply | Data, request: ModelRequest, number: int, name: str) -> ModelReply:
    """The step as the reply to this request: usage counted, tool calls numbered, the same for the same request."""
    if isinstance(step, Data):
        step = ModelReply(candidates=tuple(Candidate(text=_as_answer(each, request.schema)) for each in step.answers), usage=step.usage)
    candidates = tuple(replace(each, tool_calls=_numbered(each.tool_calls, number)) for each in step.candidates)
    sent, said = sum(len(turn.text) for turn in request.chat), sum(len(each.text) for each in candidates)
    usage = step.usage or TokenUsage(input_tokens=sent // 4 + 1, output_tokens=said // 4 + 1)
    return ModelReply(candidates=candidates, usage=usage, model=step.model or name)


def _numbered(calls: Sequence[ToolCall], number: int) -> tuple[ToolCall, ...]:
    return tuple(each if each.id else replace(each, id=f"call-{number}-{index}") for index, each in enumerate(calls))


class ScriptedModel:
    """A model that answers what the script says, and nothing else.

    A call too many fails, and so does, on leaving the `with` block, a reply never used.

    Args:
        script: Replies in order; or a list of them for each role (`critic`) or call (`critic.review`).
    """

    def __init__(self, script: Sequence[Step] | Mapping[str, Sequence[Step]]) -> None:
        by_name = script if isinstance(script, Mapping) else {"": script}
        for name, steps in by_name.items():
            for step in steps:
                if not isinstance(step, ModelReply | Data | BaseException):
                    where = f" for {name!r}" if name else ""
                    raise TypeError(
                        f"ScriptedModel: found {step!r} in the script{where}; expected text(...), data(...), call(...) or error(...)."
                    )
        self._scripts = {name: deque(steps) for name, steps in by_name.items()}
        self._problems: list[str] = []
        self.requests: list[ModelRequest] = []
        """Every request, in order."""
        self.profile = ModelProfile(reference="scripted", price=_FREE)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta | ModelReply]:
        self.requests.append(request)
        number = len(self.requests)
        step = self._next(request)
        if isinstance(step, BaseException):
            raise step
        reply = _reply(step, request, number, "scripted")
        if reply.text:
            yield Delta(reply.text)
        yield reply

    def _next(self, request: ModelRequest) -> Step:
        for name in (request.call, request.call.split("#")[0], request.call.split(".")[0], ""):
            if self._scripts.get(name):
                return self._scripts[name].popleft()
            if name in self._scripts:
                self._fail(f"found a call too many, {request.call!r}; expected the script to be over. Add a reply, or mend the role.")
        self._fail(f"found call {request.call!r}, for which nothing is scripted; expected one of {sorted(self._scripts)}. Add a reply.")
        raise AssertionError

    def _fail(self, problem: str) -> None:
        self._problems.append(problem)  # told again at the end: a handler may have caught it
        raise AssertionError(f"ScriptedModel: {problem}")

    async def close(self) -> None:
        """Nothing to free."""

    def check(self) -> None:
        """Fail if there was a call too many, or a reply was never used."""
        if self._problems:
            raise AssertionError(f"ScriptedModel: {self._problems[0]}")
        left = {name or "the script": len(steps) for name, steps in self._scripts.items() if steps}
        if left:
            raise AssertionError(
                f"ScriptedModel: found replies never used: {left}; expected all to be asked for. Remove them, or mend the role."
            )

    def __enter__(self) -> ScriptedModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.check()


class FunctionModel:
    """A model that answers with what a function of the request returns: a reply, text, a message or other data.

    Args:
        function: Plain or async.
        profile: What the runtime is told of the model.
    """

    def __init__(self, function: Callable[[ModelRequest], Any | Awaitable[Any]], *, profile: ModelProfile | None = None) -> None:
        self._function = function
        self.requests: list[ModelRequest] = []
        """Every request, in order."""
        self.profile = profile or ModelProfile(reference="function", price=_FREE)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta | ModelReply]:
        self.requests.append(request)
        number = len(self.requests)
        answer = self._function(request)
        if isinstance(answer, Awaitable):
            answer = await answer
        if isinstance(answer, BaseException):
            raise answer
        step = answer if isinstance(answer, ModelReply | Data) else text(answer) if isinstance(answer, str) else data(answer)
        reply = _reply(step, request, number, "function")
        if reply.text:
            yield Delta(reply.text)
        yield reply

    async def close(self) -> None:
        """Nothing to free."""
