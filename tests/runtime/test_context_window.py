"""What is left out of a chat that is longer than the model's window, in which order, and what is said of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metagpt import ConfigError, Goal, HandlerFailedError, ModelOptions, Role, Team, WindowMemory, action, on
from metagpt.errors import ContextOverflowError, ModelUnavailableError
from metagpt.events import DroppedFromContextEvent
from metagpt.memory.interface import MemoryEntry
from metagpt.models.context_fit import PARTS, ContextFit
from metagpt.models.interface import Candidate, ChatMessage, ModelProfile, ModelReply, ModelRequest, ToolCall
from metagpt.runtime.context_window import Draft, fitted, room_bytes
from metagpt.runtime.fitting import REFITS
from metagpt.testing import FunctionModel, ScriptedModel, call, check_model, text
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


# counted, and after an overflow


class CountingModel(FunctionModel):
    """Counts a token for every `bytes_per_token` bytes, and holds to its window."""

    def __init__(self, window: int, bytes_per_token: int) -> None:
        super().__init__(self._answer, profile=ModelProfile(reference="m", context_tokens=window, max_output_tokens=window // 4))
        self._window = window
        self._bytes_per_token = bytes_per_token

    def _answer(self, request: ModelRequest) -> str:
        tokens = self.tokens(request)
        if tokens >= self._window:
            raise ContextOverflowError("m: too long", prompt_tokens=tokens, window_tokens=self._window)
        return "read"

    def tokens(self, request: ModelRequest) -> int:
        return size(request.chat) // self._bytes_per_token + 1

    async def count_tokens(self, request: ModelRequest) -> int:
        return self.tokens(request)


class Rememberer(Role):
    """You read."""

    @on(Goal)
    async def read(self, goal: Goal) -> Final:
        for letter in "abcdefghij":
            await self.memory.remember(letter * 100)
        return Final(text=await self.ask(str, "q"))


@pytest.mark.parametrize("bytes_per_token", [1, 2, 5])
async def test_a_model_that_counts_has_its_window_filled_whatever_the_text_is_like(bytes_per_token: int) -> None:
    window = 1000 // bytes_per_token
    model = CountingModel(window, bytes_per_token)
    [event] = await dropped_in(Team([Rememberer()], final=Final, model=model))
    [request] = model.requests
    room = window - window // 4
    one_entry = len(f"You remember: {'a' * 100}") // bytes_per_token + 1
    assert room - one_entry - 1 <= model.tokens(request) <= room
    assert event.parts == {"memory": 10 - (len(request.chat) - 2)}
    assert request.chat[1].text == f"You remember: {'abcdefghij'[event.entries] * 100}", "the oldest goes first"


async def test_what_certainly_fits_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    model = CountingModel(10_000, 1)
    monkeypatch.setattr(model, "count_tokens", None)
    assert await dropped_in(Team([Rememberer()], final=Final, model=model)) == []


async def test_a_model_that_cannot_count_this_time_is_asked_by_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(request: ModelRequest) -> int:
        raise ModelUnavailableError("m: no tokenizer")

    model = CountingModel(300, 3)
    monkeypatch.setattr(model, "count_tokens", refuse)
    [event] = await dropped_in(Team([Rememberer()], final=Final, model=model))
    assert 0 < event.entries < 10


def narrow_model(most_bytes: int, *, figures: tuple[int, int] | None = None, window: int | None = 1000) -> FunctionModel:
    """Cannot count, and refuses what is longer than `most_bytes`; tells `figures`, of prompt and window, if it has any."""

    def answer(request: ModelRequest) -> str:
        if size(request.chat) > most_bytes:
            told = {} if figures is None else {"prompt_tokens": figures[0], "window_tokens": figures[1]}
            raise ContextOverflowError("m: too long; expected less", **told)
        return "read"

    return FunctionModel(answer, profile=ModelProfile(reference="m", context_tokens=window, max_output_tokens=100))


@pytest.mark.parametrize(
    ("most_bytes", "figures", "window", "asked"),
    [
        (700, (1200, 900), 1000, 2),  # what it says is enough
        (700, (1200, 900), None, 2),  # of a window that nobody knew before
        (600, (901, 900), 1000, 3),  # it says too little: again
        (700, None, 1000, 2),
        (500, None, None, 3),
    ],
)
async def test_a_chat_that_overflows_is_sent_again_with_less(
    most_bytes: int, figures: tuple[int, int] | None, window: int | None, asked: int
) -> None:
    model = narrow_model(most_bytes, figures=figures, window=window)
    events = await dropped_in(Team([Rememberer()], final=Final, model=model))
    assert len(model.requests) == asked
    assert len(events) == asked - 1, "each time it is said what was left out"
    last = model.requests[-1].chat
    assert 10 - (len(last) - 2) == sum(event.entries for event in events) < 10
    assert last[-1].text == "q"


async def test_a_chat_that_can_be_made_no_smaller_fails_with_what_the_model_said() -> None:
    model = narrow_model(5)
    with pytest.raises(HandlerFailedError, match="m: too long; expected less"):
        await Team([Rememberer()], final=Final, model=model).run("go")
    assert len(model.requests) == 1 + REFITS

    class Wordy(Role):
        """You read."""

        @on(Goal)
        async def read(self, goal: Goal) -> Final:
            return Final(text=await self.ask(str, "a long question that must stay"))

    model = narrow_model(5)
    with pytest.raises(HandlerFailedError, match="m: too long"):
        await Team([Wordy()], final=Final, model=model).run("go")
    assert len(model.requests) == 1


async def test_what_an_overflow_taught_holds_for_the_rounds_that_follow() -> None:
    @action(reads=True)
    async def look(number: int) -> str:
        """Look something up."""
        return f"{number}" * 30

    class Looker(Role):
        """You look."""

        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            for letter in "abcdefghij":
                await self.memory.remember(letter * 100)
            return Final(text=await self.ask(str, "q", tools=[look]))

    refused = []

    def answer(request: ModelRequest) -> ModelReply:
        if size(request.chat) > 800:
            refused.append(request)
            raise ContextOverflowError("m: too long", prompt_tokens=1300, window_tokens=800)
        rounds = sum(turn.role == "tool" for turn in request.chat)
        return call("look", number=rounds) if rounds < 4 else text("done")

    model = FunctionModel(answer, profile=ModelProfile(reference="m", context_tokens=10_000, max_output_tokens=100))
    await dropped_in(Team([Looker()], final=Final, model=model))
    assert len(refused) == 1


# answers that were cut


CUT_CALL = Candidate(text="", tool_calls=(ToolCall(id="1", name="look", arguments='{"number": 37134'),), finish="length")


@pytest.mark.parametrize(
    ("form", "cut", "said"),
    [
        (str, CUT_CALL, "The call of the tool 'look' was cut by max_tokens before its end"),
        (int, CUT_CALL, "The call of the tool 'look' was cut by max_tokens before its end"),
        (
            str,
            Candidate(text="", tool_calls=(ToolCall(id="1", name="", arguments='{"to'),), finish="length"),
            "The reply was cut by max_tokens",
        ),
        (list[int], Candidate(text="[1, 2, 3", finish="length"), "The answer was cut by max_tokens before its end"),
    ],
)
async def test_what_max_tokens_cut_is_asked_for_again_and_never_performed(form: Any, cut: Candidate, said: str) -> None:
    performed = []

    @action(reads=True)
    async def look(number: int) -> str:
        """Look something up."""
        performed.append(number)
        return "found"

    class Looker(Role):
        """You look."""

        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=str(await self.ask(form, "q", tools=[look])))

    whole = text("7") if form != list[int] else text("[7]")
    model = ScriptedModel([ModelReply(candidates=(cut,)), whole])
    run = await Team([Looker()], final=Final, model=model).run("go")
    assert run.output is not None
    assert run.output.text in ("7", "[7]")
    assert said in model.requests[1].chat[-1].text
    assert "37134" in model.requests[1].chat[-2].text or cut is not CUT_CALL
    with pytest.raises(HandlerFailedError, match=r"cut by max_tokens.*Raise ModelOptions\(max_tokens=\)"):
        await Team([Looker()], final=Final, model=ScriptedModel([ModelReply(candidates=(cut,))] * 3)).run("go")
    assert performed == []


async def test_a_text_that_max_tokens_cut_is_the_answer_as_far_as_it_goes() -> None:
    class Plain(Role):
        """You talk."""

        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=await self.ask(str, "q"))

    model = ScriptedModel([ModelReply(candidates=(Candidate(text="as far as", finish="length"),))])
    run = await Team([Plain()], final=Final, model=model).run("go")
    assert run.output == Final(text="as far as")


async def test_a_count_that_counts_nothing_breaks_the_promise(monkeypatch: pytest.MonkeyPatch) -> None:
    model = CountingModel(10_000, 1)
    await check_model(model)

    async def nothing(request: ModelRequest) -> int:
        return 7

    monkeypatch.setattr(model, "count_tokens", nothing)
    with pytest.raises(AssertionError, match="expected count_tokens to count the chat; found 7, and 7 for a longer one"):
        await check_model(model)
