"""The running summary: what it holds, what it costs, and that nobody pays twice."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metagpt import Goal, InMemoryJournal, Role, Team, on
from metagpt.errors import ConfigError, HandlerFailedError
from metagpt.memory.interface import MemoryEntry
from metagpt.memory.summary import SummaryMemory, unfolded
from metagpt.models.interface import ModelProfile, ModelRequest
from metagpt.plugins import load_plugin
from metagpt.testing import Crash, FunctionModel, check_memory, crash_at
from tests.runtime.messages import Final, Item

ROUNDS = 12


class Diarist(Role):
    """Remembers a number at every step, and asks with what it remembers."""

    @on(Goal)
    async def begin(self, goal: Goal) -> Item:
        return Item(n=0)

    @on(Item, limit=ROUNDS + 1)
    async def step(self, item: Item) -> Item | Final:
        await self.memory.remember(f"The number of round {item.n} is <{item.n}>.")
        said = await self.ask(str, "round {{ n }}", n=item.n)
        return Item(n=item.n + 1) if item.n < ROUNDS else Final(text=said)


def answer(request: ModelRequest) -> str:
    """A summary that keeps every number it reads; else the numbers that stand in the chat."""
    seen = " ".join(sorted(set(re.findall(r"<\d+>", " ".join(turn.text for turn in request.chat))), key=lambda each: int(each[1:-1])))
    return f"Numbers: {seen}" if request.call.endswith(".summarise_memory") else seen


def diary(journal: Any = None, **keywords: Any) -> tuple[Team[Goal, Final], FunctionModel]:
    model = FunctionModel(answer)
    memory = SummaryMemory(120, exchanges=False)
    return Team([Diarist()], final=Final, model=model, journal=journal or InMemoryJournal(), memory=memory, **keywords), model


def summaries(model: FunctionModel) -> int:
    return sum(request.call == "diarist.summarise_memory" for request in model.requests)


async def test_it_keeps_what_the_interface_promises_and_is_registered() -> None:
    await check_memory(SummaryMemory())
    assert load_plugin("memory", "summary") is SummaryMemory


async def test_every_chat_is_within_the_budget_and_knows_everything() -> None:
    team, model = diary()
    run = await team.run("go")
    assert run.output.text.split() == [f"<{n}>" for n in range(ROUNDS + 1)]
    assert 0 < summaries(model) < ROUNDS
    for request in model.requests:
        if request.call == "diarist.step":
            remembered = [turn.text for turn in request.chat if turn.text.startswith("You remember")]
            assert sum(len(text) for text in remembered) / 3 <= 120 + 13 * len(remembered)


async def test_a_session_goes_on_with_the_summary_that_it_has() -> None:
    journal = InMemoryJournal()
    team, _ = diary(journal)
    await team.run("go", session="s")
    again, model = diary(journal)
    await again.run("go", session="s")
    first = next(request for request in model.requests if request.call == "diarist.step")
    assert any(turn.text.startswith("You remember: Numbers: <0>") for turn in first.chat)


async def test_a_run_that_is_cut_anywhere_never_buys_a_recorded_summary_again_and_ends_the_same() -> None:
    whole = crash_at(0, InMemoryJournal())
    team, model = diary(whole)
    uncut = await team.run("go", run_id="r")
    for at in range(2, whole.appends, 3):
        journal = InMemoryJournal()
        cut, before = diary(crash_at(at, journal))
        with pytest.raises(Crash):
            await cut.run("go", run_id="r")
        recorded = sum(record.kind == "CallEnded" for record in journal.records("r"))
        rest, after = diary(journal)
        run = await rest.resume("r")
        assert run.output == uncut.output
        assert recorded + len(after.requests) == len(model.requests), at


async def test_the_summarising_call_is_in_the_journal_and_in_the_budget() -> None:
    team, model = diary()
    run = await team.run("go")
    assert run.usage.calls == len(model.requests)
    assert {tick.call for tick in run._read() if type(tick).__name__ == "CallEnded"} == {"diarist.step", "diarist.summarise_memory"}


async def test_a_model_that_cannot_summarise_is_refused_by_name() -> None:
    trained = FunctionModel(answer, profile=ModelProfile(reference="embedded", prompt_format="compact", calls=("diarist.step",)))
    team = Team([Diarist()], final=Final, model=trained, memory=SummaryMemory(120, exchanges=False))
    with pytest.raises(HandlerFailedError) as raised:
        await team.run("go")
    assert isinstance(raised.value.__cause__, ConfigError)
    assert "found model 'embedded'" in str(raised.value.__cause__)


async def test_a_summary_of_nothing_is_an_error() -> None:
    team = Team([Diarist()], final=Final, model=FunctionModel(lambda request: " "), memory=SummaryMemory(120, exchanges=False))
    with pytest.raises(HandlerFailedError, match="found an empty summary"):
        await team.run("go")


class Chat:
    """A chat whose model answers with what it was asked to summarise, in few words."""

    prompt = "go on"
    pending: tuple[MemoryEntry, ...] = ()

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def ask(self, prompt: str, *, model: str | None = None, max_tokens: int | None = None) -> str:
        self.asked.append(prompt)
        return f"summary {len(self.asked)}"

    def remember(self, entry: MemoryEntry) -> None:
        self.pending = (*self.pending, entry)


async def test_more_than_one_call_can_hold_is_summarised_part_by_part_and_nothing_is_left_out() -> None:
    entries = [MemoryEntry(text=f"<{n}> " + "word " * 20) for n in range(30)] + [MemoryEntry(text="<30> " + "long " * 400)]
    chat = Chat()
    window = await SummaryMemory(200).open("critic", entries).attend(chat)
    assert len(chat.asked) > 3
    asked = " ".join(chat.asked)
    assert all(f"<{n}>" in asked for n in range(31))
    assert asked.count("long ") == 400
    assert all(f"[summary] summary {n}" in prompt for n, prompt in enumerate(chat.asked) if n)
    assert window == [chat.pending[0]]
    assert chat.pending[0].text == f"summary {len(chat.asked)}"


async def test_a_second_chat_of_the_same_handler_uses_the_summary_of_the_first() -> None:
    opened = SummaryMemory(200).open("critic", [MemoryEntry(text="word " * 30 + str(n)) for n in range(9)])
    chat = Chat()
    first = await opened.attend(chat)
    asked = len(chat.asked)
    assert asked > 0
    assert await opened.attend(chat) == first
    assert len(chat.asked) == asked


async def test_summaries_of_two_runs_of_a_session_become_one() -> None:
    entries = [MemoryEntry(text="word " * 30 + str(n)) for n in range(9)]
    memory, one, other, later = SummaryMemory(200), Chat(), Chat(), Chat()
    await memory.open("critic", entries).attend(one)
    await memory.open("critic", entries).attend(other)
    both = memory.open("critic", [*entries, *one.pending, *other.pending, *(MemoryEntry(text="more " * 30 + str(n)) for n in range(4))])
    window = await both.attend(later)
    assert [entry.kind for entry in window].count("summary") == 1
    assert "[summary]" in later.asked[0]


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.data())
def test_what_a_summary_stands_for_is_gone_once_for_each_time_it_was_said(texts: list[str], data: st.DataObject) -> None:
    entries = [MemoryEntry(text=text) for text in texts]
    folded = data.draw(st.sets(st.integers(0, max(0, len(entries) - 1)))) if entries else set()
    summary = MemoryEntry(kind="summary", text="s", folded=tuple(entries[number].digest for number in sorted(folded)))
    live = unfolded([*entries, summary])
    assert live[0] == summary
    assert sorted(entry.text for entry in live[1:]) == sorted(e.text for n, e in enumerate(entries) if n not in folded)


@pytest.mark.parametrize("settings", [{"tokens": 39}, {"tokens": 100, "summary_tokens": 51}, {"tokens": 100, "summary_tokens": 9}])
def test_settings_that_leave_no_room_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="SummaryMemory: found"):
        SummaryMemory(**settings)
