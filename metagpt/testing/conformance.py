"""What the interfaces of plugins promise, as checks: for the tests of whoever writes one.

Each raises AssertionError with the sentence of the promise that was not kept.
"""

from __future__ import annotations

import json
import logging
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from metagpt.actions.interface import Action, ActionContext, FunctionAction, Permissions
from metagpt.actions.workspace import Workspace
from metagpt.errors import ActionError, ModelError
from metagpt.memory.interface import Attending, Lasting, Memory, MemoryEntry, Recollection
from metagpt.models.interface import (
    Candidate,
    ChatMessage,
    Delta,
    Model,
    ModelOptions,
    ModelProfile,
    ModelReply,
    ModelRequest,
    TokenCounter,
    TokenUsage,
)

__all__ = ["check_action", "check_memory", "check_model"]


def expect(holds: object, owner: object, promise: str) -> None:
    """Fail with the promise if it does not hold."""
    if not holds:
        raise AssertionError(f"{type(owner).__name__}: {promise}")


# models


async def check_model(model: Model, request: ModelRequest | None = None) -> None:
    """Whether a model keeps what `metagpt.Model` promises. Asks it four times.

    Args:
        model: The model, able to answer.
        request: What to ask; a short plain question if left out. Pass one that fits where the model knows only some calls.

    Raises:
        AssertionError: a promise is broken.
    """
    expect(isinstance(model, Model), model, "expected `profile`, `stream` and `close`.")
    expect(isinstance(model.profile, ModelProfile), model, f"expected profile to be a ModelProfile; found {model.profile!r}.")
    expect(bool(model.profile.reference), model, "expected profile.reference to say how the user named the model.")
    call = model.profile.calls[0] if model.profile.calls else "conformance.answer"
    asked = request or ModelRequest(
        call=call,
        chat=(ChatMessage("user", "Answer with one word: yes."),),
        context={"question": "yes?"},
        options=ModelOptions(max_tokens=256),
    )
    _check_reply(model, asked, await _items(model, asked))
    stream = model.stream(asked)
    async for _ in stream:
        break
    close = getattr(stream, "aclose", None)
    if close is not None:
        await close()
    _check_reply(model, asked, await _items(model, asked))  # a stream that was left early must not spoil the next
    await model.close()
    _check_reply(model, asked, await _items(model, asked))  # nor does closing
    await _check_count(model, asked)
    await model.close()


async def _check_count(model: Model, request: ModelRequest) -> None:
    if not isinstance(model, TokenCounter):
        return
    longer = replace(request, chat=(*request.chat, ChatMessage("user", "Say it aloud. " * 20)))
    counts = [await model.count_tokens(each) for each in (request, longer)]
    grows = model.profile.prompt_format == "compact" or counts[0] < counts[1]
    expect(counts[0] > 0 and grows, model, f"expected count_tokens to count the chat; found {counts[0]}, and {counts[1]} for a longer one.")


async def _items(model: Model, request: ModelRequest) -> list[Any]:
    try:
        return [item async for item in model.stream(request)]
    except ModelError as error:
        raise AssertionError(
            f"{type(model).__name__}: expected an answer to {request.call!r}; found {type(error).__name__}: {error}"
        ) from error
    except Exception as error:
        raise AssertionError(
            f"{type(model).__name__}: expected faults to be raised as ModelError; found {type(error).__name__}: {error}"
        ) from error


