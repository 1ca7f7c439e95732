"""`ask`: from a prompt and a type to a checked answer, by way of tools and re-asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from pydantic_core import from_json, to_json, to_jsonable_python
from typing_extensions import TypeForm

from metagpt.actions.interface import Action, tool_spec
from metagpt.errors import ActionError, InvalidReplyError, did_you_mean
from metagpt.events import DeltasDiscardedEvent, DroppedFromContextEvent
from metagpt.memory.interface import MemoryEntry
from metagpt.models.interface import Candidate, ChatMessage, ModelOptions, ModelReply, ModelRequest, ToolCall
from metagpt.models.structured import OutputType, output_type, reask_message
from metagpt.runtime.execution import Execution
from metagpt.runtime.prompts import PromptFile, render

__all__ = ["REASKS", "Answers", "ask"]

T = TypeVar("T")

REASKS = 2
"""How often an answer that does not fit is asked for again, with the error."""


class Answers(list[T]):
    """The answers that fitted the type, and how many candidates were drawn for them."""

    drawn: int = 1
    """Candidates of the reply, those that did not fit included."""


async def ask(
    execution: Execution,
    form: TypeForm[T],
    prompt: str | PromptFile,
    *,
    tools: Sequence[Action] | None,
    options: ModelOptions | None,
    name: str | None,
    context: Mapping[str, Any],
) -> Answers[T]:
    """Every candidate of the model's answer that fits the type, the first candidate first; never none.

    Raises:
        InvalidReplyError: no answer fitted, after all re-asks, or the model asked for tools for too many rounds.
        ModelError: the call failed.
    """
    output = output_type(form)
    call = _call_name(execution, name)
    text = render(prompt, context, execution.prompts, owner=call)
    chat = _chat(execution, call, text)
    options = options or ModelOptions()
    request = ModelRequest(
        call=call,
        chat=tuple(chat),
        context=to_jsonable_python(dict(context), fallback=str),
        schema=output.schema,
        tools=tuple(tool_spec(tool) for tool in tools or ()),
        options=options,
    )
    answers = await _answers(execution, request, output, {tool.name: tool for tool in tools or ()})
    if execution.exchanges:
        execution.remembered.append(MemoryEntry(kind="exchange", text=text, answer=output.encode(answers[0])))
    return answers


def _call_name(execution: Execution, name: str | None) -> str:
    execution.asked += 1
    if name is not None:
        return f"{execution.role}.{name}"
    return execution.handler if execution.asked == 1 else f"{execution.handler}#{execution.asked}"


def _chat(execution: Execution, call: str, text: str) -> list[ChatMessage]:
    """Persona, what the memory puts into the window, the prompt; and a person's note on the last attempt."""
    chat = [ChatMessage("system", execution.persona)] if execution.persona else []
    entries = [*execution.host.recollection(execution.invocation).window(), *execution.remembered]
    for entry in _fitting(execution, call, entries, len(text) + len(execution.persona)):
        if entry.kind == "exchange":
            chat += [ChatMessage("user", entry.text), ChatMessage("assistant", entry.answer)]
        else:
            chat.append(ChatMessage("user", f"You remember: {entry.text}"))
    chat.append(ChatMessage("user", text))
    if execution.invocation.note is not None:
        chat.append(ChatMessage("user", f"A person rejected your last answer: {execution.invocation.note}"))
    return chat


def _fitting(execution: Execution, call: str, entries: list[MemoryEntry], spent_chars: int) -> list[MemoryEntry]:
    """The newest entries that fit into half of the model's window at three characters a token; says how many do not."""
    if not entries:
        return entries
    window = execution.host.model_for(execution.role, None).profile.context_tokens
    if window is None:
        return entries
    room = window * 3 // 2 - spent_chars
    kept: list[MemoryEntry] = []
    for entry in reversed(entries):
        room -= len(entry.text) + len(entry.answer)
        if room < 0:
            break
        kept.append(entry)
    if len(kept) < len(entries) and execution.host.is_watched:
        execution.host.emit(
            DroppedFromContextEvent(
                run_id=execution.host.run_id,
                time=execution.host.clock.now(),
                role=execution.role,
                call=call,
                entries=len(entries) - len(kept),
            )
        )
    return kept[::-1]


