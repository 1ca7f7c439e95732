"""What a handler's memory gives it: recorded before it is used, so that a resumed run recalls the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache

from pydantic import TypeAdapter

from metagpt.errors import ConfigError
from metagpt.memory.interface import Attending, MemoryEntry
from metagpt.models.interface import ChatMessage, ModelOptions, ModelRequest
from metagpt.runtime.execution import Execution
from metagpt.runtime.identity import derived_id

__all__ = ["decode_memory", "encode_memory", "recall", "window_for"]


@cache
def _adapter() -> TypeAdapter[MemoryEntry]:
    return TypeAdapter(MemoryEntry)


def encode_memory(entry: MemoryEntry) -> str:
    """The entry as JSON text."""
    return _adapter().dump_json(entry, exclude_defaults=True).decode()


def decode_memory(text: str) -> MemoryEntry:
    """The entry again."""
    return _adapter().validate_json(text)


async def recall(execution: Execution, query: str, limit: int) -> list[MemoryEntry]:
    """What fits the query, of what this handler remembered itself and of what is durable."""

    async def found() -> tuple[tuple[str, ...], tuple[str, ...]]:
        entries = await execution.host.recollection(execution.invocation).recall(query, limit)
        return _encoded(entries), ()

    recorded = await execution.recalled(derived_id("recall", query, str(limit)), found)
    words = query.lower().split()
    own = [entry for entry in execution.remembered if entry.kind != "summary" and any(word in entry.content.lower() for word in words)]
    return [*own, *map(decode_memory, recorded.entries)][:limit]


async def window_for(execution: Execution, call: str, prompt: str) -> Sequence[MemoryEntry]:
    """What the memory puts into the chat of a call, the oldest first."""
    recollection = execution.host.recollection(execution.invocation)
    if not isinstance(recollection, Attending):
        return [*recollection.window(), *execution.remembered]

    async def attended() -> tuple[tuple[str, ...], tuple[str, ...]]:
        attention = _Attention(execution, prompt)
        entries = await recollection.attend(attention)
        return _encoded(replace(entry, folded=()) for entry in entries), _encoded(attention.kept)

    recorded = await execution.recalled(derived_id("window", call, prompt), attended)
    execution.remembered += map(decode_memory, recorded.kept)
    return [decode_memory(each) for each in recorded.entries]


def _encoded(entries: Iterable[MemoryEntry]) -> tuple[str, ...]:
    return tuple(encode_memory(entry) for entry in entries)


class _Attention:
    """One chat that is being made."""

    def __init__(self, execution: Execution, prompt: str) -> None:
        self._execution = execution
        self.prompt = prompt
        self.kept: list[MemoryEntry] = []

    @property
    def pending(self) -> Sequence[MemoryEntry]:
        return (*self._execution.remembered, *self.kept)

    async def ask(self, prompt: str, *, model: str | None = None, max_tokens: int | None = None) -> str:
        call = f"{self._execution.role}.summarise_memory"
        profile = self._execution.host.model_for(self._execution.role, model).profile
        if profile.prompt_format == "compact" and call not in profile.calls:
            raise ConfigError(
                f"{call}: found model {profile.reference!r}, which answers only what it was trained for; expected one that summarises."
                " Pass SummaryMemory(model='openai:NAME')."
            )
        request = ModelRequest(
            call=call,
            chat=(ChatMessage("user", prompt),),
            context={"text": prompt},
            options=ModelOptions(model=model, max_tokens=max_tokens, n=1),
        )
        reply, _ = await self._execution.call(request)
        return reply.text

    def remember(self, entry: MemoryEntry) -> None:
        self.kept.append(self._execution.storable(entry))
