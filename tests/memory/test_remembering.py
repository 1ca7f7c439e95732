"""What a handler recalls is journaled before it uses it: a resumed run recalls the same, whatever became of the memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from metagpt import Goal, InMemoryJournal, Role, SqliteJournal, Team, on
from metagpt.errors import ConfigError, HandlerFailedError, ServerError
from metagpt.masking import known_secrets
from metagpt.memory.interface import Attention, MemoryEntry
from metagpt.memory.long_term import LongTermMemory
from metagpt.models.interface import ModelRequest
from metagpt.testing import Crash, FunctionModel, crash_at
from tests.runtime.messages import Draft, Final


class Moody:
    """A memory that gives something else every time it is asked."""

    exchanges = False

    def __init__(self) -> None:
        self.asked = 0

    def open(self, role: str, entries: Iterable[MemoryEntry]) -> Moody:
        return self

    def add(self, entry: MemoryEntry) -> None:
        pass

    def window(self) -> Sequence[MemoryEntry]:
        raise AssertionError("attend is there")

    async def recall(self, query: str, limit: int) -> list[MemoryEntry]:
        self.asked += 1
        return [MemoryEntry(text=f"mood {self.asked}")]

    async def attend(self, attention: Attention) -> Sequence[MemoryEntry]:
        self.asked += 1
        return [MemoryEntry(text=f"mood {self.asked}"), *attention.pending]


class Asker(Role):
    @on(Goal)
    async def work(self, goal: Goal) -> Draft:
        first = await self.memory.recall("mood")
        await self.memory.remember("noted")
        said = await self.ask(str, "go on")
        second = await self.memory.recall("mood")
        return Draft(text=f"{first[0]}, {said}, {second[0]}")

    @on(Draft)
    async def finish(self, draft: Draft) -> Final:
        return Final(text=draft.text)


def heard(request: ModelRequest) -> str:
    return " ".join(turn.text for turn in request.chat if "mood" in turn.text or "noted" in turn.text)


def asker(journal: Any, memory: Any = None) -> tuple[Team[Goal, Final], FunctionModel, Moody]:
    memory, model = memory or Moody(), FunctionModel(heard)
    return Team([Asker()], final=Final, model=model, journal=journal, memory=memory), model, memory


async def test_a_run_that_is_cut_anywhere_recalls_what_it_recalled_and_asks_the_same() -> None:
    whole = crash_at(0, InMemoryJournal())
    await asker(whole)[0].run("go", run_id="r")
    seen = set()
    for at in range(2, whole.appends + 1):
        journal = InMemoryJournal()
        memory = Moody()
        with pytest.raises(Crash):
            await asker(crash_at(at, journal), memory)[0].run("go", run_id="r")
        kinds = [record.kind for record in journal.records("r")]
        recalled, replied = kinds.count("Recalled"), kinds.count("CallEnded")
        memory.asked = 100  # the memory holds other things by now
        team, model, _ = asker(journal, memory)
        run = await team.resume("r")
        moods = [
            text.split()[-1]
            for text in run.output.text.replace("You remember: ", "").replace(" You remember: noted", "").replace(" noted", "").split(", ")
        ]
        assert len(model.requests) == 1 - replied
        if "HandlerEnded" not in kinds:
            assert [int(mood) > 100 for mood in moods] == [number >= recalled for number in range(3)], (at, moods)
        seen.add(recalled)
    assert seen == {0, 1, 2, 3}


async def test_a_failed_call_recalls_the_same_again_and_another_failure_recalls_anew() -> None:
    problems: list[Exception] = [ServerError("down"), ValueError("no")]

    class Trying(Role):
        @on(Goal, retry=3)
        async def work(self, goal: Goal) -> Final:
            mood = (await self.memory.recall("mood"))[0]
            if problems:
                tried.append(mood)
                raise problems.pop(0)
            return Final(text=f"{tried} {mood}")

    tried: list[str] = []
    memory = Moody()
    run = await Team([Trying()], final=Final, memory=memory).run("go")
    assert run.output == Final(text="['mood 1', 'mood 1'] mood 2")


async def test_the_window_holds_what_the_handler_has_just_remembered_once() -> None:
    team, model, _ = asker(InMemoryJournal())
    await team.run("go")
    assert [turn.text for turn in model.requests[0].chat] == ["You remember: mood 2", "You remember: noted", "go on"]


async def test_a_role_names_its_memory_and_those_named_alike_are_one() -> None:
    roles = [Asker("a", memory="token_budget"), Asker("b", memory="token_budget"), Asker("c")]
    team = Team(roles, final=Final, memory="summary")
    opened = team._setting.memories
    assert type(opened["a"]).__name__ == "TokenBudgetMemory"
    assert opened["a"] is opened["b"]
    assert type(opened["c"]).__name__ == "SummaryMemory"
    with pytest.raises(ConfigError, match="no memory plugin 'elephant'"):
        Team([Asker(memory="elephant")], final=Final)
    with pytest.raises(ConfigError, match="memory of role 'asker': found 3"):
        Team([Asker(memory=3)], final=Final)  # type: ignore[arg-type]


async def test_only_a_lasting_memory_shares() -> None:
    class Sharing(Role):
        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            await self.memory.remember("for all", shared=True)
            return Final(text="")

    with pytest.raises(HandlerFailedError, match="expected one that several roles have"):
        await Team([Sharing()], final=Final).run("go")


async def test_secrets_reach_neither_journal_nor_memory_nor_a_later_chat(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_API_KEY", "sk-very-secret-indeed")
    assert known_secrets() != ()

    class Careless(Role):
        @on(Goal)
        async def note(self, goal: Goal) -> Draft:
            await self.memory.remember(f"the key is {goal.text}")
            return Draft(text="go on")

        @on(Draft)
        async def tell(self, draft: Draft) -> Final:
            return Final(text=await self.ask(str, "what is the key?"))

    memory = LongTermMemory(tmp_path / "m.db")
    model = FunctionModel(lambda request: " ".join(turn.text for turn in request.chat))
    team = Team([Careless()], final=Final, memory=memory, journal=SqliteJournal(tmp_path / "j.db"), model=model)
    run = await team.run("sk-very-secret-indeed")
    memory.close()
    assert "the key is ***" in run.output.text
    assert b"sk-very-secret-indeed" not in b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