async def _answers(execution: Execution, request: ModelRequest, output: OutputType[T], tools: Mapping[str, Action]) -> Answers[T]:
    reasks, rounds = 0, 0
    used: list[tuple[str, int]] = []
    while True:
        reply, recorded_as = await execution.call(request)
        used.append(recorded_as)
        first = reply.candidates[0]
        if first.tool_calls:
            rounds += 1
            if rounds > request.options.max_rounds:
                text = (
                    f"{request.call}: found a model still asking for tools after {request.options.max_rounds} rounds; expected an answer."
                )
                raise _spoiled(InvalidReplyError(f"{text} Raise ModelOptions(max_rounds=)."), used)
            request = replace(request, chat=(*request.chat, *await _tool_turns(execution, first, tools)))
            continue
        answers, error = _parsed(output, reply)
        if answers:
            return answers
        assert error is not None, "no answer without an error"
        reasks += 1
        if reasks > _most_reasks(execution, request):
            text = f"{request.call}: {error} Found in {reasks} answers in a row; expected {output.name}."
            raise _spoiled(InvalidReplyError(f"{text} Use a model that follows schemas, or a simpler type."), used) from error
        _discard_deltas(execution, request.call, str(error))
        turns = (ChatMessage("assistant", first.text), ChatMessage("user", reask_message(error)))
        request = replace(request, chat=(*request.chat, *turns))


def _spoiled(error: InvalidReplyError, used: Sequence[tuple[str, int]]) -> InvalidReplyError:
    """The error, knowing the recorded replies that led to it: the next attempt does not use them again."""
    error.spoiled = tuple(used)
    return error


def _discard_deltas(execution: Execution, call: str, reason: str) -> None:
    host = execution.host
    if host.is_watched:
        invocation, now = execution.invocation.id, host.clock.now()
        host.emit(DeltasDiscardedEvent(run_id=host.run_id, time=now, role=execution.role, call=call, invocation=invocation, reason=reason))


def _most_reasks(execution: Execution, request: ModelRequest) -> int:
    """None for a model fine-tuned to calls: it does not read the chat, so it would not see the error."""
    profile = execution.host.model_for(execution.role, request.options.model).profile
    return 0 if profile.prompt_format == "compact" else REASKS


def _parsed(output: OutputType[T], reply: ModelReply) -> tuple[Answers[T], InvalidReplyError | None]:
    answers: Answers[T] = Answers()
    answers.drawn = len(reply.candidates)
    problem: InvalidReplyError | None = None
    for candidate in reply.candidates:
        try:
            answers.append(output.parse(candidate.text))
        except InvalidReplyError as error:
            problem = problem or error
    return answers, problem


async def _tool_turns(execution: Execution, candidate: Candidate, tools: Mapping[str, Action]) -> list[ChatMessage]:
    results = [ChatMessage("tool", await _tool_result(execution, each, tools), tool_call_id=each.id) for each in candidate.tool_calls]
    return [ChatMessage("assistant", candidate.text, candidate.tool_calls), *results]


async def _tool_result(execution: Execution, wanted: ToolCall, tools: Mapping[str, Action]) -> str:
    """The result as JSON text, or what was wrong with the call, told to the model."""
    tool = tools.get(wanted.name)
    if tool is None:
        return f"Error: no tool {wanted.name!r}. {did_you_mean(wanted.name, tools)}"
    try:
        arguments = from_json(wanted.arguments or "{}")
    except ValueError as error:
        return f"Error: the arguments of {wanted.name!r} are no JSON ({error}). Expected: {to_json(tool.parameters).decode()}"
    if not isinstance(arguments, dict):
        return f"Error: the arguments of {wanted.name!r} are no object. Expected: {to_json(tool.parameters).decode()}"
    try:
        return to_json(await execution.perform(tool, cast("dict[str, Any]", arguments))).decode()
    except ActionError as error:
        return f"Error: {error}"
