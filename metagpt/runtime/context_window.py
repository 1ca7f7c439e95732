"""The parts of a chat, and how they are made to fit into the window of the model that is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import to_json

from metagpt.errors import ConfigError
from metagpt.memory.interface import MemoryEntry
from metagpt.models.context_fit import PARTS, ContextFit
from metagpt.models.interface import ChatMessage, ModelProfile, ModelRequest

__all__ = ["Draft", "chat_bytes", "fitted", "instruction_bytes", "room_bytes", "room_tokens"]

_TURN_BYTES = 16
"""What a turn costs beside its text, in a model's own format."""
_LEFT_OUT = "(This result was left out, for the conversation had become too long.)"


@dataclass(frozen=True)
class Draft:
    """A chat before it is one."""

    persona: str
    entries: Sequence[MemoryEntry]
    """Of the memory, the oldest first."""
    context: Mapping[str, Any]  # Any: whatever the prompt's names stand for
    prompt: str
    """Rendered with them."""
    render: Callable[[Mapping[str, Any]], str]
    """The prompt with other values."""
    note: str | None = None
    """A person's, on the last attempt."""
    turns: tuple[ChatMessage, ...] = ()
    """Earlier rounds of this ask."""

    @property
    def chat(self) -> tuple[ChatMessage, ...]:
        """Persona, what the memory puts into the window, the prompt, a person's note, and earlier rounds."""
        chat = [ChatMessage("system", self.persona)] if self.persona else []
        for entry in self.entries:
            chat += _told(entry)
        chat.append(ChatMessage("user", self.prompt))
        if self.note is not None:
            chat.append(ChatMessage("user", f"A person rejected your last answer: {self.note}"))
        return (*chat, *self.turns)


def room_tokens(request: ModelRequest, profile: ModelProfile) -> int | None:
    """What chat, schema and tools may take of the window beside the answer; None: the window is not known, or the chat is not read."""
    window = profile.context_tokens
    if window is None or profile.prompt_format == "compact":
        return None
    options = request.options.over(profile.defaults)
    return window - min(options.max_tokens or profile.max_output_tokens, profile.max_output_tokens, window // 2)


def room_bytes(request: ModelRequest, profile: ModelProfile, fit: ContextFit) -> float | None:
    """What the chat alone may take, by estimate; None as above."""
    room = room_tokens(request, profile)
    return None if room is None else room * fit.bytes_per_token - instruction_bytes(request)


def instruction_bytes(request: ModelRequest) -> int:
    """What schema and tools take."""
    return sum(len(to_json(part)) for part in (request.schema, request.tools) if part)


def fitted(draft: Draft, fit: ContextFit, room: float, *, owner: str) -> tuple[Draft, dict[str, int]]:
    """The draft without what does not fit, and how many of each part were left out.

    Raises:
        ConfigError: `fit` names something that this ask has not.
    """
    for name in fit.drop:
        if name not in PARTS and not isinstance(draft.context.get(name), list | tuple):
            raise ConfigError(
                f"{owner}: found {name!r} in ContextFit(drop=); expected one of {', '.join(PARTS)}, or an argument of this ask that is a"
                " list. Correct the name, or pass it to ask."
            )
    dropped = {}
    excess = chat_bytes(draft.chat) - room
    for name in fit.drop:
        if excess <= 0:
            break
        draft, count = _without(draft, name, excess)
        if count:
            dropped[name] = count
            excess = chat_bytes(draft.chat) - room
    return draft, dropped


def _without(draft: Draft, name: str, excess: float) -> tuple[Draft, int]:
    """The draft with less of one part, `excess` bytes less if it has that much."""
    match name:
        case "memory":
            draft, count = _without_entries(draft, ("note", "exchange"), excess)
            return _added(_without_entries(draft, ("summary",), excess - count.bytes), count)
        case "notes" | "exchanges" | "summaries":
            kind = {"notes": "note", "exchanges": "exchange", "summaries": "summary"}[name]
            draft, count = _without_entries(draft, (kind,), excess)
            return draft, count.entries
        case "rounds":
            return _without_results(draft, excess)
        case _:
            return _without_items(draft, name, excess)


@dataclass(frozen=True, slots=True)
class _Gone:
    entries: int
    bytes: int


def _added(more: tuple[Draft, _Gone], count: _Gone) -> tuple[Draft, int]:
    draft, gone = more
    return draft, gone.entries + count.entries


def _without_entries(draft: Draft, kinds: Sequence[str], excess: float) -> tuple[Draft, _Gone]:
    kept, gone, size = [], 0, 0
    for entry in draft.entries:
        if size < excess and entry.kind in kinds:
            size += chat_bytes(_told(entry))
            gone += 1
        else:
            kept.append(entry)
    return (replace(draft, entries=kept) if gone else draft), _Gone(gone, size)


def _without_results(draft: Draft, excess: float) -> tuple[Draft, int]:
    """Results of tools before the last round; a line says that they are gone, for every call must have its result."""
    last_round = max((place for place, turn in enumerate(draft.turns) if turn.role == "assistant"), default=0)
    turns, gone, size = list(draft.turns), 0, 0
    for place, turn in enumerate(turns[:last_round]):
        saved = len(turn.text.encode(errors="replace")) - len(_LEFT_OUT)
        if size < excess and turn.role == "tool" and saved > 0:
            turns[place] = replace(turn, text=_LEFT_OUT)
            size += saved
            gone += 1
    return (replace(draft, turns=tuple(turns)) if gone else draft), gone


def _without_items(draft: Draft, name: str, excess: float) -> tuple[Draft, int]:
    """The prompt with fewer items of a list; rendered anew until it is short enough or none is left."""
    items = list(draft.context[name])
    before, wanted = len(items), chat_bytes(draft.chat) - excess
    while items and (over := chat_bytes(draft.chat) - wanted) > 0:
        while items and over > 0:
            over -= len(str(items.pop()).encode(errors="replace"))
        context = {**draft.context, name: items.copy()}
        draft = replace(draft, context=context, prompt=draft.render(context))
    return draft, before - len(items)


def _told(entry: MemoryEntry) -> list[ChatMessage]:
    if entry.kind == "exchange":
        return [ChatMessage("user", entry.text), ChatMessage("assistant", entry.answer)]
    return [ChatMessage("user", f"You remember: {entry.text}")]


def chat_bytes(chat: Sequence[ChatMessage]) -> int:
    """Length of a chat, with something for each turn's form."""
    return sum(
        len(message.text.encode(errors="replace")) + sum(len(call.arguments) for call in message.tool_calls) + _TURN_BYTES
        for message in chat
    )