def _check_reply(model: Model, request: ModelRequest, items: list[Any]) -> None:
    expect(items and isinstance(items[-1], ModelReply), model, f"expected the stream to end with a ModelReply; found {items[-1:]!r}.")
    expect(
        all(isinstance(item, Delta) for item in items[:-1]),
        model,
        f"expected only deltas before the one reply; found {[type(item).__name__ for item in items]}.",
    )
    reply = items[-1]
    expect(reply.candidates, model, "expected one candidate or more.")
    expect(all(isinstance(each, Candidate) for each in reply.candidates), model, f"expected Candidates; found {reply.candidates!r}.")
    most = request.options.n or model.profile.defaults.n or 1
    expect(len(reply.candidates) <= most, model, f"expected at most the {most} candidate(s) asked for; found {len(reply.candidates)}.")
    told = "".join(item.text for item in items[:-1])
    expect(not told or told == reply.text, model, f"expected the deltas to make up the first candidate; found {told!r} and {reply.text!r}.")
    usage = reply.usage
    expect(usage is None or isinstance(usage, TokenUsage), model, f"expected usage to be a TokenUsage or None; found {usage!r}.")
    if usage is not None:
        counts = (usage.input_tokens, usage.output_tokens, usage.cached_tokens)
        expect(min(counts) >= 0, model, f"expected token counts of 0 or more; found {usage!r}.")
        expect(usage.cached_tokens <= usage.input_tokens, model, f"expected cached tokens to be part of the input; found {usage!r}.")
    if request.schema is not None and not any(each.tool_calls for each in reply.candidates):
        expect(_is_json(reply.text), model, f"expected JSON where the request has a schema; found {reply.text!r}.")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


# memory


async def check_memory(memory: Memory) -> None:
    """Whether a memory keeps what `metagpt.Memory` promises.

    Raises:
        AssertionError: a promise is broken.
    """
    expect(isinstance(memory, Memory), memory, "expected `exchanges` and `open`.")
    expect(isinstance(memory.exchanges, bool), memory, f"expected exchanges to be True or False; found {memory.exchanges!r}.")
    first, second = MemoryEntry(text="The teapot is blue."), MemoryEntry(kind="exchange", text="What drips?", answer="The samovar drips.")
    opened = memory.open("critic", [first])
    expect(isinstance(opened, Recollection), memory, f"expected open() to return `add`, `recall` and `window`; found {opened!r}.")
    expect(first in await _recalled(opened, "teapot", 5), memory, "expected recall to find an entry that open() was given.")
    opened.add(second)
    expect(second in await _recalled(opened, "samovar", 5), memory, "expected recall to find an entry by its answer, once it was added.")
    expect(len(await _recalled(opened, "teapot samovar", 1)) == 1, memory, "expected recall to return no more entries than its limit.")
    expect(await _recalled(opened, "teapot", 0) == [], memory, "expected recall with a limit of 0 to return none.")
    window = list(opened.window())
    in_order = [entry for entry in (first, second) if entry in window]
    expect([entry for entry in window if entry in in_order] == in_order, memory, "expected window() to hold the oldest entry first.")
    expect(all(isinstance(entry, MemoryEntry) for entry in window), memory, f"expected window() to hold entries; found {window!r}.")
    other = memory.open("writer", [])
    expect(not list(other.window()), memory, "expected each role to have a memory of its own; found another's entries in window().")
    expect(not await _recalled(other, "teapot", 5), memory, "expected each role to have a memory of its own; recall found another's entry.")
    again = memory.open("critic", [first, second])
    again.add(first)
    expect(second in await _recalled(again, "samovar", 5), memory, "expected a memory to be opened from the journal's entries again.")
    await _check_keys(memory)
    await _check_attention(memory)
    await _check_lasting(memory)


async def _check_keys(memory: Memory) -> None:
    old, new = (MemoryEntry(text=f"The kettle is {colour}.", key="kettle") for colour in ("green", "red"))
    opened = memory.open("keeper", [old])
    opened.add(new)
    found = await _recalled(opened, "kettle", 5)
    expect(new in found and old not in found, memory, "expected an entry with a key to take the place of the one before it.")


class _Attention:
    """A chat that is being made."""

    prompt = "Which teapot is blue?"
    pending: tuple[MemoryEntry, ...] = (MemoryEntry(text="The ladle is bent."),)

    async def ask(self, prompt: str, *, model: str | None = None, max_tokens: int | None = None) -> str:
        return "Things were said about vessels."

    def remember(self, entry: MemoryEntry) -> None:
        self.pending = (*self.pending, entry)


