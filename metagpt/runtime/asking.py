"""`ask`: from a prompt and a type to a checked answer, by way of tools and re-asks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast

from pydantic_core import from_json, to_json
from typing_extensions import TypeForm

from metagpt.actions.interface import Action, tool_spec
from metagpt.errors import ActionError, ContextOverflowError, InvalidReplyError
from metagpt.memory.interface import MemoryEntry
from metagpt.models.interface import Candidate, ChatMessage, ModelOptions, ModelReply, ModelRequest, ToolCall
from metagpt.models.structured import OutputType, output_type, reask_message
from metagpt.runtime.context_window import Draft
from metagpt.runtime.execution import Execution
from metagpt.runtime.fitting import REFITS, Fitting
from metagpt.runtime.prompts import PromptFile, render
from metagpt.runtime.remembering import window_for

__all__ = ["REASKS", "Answers", "ask"]

T = TypeVar("T")

REASKS = 2
"""How often an answer that does not fit is asked for again, with the error."""
_CUT = "was cut by max_tokens before its end"


class Answers(list[T]):
    """The answers that fitted the type, and how many candidates were drawn for them."""

    drawn: int = 1
    """Votes of all candidates of the reply, those that did not fit included: one for each that was drawn."""

    def __init__(self, answers: Iterable[T] = ()) -> None:
        super().__init__(answers)
        self.votes = [1] * len(self)
        """For how many drawn candidates each answer counts; 0 for a draft that only evidence can choose."""


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
    specs = tuple(tool_spec(tool) for tool in tools or ())
    request = ModelRequest(call=call, chat=(), schema=output.schema, tools=specs, options=options or ModelOptions())
    folders = execution.agent.prompt_folders
    text = render(prompt, context, folders, owner=call)
    draft = Draft(
        persona=execution.agent.persona,
        entries=await window_for(execution, call, text),
        context=context,
        prompt=text,
        render=lambda less: render(prompt, less, folders, owner=call),
        note=execution.invocation.note,
    )
    answers, prompt_sent = await _answers(execution, request, draft, output, {tool.name: tool for tool in tools or ()})
    if execution.memory.exchanges:
        execution.remember(MemoryEntry(kind="exchange", text=prompt_sent, answer=output.encode(answers[0])))
    return answers


def _call_name(execution: Execution, name: str | None) -> str:
    execution.asked += 1
    if name is not None:
        return f"{execution.role}.{name}"
    return execution.handler if execution.asked == 1 else f"{execution.handler}#{execution.asked}"


async def _answers(
    execution: Execution, request: ModelRequest, draft: Draft, output: OutputType[T], tools: Mapping[str, Action]
) -> tuple[Answers[T], str]:
    """The answers that fit, and the prompt as it was sent first."""
    fitting = Fitting(execution)
    request, draft = await fitting.fit(request, draft)
    reasks, rounds, prompt = 0, 0, ""
    used: list[tuple[str, int]] = []
    while True:
        reply, recorded_as, request, draft = await _reply(execution, fitting, request, draft)
        used.append(recorded_as)
        prompt = prompt or draft.prompt
        first = reply.candidates[0]
        if first.tool_calls and _cut_call(first) is None:
            rounds += 1
            if rounds > request.options.max_rounds:
                text = (
                    f"{request.call}: found a model still asking for tools after {request.options.max_rounds} rounds; expected an answer."
                )
                raise _spoiled(InvalidReplyError(f"{text} Raise ModelOptions(max_rounds=)."), used)
            draft = replace(draft, turns=(*draft.turns, *await _tool_turns(execution, first, tools)))
            request, draft = await fitting.fit(request, draft)
            continue
        answers, error = _parsed(output, reply)
        if answers:
            return answers, prompt
        assert error is not None, "no answer without an error"
        reasks += 1
        if reasks > _most_reasks(execution, request):
            text = f"{request.call}: {error} Found in {reasks} answers in a row; expected {output.name}."
            mend = "Raise ModelOptions(max_tokens=), or ask for less" if first.finish == "length" else "Use a model that follows schemas"
            raise _spoiled(InvalidReplyError(f"{text} {mend}, or a simpler type."), used) from error
        _discard_deltas(execution, request.call, str(error))
        turns = (ChatMessage("assistant", _spoken(first)), ChatMessage("user", reask_message(error)))
        request, draft = await fitting.fit(request, replace(draft, turns=(*draft.turns, *turns)))


async def _reply(
    execution: Execution, fitting: Fitting, request: ModelRequest, draft: Draft
) -> tuple[ModelReply, tuple[str, int], ModelRequest, Draft]:
    """The reply, what it is recorded as, and what was asked: a chat that overflows the window is sent again, smaller."""
    for _ in range(REFITS):
        try:
            return *await execution.call(request), request, draft
        except ContextOverflowError as overflow:
            smaller = await fitting.after(overflow, request, draft)
            if smaller is None:
                raise
        request, draft = smaller
    return *await execution.call(request), request, draft


def _cut_call(candidate: Candidate) -> InvalidReplyError | None:
    """What is wrong with a reply that was cut amid a tool call; None for all others."""
    if candidate.finish != "length":
        return None
    cut = next((call for call in candidate.tool_calls if not _is_object(call.arguments)), None)
    if cut is None:
        return None
    what = f"call of the tool {cut.name!r}" if cut.name else "reply"
    return InvalidReplyError(f"The {what} {_CUT}.")


def _is_object(arguments: str) -> bool:
    try:
        return isinstance(from_json(arguments), dict)
    except ValueError:
        return False


def _spoken(candidate: Candidate) -> str:
    """A reply that could not be used, as the model said it."""
    return "\n".join([*([candidate.text] if candidate.text else []), *(f"{call.name}: {call.arguments}" for call in candidate.tool_calls)])


def _spoiled(error: InvalidReplyError, used: Sequence[tuple[str, int]]) -> InvalidReplyError:
    """The error, knowing the recorded replies that led to it: the next attempt does not use them again."""
    error.spoiled = tuple(used)
    return error


def _discard_deltas(execution: Execution, call: str, reason: str) -> None:
    host = execution.host
    if host.is_watched:
        from metagpt.events import DeltasDiscardedEvent

        invocation, now = execution.invocation.id, host.clock.now()
        host.emit(DeltasDiscardedEvent(run_id=host.run_id, time=now, role=execution.role, call=call, invocation=invocation, reason=reason))


def _most_reasks(execution: Execution, request: ModelRequest) -> int:
    """None for a model fine-tuned to calls: it does not read the chat, so it would not see the error."""
    profile = execution.host.model_for(execution.role, request.options.model).profile
    return 0 if profile.prompt_format == "compact" else REASKS


def _parsed(output: OutputType[T], reply: ModelReply) -> tuple[Answers[T], InvalidReplyError | None]:
    answers: Answers[T] = Answers()
    answers.drawn = sum(candidate.votes for candidate in reply.candidates)
    problem: InvalidReplyError | None = None
    for candidate in reply.candidates:
        if candidate.tool_calls:
            problem = problem or _cut_call(candidate)
            continue
        try:
            answers.append(output.parse(candidate.text))
            answers.votes.append(candidate.votes)
        except InvalidReplyError as error:
            problem = problem or (InvalidReplyError(f"The answer {_CUT}. {error}") if candidate.finish == "length" else error)
    return answers, problem


async def _tool_turns(execution: Execution, candidate: Candidate, tools: Mapping[str, Action]) -> list[ChatMessage]:
    results = [ChatMessage("tool", await _tool_result(execution, each, tools), tool_call_id=each.id) for each in candidate.tool_calls]
    return [ChatMessage("assistant", candidate.text, candidate.tool_calls), *results]


def _known(name: str, tools: Mapping[str, Action]) -> str:
    """The tools there are, and how the one is called that was probably meant."""
    import difflib

    meant = difflib.get_close_matches(name, tools, n=1)
    listed = f"Known: {', '.join(map(repr, sorted(tools))) or 'none'}."
    if not meant:
        return listed
    return f"{listed} Did you mean {meant[0]!r}? Its arguments: {to_json(tools[meant[0]].parameters).decode()}"


async def _tool_result(execution: Execution, wanted: ToolCall, tools: Mapping[str, Action]) -> str:
    """The result as JSON text, or what was wrong with the call, told to the model."""
    tool = tools.get(wanted.name)
    if tool is None:
        return f"Error: no tool {wanted.name!r}. {_known(wanted.name, tools)}"
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
