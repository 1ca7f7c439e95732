"""What is left out of a chat that is longer than the model's window, in which order, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metagpt import ConfigError, Goal, HandlerFailedError, ModelOptions, Role, Team, WindowMemory, action, on
from metagpt.events import DroppedFromContextEvent
from metagpt.memory.interface import MemoryEntry
from metagpt.models.context_fit import PARTS, ContextFit
from metagpt.models.interface import ChatMessage, ModelProfile, ModelReply, ModelRequest, ToolCall
from metagpt.runtime.context_window import Draft, fitted, room_bytes
from metagpt.testing import FunctionModel, call, text
from tests.runtime.messages import Final


def note(letter: str) -> MemoryEntry:
    return MemoryEntry(text=letter * 100)


def exchange(letter: str) -> MemoryEntry:
    return MemoryEntry(kind="exchange", text=letter * 50, answer=letter * 50)


def summary(letter: str) -> MemoryEntry:
    return MemoryEntry(kind="summary", text=letter * 100)


def draft(entries: Sequence[MemoryEntry] = (), *, pages: Sequence[str] = (), turns: tuple[ChatMessage, ...] = ()) -> Draft:
    def render(context: Any) -> str:
        return "Read: " + " ".join(context["pages"])

    context = {"pages": list(pages), "topic": "tea"}
    return Draft(persona="You read.", entries=entries, context=context, prompt=render(context), render=render, turns=turns)


def letters(fitted_draft: Draft) -> str:
    return "".join(entry.text[0] for entry in fitted_draft.entries)


def size(chat: Sequence[ChatMessage]) -> int:
    return sum(len(message.text.encode()) for message in chat)


MIXED = (note("a"), exchange("b"), summary("s"), note("c"), exchange("d"))


@pytest.mark.parametrize(
    ("drop", "room", "kept"),
    [
        (("memory", "rounds"), 10_000, "abscd"),
        (("memory", "rounds"), 450, "scd"),
        (("memory", "rounds"), 50, ""),
        (("memory",), 180, "s"),
        (("exchanges", "notes"), 450, "asc"),
        (("exchanges", "notes"), 50, "s"),
        (("summaries", "notes"), 420, "bd"),
        (("rounds",), 50, "abscd"),
    ],
)
def test_the_oldest_goes_first_of_the_part_that_is_named_first(drop: tuple[str, ...], room: float, kept: str) -> None:
    found, dropped = fitted(draft(MIXED), ContextFit(drop=drop), room, owner="reader.read")
    assert letters(found) == kept
    assert sum(dropped.values()) == len(MIXED) - len(kept)
    assert set(dropped) <= set(drop)


def test_documents_go_from_their_end_and_the_prompt_is_rendered_anew() -> None:
    pages = [f"page{number} " * 20 for number in range(10)]
    found, dropped = fitted(draft(MIXED, pages=pages), ContextFit(drop=("pages", "memory")), 1200, owner="reader.read")
    assert letters(found) == "abscd"
    kept = found.context["pages"]
    assert kept == pages[: len(kept)]
    assert dropped == {"pages": 10 - len(kept)}
    assert 0 < len(kept) < 10
    assert found.prompt == "Read: " + " ".join(kept)
    assert found.context["topic"] == "tea"
    assert size(found.chat) <= 1200 < size(fitted(draft(MIXED, pages=pages[: len(kept) + 1]), ContextFit(), 9999, owner="x")[0].chat) + 150


def test_results_of_earlier_rounds_leave_a_line_and_those_of_the_last_round_stay() -> None:
    def round_of(number: int) -> tuple[ChatMessage, ...]:
        asked = ToolCall(id=str(number), name="look", arguments="{}")
        return ChatMessage("assistant", "", (asked,)), ChatMessage("tool", f"{number}" * 400, tool_call_id=str(number))

    turns = (*round_of(1), *round_of(2), *round_of(3))
    found, dropped = fitted(draft(turns=turns), ContextFit(), 1030, owner="reader.read")
    assert dropped == {"rounds": 1}
    assert "left out" in found.turns[1].text
    assert [turn.tool_call_id for turn in found.turns] == [turn.tool_call_id for turn in turns]
    assert found.turns[2:] == turns[2:]
    found, dropped = fitted(draft(turns=turns), ContextFit(), 10, owner="reader.read")
    assert dropped == {"rounds": 2}
    assert found.turns[5] == turns[5]


@given(
    kinds=st.lists(st.sampled_from([note, exchange, summary]), max_size=12),
    drop=st.permutations([*PARTS, "pages"]).flatmap(lambda names: st.integers(0, len(names)).map(lambda n: tuple(names[:n]))),
    room=st.integers(0, 3000),
    num_pages=st.integers(0, 5),
)
def test_what_is_kept_fits_or_nothing_more_may_go(kinds: list[Any], drop: tuple[str, ...], room: int, num_pages: int) -> None:
    whole = draft([kind("x") for kind in kinds], pages=["p" * 90] * num_pages)
    found, dropped = fitted(whole, ContextFit(drop=drop), room, owner="reader.read")
    again, more = fitted(found, ContextFit(drop=drop), room, owner="reader.read")
    assert (again, more) == (found, {})
    assert found.persona == whole.persona
    assert len(whole.entries) - len(found.entries) == sum(count for name, count in dropped.items() if name not in ("pages", "rounds"))
    if size(found.chat) + 16 * len(found.chat) > room:
        assert not ("memory" in drop and found.entries)
        assert not ("pages" in drop and found.context["pages"])


def test_a_name_that_the_ask_has_not_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"reader\.read: found 'page' in ContextFit\(drop=\); expected one of memory, .*a list"):
        fitted(draft(), ContextFit(drop=("page",)), 10, owner="reader.read")
    with pytest.raises(ConfigError, match="found 'topic'"):
        fitted(draft(), ContextFit(drop=("topic",)), 10, owner="reader.read")
    with pytest.raises(ConfigError, match="different names"):
        ContextFit(drop=("memory", "memory"))
    with pytest.raises(ConfigError, match="bytes_per_token = 0"):
        ContextFit(bytes_per_token=0)


def test_the_room_is_the_window_less_the_answer_schema_and_tools() -> None:
    profile = ModelProfile(reference="m", context_tokens=1000, max_output_tokens=400)
    request = ModelRequest(call="a.b", chat=())
    fit = ContextFit(bytes_per_token=2)
    assert room_bytes(request, profile, fit) == 1200
    short = ModelRequest(call="a.b", chat=(), options=ModelOptions(max_tokens=100))
    assert room_bytes(short, profile, fit) == 1800
    long = ModelRequest(call="a.b", chat=(), options=ModelOptions(max_tokens=100_000))
    assert room_bytes(long, profile, fit) == 1200
    typed = ModelRequest(call="a.b", chat=(), schema={"type": "object"})
    assert room_bytes(typed, profile, fit) == 1200 - len('{"type":"object"}')
    assert room_bytes(request, ModelProfile(reference="m", context_tokens=100), fit) == 100
    assert room_bytes(request, ModelProfile(reference="m"), fit) is None
    assert room_bytes(request, ModelProfile(reference="m", context_tokens=9, prompt_format="compact"), fit) is None


# in a run


def model_of(window: int, requests: list[ModelRequest], reference: str = "m") -> FunctionModel:
    def answer(request: ModelRequest) -> ModelReply | str:
        requests.append(request)
        return "read"

    return FunctionModel(answer, profile=ModelProfile(reference=reference, context_tokens=window))


async def dropped_in(team: Team[Any, Any]) -> list[DroppedFromContextEvent]:
    async with team.stream("go") as events:
        found = [event async for event in events if isinstance(event, DroppedFromContextEvent)]
        await events.result()
    return found


class Reader(Role):
    """You read."""

    @on(Goal)
    async def read(self, goal: Goal) -> Final:
        pages = ["p" * 200, "q" * 200, "r" * 200]
        options = ModelOptions(fit=ContextFit(drop=("pages",)))
        return Final(text=await self.ask(str, "{% for page in pages %}{{ page }}\n{% endfor %}", pages=pages, options=options))


async def test_documents_that_do_not_fit_are_left_out_of_prompt_and_context_and_said() -> None:
    requests: list[ModelRequest] = []
    [event] = await dropped_in(Team([Reader()], final=Final, model=model_of(300, requests)))
    assert (event.call, event.entries, event.parts) == ("reader.read", 0, {"pages": 1})
    [request] = requests
    assert request.context["pages"] == ["p" * 200, "q" * 200]
    assert "r" * 200 not in request.chat[-1].text
    assert json.loads(json.dumps(event.as_json()))["parts"] == {"pages": 1}


async def test_a_name_that_the_ask_has_not_ends_the_run_with_the_mend() -> None:
    class Careless(Role):
        """You read."""

        @on(Goal)
        async def read(self, goal: Goal) -> Final:
            return Final(text=await self.ask(str, "x", options=ModelOptions(fit=ContextFit(drop=("pages",)))))

    with pytest.raises(HandlerFailedError, match="found 'pages' in ContextFit"):
        await Team([Careless()], final=Final, model=model_of(300, [])).run("go")


async def test_the_window_is_that_of_the_model_that_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    small: list[ModelRequest] = []
    monkeypatch.setattr("metagpt.team.open_model", lambda *_: model_of(100, small, "other:small"))

    class Twice(Role):
        """You read."""

        @on(Goal)
        async def read(self, goal: Goal) -> Final:
            for letter in "abc":
                await self.memory.remember(letter * 100)
            await self.ask(str, "q")
            return Final(text=await self.ask(str, "q", options=ModelOptions(model="other:small")))

    big: list[ModelRequest] = []
    [event] = await dropped_in(Team([Twice()], final=Final, model=model_of(10_000, big)))
    assert (event.call, event.entries, event.parts) == ("twice.read#2", 3, {"memory": 3})
    assert [len(request.chat) for request in (*big, *small)] == [5, 2]


async def test_rounds_of_tools_that_grow_too_long_are_cut_down_as_they_come() -> None:
    @action(reads=True)
    async def look(number: int) -> str:
        """Look something up."""
        return f"{number}" * 300

    class Looker(Role):
        """You look."""

        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=await self.ask(str, "q", tools=[look]))

    sent: list[ModelRequest] = []

    def answer(request: ModelRequest) -> ModelReply:
        sent.append(request)
        return call("look", number=len(sent)) if len(sent) < 5 else text("done")

    model = FunctionModel(answer, profile=ModelProfile(reference="m", context_tokens=800))
    events = await dropped_in(Team([Looker()], final=Final, model=model))
    assert [event.parts for event in events] == [{"rounds": 1}] * len(events)
    results = [turn.text for turn in sent[-1].chat if turn.role == "tool"]
    assert ["left out" in result for result in results] == [True] * len(events) + [False] * (4 - len(events))
    assert 0 < len(events) < 4


async def test_an_exchange_is_remembered_as_it_was_sent() -> None:
    requests: list[ModelRequest] = []

    class Again(Reader):
        """You read."""

        @on(Final, when=lambda final: final.text != "end", limit=1)
        async def more(self, final: Final) -> Final:
            await self.ask(str, "again")
            return Final(text="end")

    memory = WindowMemory(exchanges=True)
    await Team([Again()], final=Final, model=model_of(400, requests), memory=memory).run("go")
    assert requests[1].chat[1].text == requests[0].chat[-1].text


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"temperature": -0.1}, "temperature = -0.1; expected 0 or more"),
        ({"top_p": 1.1}, "top_p = 1.1; expected from 0 to 1"),
        ({"max_tokens": 0}, "max_tokens = 0; expected 1 or more"),
        ({"n": 0}, "n = 0"),
        ({"max_rounds": -1}, "max_rounds = -1"),
    ],
)
def test_options_out_of_bounds_are_refused_when_they_are_made(options: dict[str, Any], found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        ModelOptions(**options)
