"""How the chats of one ask are made to fit: by the model's own count where it can count, else by an estimate, and after an overflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import count

from pydantic_core import to_jsonable_python

from metagpt.errors import ContextOverflowError, ModelError
from metagpt.models.context_fit import MEMORY_PARTS, ContextFit
from metagpt.models.interface import Model, ModelRequest, TokenCounter
from metagpt.runtime.context_window import Draft, chat_bytes, fitted, instruction_bytes, room_bytes, room_tokens
from metagpt.runtime.execution import Execution

__all__ = ["REFITS", "Fitting"]

REFITS = 2
"""How often a chat that overflowed is made smaller and sent again."""
_SHRINK = 0.6
"""To what part of its length a chat is cut whose overflow is not told in figures."""
_LEAST_SHRINK = 0.9
"""The most that is left of it where figures would leave more: by those it would have fitted."""
_FORM_BYTES = 512
"""What the format of a model may add to a chat as a whole, at most: a system prompt of its own, words about tools."""
_MOST_BYTES_PER_TOKEN = 16.0
"""Text beyond that is left out uncounted, for to count takes time."""


class Fitting:
    """The chats of one ask; what an overflow teaches holds for its later rounds."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._most_bytes: float | None = None
        """Of chat and instructions, as an overflow taught."""

    async def fit(self, request: ModelRequest, draft: Draft) -> tuple[ModelRequest, Draft]:
        """The request with as much of the draft as the window of the model that is asked has room for; says what was left out."""
        model = self._execution.host.model_for(self._execution.role, request.options.model)
        fit = request.options.over(model.profile.defaults).fit or ContextFit()
        if model.profile.prompt_format == "chat":
            found = await self._by_count(model, request, draft, fit)
            draft, dropped = found or self._by_bytes(model, request, draft, fit)
            if dropped:
                self._tell(request.call, dropped)
        return _with_chat(request, draft), draft

    async def after(self, overflow: ContextOverflowError, request: ModelRequest, draft: Draft) -> tuple[ModelRequest, Draft] | None:
        """A smaller chat in place of one that overflowed; None where nothing more may be left out."""
        model = self._execution.host.model_for(self._execution.role, request.options.model)
        if model.profile.prompt_format != "chat":
            return None
        smaller = await self.fit(request, draft)  # a window may be known now that was not before
        if smaller[0].chat == request.chat:
            shrink = _LEAST_SHRINK if self._most_bytes is None else _SHRINK  # what was learnt once was not enough
            self._most_bytes = _most_bytes(overflow, model, request, draft, shrink)
            smaller = await self.fit(request, draft)
        return None if smaller[0].chat == request.chat else smaller

    async def _by_count(self, model: Model, request: ModelRequest, draft: Draft, fit: ContextFit) -> tuple[Draft, Mapping[str, int]] | None:
        """None where the model cannot count this one, or its count was wrong; what keeps it from counting, it says when it is asked."""
        room = room_tokens(request, model.profile)
        if room is None or self._most_bytes is not None or not isinstance(model, TokenCounter):
            return None
        dropped: Counter[str] = Counter()
        target = room * _MOST_BYTES_PER_TOKEN
        for nth in count(1):
            draft, gone = fitted(draft, fit, target, owner=request.call)
            dropped.update(gone)
            size = chat_bytes(draft.chat)
            if (nth > 1 and not gone) or size + instruction_bytes(request) + _FORM_BYTES <= room:  # a token is a byte or more
                break
            try:
                tokens = await model.count_tokens(_with_chat(request, draft))
            except ModelError:
                return None
            if tokens <= room:
                break
            target = size * (1 - (1 - room / tokens) * (0.75 + nth / 4))  # the more passes, the more at once: what goes may be sparse text
        return draft, dropped

    def _by_bytes(self, model: Model, request: ModelRequest, draft: Draft, fit: ContextFit) -> tuple[Draft, Mapping[str, int]]:
        rooms = [room_bytes(request, model.profile, fit)]
        if self._most_bytes is not None:
            rooms.append(self._most_bytes - instruction_bytes(request))
        known = [room for room in rooms if room is not None]
        return fitted(draft, fit, min(known), owner=request.call) if known else (draft, {})

    def _tell(self, call: str, dropped: Mapping[str, int]) -> None:
        host, role = self._execution.host, self._execution.role
        if host.is_watched:
            from metagpt.events import DroppedFromContextEvent

            entries = sum(number for name, number in dropped.items() if name in MEMORY_PARTS)
            now, parts = host.clock.now(), dict(dropped)
            host.emit(DroppedFromContextEvent(run_id=host.run_id, time=now, role=role, call=call, entries=entries, parts=parts))


def _with_chat(request: ModelRequest, draft: Draft) -> ModelRequest:
    return replace(request, chat=draft.chat, context=to_jsonable_python(dict(draft.context), fallback=str))


def _most_bytes(overflow: ContextOverflowError, model: Model, request: ModelRequest, draft: Draft, shrink: float) -> float:
    """What chat and instructions may take, going by what those took that overflowed; that part of it at most."""
    size = chat_bytes(draft.chat) + instruction_bytes(request)
    profile = model.profile if overflow.window_tokens is None else replace(model.profile, context_tokens=overflow.window_tokens)
    room = room_tokens(request, profile)
    if room is None or not overflow.prompt_tokens:
        return size * _SHRINK
    return size * min(room / overflow.prompt_tokens, shrink)