async def _check_attention(memory: Memory) -> None:
    opened = memory.open("host", [MemoryEntry(text="The teapot is blue.")])
    if not isinstance(opened, Attending):
        return
    entries = list(await opened.attend(_Attention()))
    expect(all(isinstance(entry, MemoryEntry) for entry in entries), memory, f"expected attend() to return entries; found {entries!r}.")
    expect(
        _Attention.pending[0] in entries,
        memory,
        "expected attend() to return what the handler has remembered itself, from attention.pending.",
    )


async def _check_lasting(memory: Memory) -> None:
    entry = MemoryEntry(text="The tray is round.")
    opened = memory.open("waiter", [])
    opened.add(entry)
    is_lasting = isinstance(opened, Lasting)
    said = bool(getattr(memory, "lasting", False))
    expect(is_lasting == said, memory, f"expected `lasting` to say whether recollections have `settle`; found lasting={said}.")
    if isinstance(opened, Lasting):
        await opened.settle()
        expect(
            entry in await _recalled(memory.open("waiter", []), "tray", 5), memory, "expected a lasting memory to keep what it was told."
        )


async def _recalled(opened: Recollection, query: str, limit: int) -> list[MemoryEntry]:
    found = await opened.recall(query, limit)
    expect(
        isinstance(found, list) and all(isinstance(entry, MemoryEntry) for entry in found),
        opened,
        f"expected recall to return a list of entries; found {found!r}.",
    )
    return found


# actions


async def check_action(action: Any, arguments: Mapping[str, Any] | None = None, *, deps: Any = None) -> None:  # Any: typed as its function
    """Whether an action keeps what `metagpt.Action` promises.

    Args:
        action: The action.
        arguments: Arguments to perform it with, in a workspace that is thrown away; left out, it is not performed.
        deps: What an application would give the run.

    Raises:
        AssertionError: a promise is broken.
    """
    expect(isinstance(action, Action), action, "expected `name`, `description`, `permissions`, `idempotent`, `parameters` and `perform`.")
    expect(action.name.isidentifier(), action, f"expected a name that models accept, letters, digits and '_'; found {action.name!r}.")
    expect(action.description.strip(), action, "expected a description; it is all that a model knows of an action.")
    expect(isinstance(action.permissions, Permissions), action, f"expected Permissions; found {action.permissions!r}.")
    expect(isinstance(action.idempotent, bool), action, f"expected idempotent to be True or False; found {action.idempotent!r}.")
    parameters = action.parameters
    expect(
        isinstance(parameters, dict) and parameters.get("type") == "object" and _is_json(json.dumps(parameters)),
        action,
        f"expected parameters to be the JSON schema of an object; found {parameters!r}.",
    )
    with tempfile.TemporaryDirectory() as folder:
        context = ActionContext(
            workspace=Workspace(Path(folder)),
            deps=deps,
            log=logging.getLogger("metagpt.testing"),
            idempotency_key="conformance",
            role="tester",
        )
        await _check_refusal(action, context)
        for _ in range(0 if arguments is None else 2 if action.idempotent else 1):
            await _check_result(action, dict(arguments or {}), context)


async def _check_refusal(action: Action, context: ActionContext) -> None:
    try:
        await action.perform({"no such argument": 1}, context)
    except ActionError:
        return
    except Exception as error:
        raise AssertionError(
            f"{action.name}: expected arguments that do not fit to raise ActionError; found {type(error).__name__}: {error}"
        ) from error
    raise AssertionError(f"{action.name}: expected an argument that is not in its schema to raise ActionError; it was performed.")


async def _check_result(action: Action, arguments: dict[str, Any], context: ActionContext) -> None:
    from pydantic_core import PydanticSerializationError, to_json

    result = await action.perform(arguments, context)
    try:
        recorded = to_json(result).decode()
    except PydanticSerializationError as error:
        raise AssertionError(f"{action.name}: expected a result that JSON can hold; found {result!r}.") from error
    if isinstance(action, FunctionAction):
        again = action.decode(recorded)
        expect(again == result, action, f"expected a result to be the same when a replay takes it from the journal; found {again!r}.")
