"""Classes that implement the interfaces of plugins, without deriving from anything of ours."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

from metagpt import Action, ActionContext, InMemoryJournal, Journal, Memory, Model, SqliteJournal, WindowMemory
from metagpt.actions.interface import Permissions
from metagpt.memory.interface import MemoryEntry
from metagpt.models.interface import Candidate, Delta, ModelProfile, ModelReply, ModelRequest
from metagpt.testing import FunctionModel, ScriptedModel, check_action, check_journal, check_memory, check_model


class Echo:
    profile = ModelProfile(reference="echo")

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta | ModelReply]:
        yield Delta(request.call)
        yield ModelReply(candidates=(Candidate(text=request.call),))

    async def close(self) -> None:
        return None


class Opened:
    def add(self, entry: MemoryEntry) -> None: ...

    async def recall(self, query: str, limit: int) -> list[MemoryEntry]:
        return []

    def window(self) -> Sequence[MemoryEntry]:
        return ()


class Nothing:
    exchanges = False

    def open(self, role: str, entries: Iterable[MemoryEntry]) -> Opened:
        return Opened()


class Beep:
    name = "beep"
    description = "Beep."
    permissions = Permissions()
    idempotent = True
    parameters: dict[str, Any] = {"type": "object"}

    async def perform(self, arguments: Mapping[str, Any], context: ActionContext) -> str:
        return "beep"


models: list[Model] = [Echo(), ScriptedModel([]), FunctionModel(str)]
memories: list[Memory] = [Nothing(), WindowMemory()]
journals: list[Journal] = [InMemoryJournal(), SqliteJournal("a.db")]
actions: list[Action] = [Beep()]


async def check() -> None:
    await check_model(Echo())
    await check_memory(Nothing())
    await check_journal(InMemoryJournal)
    await check_action(Beep(), {})
