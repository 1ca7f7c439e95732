"""The doubles are strict, and the checks for plugins find what they promise to find."""

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from metagpt import Action, Goal, InMemoryJournal, Message, ModelOptions, Role, SqliteJournal, Team, WindowMemory, action, on
from metagpt.actions.interface import FunctionAction, Permissions, as_action
from metagpt.errors import ActionError, HandlerFailedError, JournalError, RateLimitError
from metagpt.journal.interface import Codec, RunHeader, RunLog
from metagpt.memory.interface import MemoryEntry
from metagpt.models.interface import Candidate, ChatMessage, Delta, ModelProfile, ModelReply, ModelRequest, TokenUsage
from metagpt.testing import (
    Crash,
    CrashingJournal,
    FakeClock,
    FunctionModel,
    NetworkForbiddenError,
    ScriptedModel,
    call,
    check_action,
    check_journal,
    check_memory,
    check_model,
    crash_at,
    data,
    error,
    forbid_mutation,
    forbid_network,
    text,
)


class Answer(Message):
    text: str


class Asker(Role):
    @on(Goal)
    async def go(self, goal: Goal) -> Answer:
        return Answer(text=await self.ask(str, "Ask."))


def request(name: str = "asker.go", **keywords: Any) -> ModelRequest:
    return ModelRequest(call=name, chat=(ChatMessage("user", "Ask."),), **keywords)


async def reply_of(model: Any, asked: ModelRequest) -> ModelReply:
    items = [item async for item in model.stream(asked)]
    reply = items[-1]
    assert isinstance(reply, ModelReply)
    assert "".join(item.text for item in items[:-1]) == reply.text
    return reply


# scripted models


async def test_a_script_is_answered_in_order_and_requests_are_recorded() -> None:
    with ScriptedModel([text("one"), data(Answer(text="two")), call("add", first=1)]) as model:
        assert (await reply_of(model, request())).text == "one"
        assert (await reply_of(model, request(schema={}))).text == '{"text":"two"}'
        (wanted,) = (await reply_of(model, request())).candidates[0].tool_calls
        assert (wanted.name, wanted.arguments) == ("add", '{"first":1}')
    assert [asked.call for asked in model.requests] == ["asker.go"] * 3


async def test_a_script_may_be_kept_by_call_and_by_role() -> None:
    script = {"asker.go": [text("call"), text("call again")], "asker": [text("role")], "": [text("anybody")]}
    with ScriptedModel(script) as model:
        assert (await reply_of(model, request("asker.go"))).text == "call"
        assert (await reply_of(model, request("asker.go#2"))).text == "call again"
        assert (await reply_of(model, request("asker.other"))).text == "role"
        assert (await reply_of(model, request("critic.go"))).text == "anybody"


async def test_a_call_too_many_fails_the_run_and_the_block_even_if_a_handler_catches_it() -> None:
    with pytest.raises(HandlerFailedError, match="found a call too many, 'asker.go'"):
        await Team([Asker()], final=Answer, model=ScriptedModel([])).run("g")

    class Blind(Role):
        @on(Goal)
        async def go(self, goal: Goal) -> Answer:
            try:
                return Answer(text=await self.ask(str, "Ask."))
            except Exception:
                return Answer(text="never mind")

    with pytest.raises(AssertionError, match="a call too many"):  # noqa: SIM117
        with ScriptedModel([]) as model:
            await Team([Blind()], final=Answer, model=model).run("g")


async def test_a_call_for_which_nothing_is_scripted_fails() -> None:
    with pytest.raises(AssertionError, match=r"nothing is scripted; expected one of \['critic'\]"):
        await reply_of(ScriptedModel({"critic": [text("a")]}), request())


async def test_a_reply_never_used_fails_the_block() -> None:
    with pytest.raises(AssertionError, match=r"replies never used: \{'the script': 1, 'critic': 2\}"):  # noqa: SIM117
        with ScriptedModel({"": [text("a")], "critic": [text("b"), text("c")]}):
            pass


async def test_a_failure_in_the_block_is_not_hidden_by_unused_replies() -> None:
    with pytest.raises(ValueError, match="mine"):  # noqa: SIM117
        with ScriptedModel([text("a")]):
            raise ValueError("mine")


@pytest.mark.parametrize("step", ["text", None, RateLimitError, Answer(text="a")])
def test_a_step_that_is_none_is_refused_when_the_script_is_made(step: Any) -> None:
    with pytest.raises(TypeError, match=r"found .* in the script for 'critic'; expected text\("):
        ScriptedModel({"critic": [step]})


async def test_an_error_is_raised_as_it_is() -> None:
    problem = RateLimitError("slow down")
    with pytest.raises(RateLimitError) as caught:
        await reply_of(ScriptedModel([error(problem)]), request())
    assert caught.value is problem


async def test_usage_is_counted_the_same_every_time_or_taken_from_the_script() -> None:
    first = await reply_of(ScriptedModel([text("four")]), request())
    assert first.usage == (await reply_of(ScriptedModel([text("four")]), request())).usage == TokenUsage(input_tokens=2, output_tokens=2)
    given = TokenUsage(input_tokens=7, output_tokens=8, cached_tokens=1)
    assert (await reply_of(ScriptedModel([data(Answer(text="a"), usage=given)]), request())).usage == given


async def test_two_scripts_number_their_tool_calls_alike() -> None:
    one, two = ScriptedModel([call("a"), call("b")]), ScriptedModel([call("a"), call("b")])
    wanted = [(await reply_of(model, request())).candidates[0].tool_calls for model in (one, one, two, two)]
    assert wanted[:2] == wanted[2:]
    assert wanted[0][0].id != wanted[1][0].id


def test_data_without_an_answer_is_refused() -> None:
    with pytest.raises(TypeError, match="no answer"):
        data()


async def test_a_function_model_takes_text_messages_replies_errors_and_coroutines() -> None:
    async def later(asked: ModelRequest) -> str:
        return asked.call

    for function, expected in (
        (lambda asked: "text", "text"),
        (lambda asked: Answer(text="a"), '{"text":"a"}'),
        (lambda asked: {"a": 1}, '{"a":1}'),
        (lambda asked: 5, '{"answer":5}'),
        (lambda asked: data(1, 2), '{"answer":1}'),
        (lambda asked: text("t"), "t"),
        (later, "asker.go"),
    ):
        model = FunctionModel(function)
        assert (await reply_of(model, request(schema={}))).text == expected
        assert len(model.requests) == 1
    with pytest.raises(RateLimitError):
        await reply_of(FunctionModel(lambda asked: RateLimitError("slow")), request())


# the clock


async def test_a_fake_clock_wakes_sleepers_in_order_of_their_time() -> None:
    clock, woken = FakeClock(100.0), list[tuple[str, float]]()

    async def sleeper(name: str, *seconds: float) -> None:
        for each in seconds:
            await clock.sleep(each)
            woken.append((name, clock.now()))

    await asyncio.gather(sleeper("slow", 60, 3600), sleeper("quick", 1, 1, 100), sleeper("none", 0, -1))
    assert woken == [
        ("none", 100.0),
        ("none", 100.0),
        ("quick", 101.0),
        ("quick", 102.0),
        ("slow", 160.0),
        ("quick", 202.0),
        ("slow", 3760.0),
    ]


async def test_time_stands_still_while_somebody_can_go_on() -> None:
    clock = FakeClock(0.0)
    sleeper = asyncio.create_task(clock.sleep(10))
    for _ in range(50):
        await asyncio.sleep(0)
        assert clock.now() == 0.0 or not sleeper.done()
    await sleeper
    assert clock.now() == 10.0


async def test_two_fake_clocks_in_one_loop_do_not_wait_for_each_other() -> None:
    one, two = FakeClock(0.0), FakeClock(0.0)
    await asyncio.wait_for(asyncio.gather(one.sleep(5), two.sleep(7), one.sleep(1)), timeout=20)
    assert (one.now(), two.now()) == (5.0, 7.0)


async def test_a_sleeper_that_is_cancelled_does_not_move_the_clock() -> None:
    clock = FakeClock(0.0)
    cancelled = asyncio.create_task(clock.sleep(1))
    await asyncio.sleep(0)
    cancelled.cancel()
    await clock.sleep(5)
    assert clock.now() == 5.0


def test_a_fake_clock_serves_one_loop_after_the_other() -> None:
    clock = FakeClock(0.0)

    async def abandon() -> None:
        asyncio.create_task(clock.sleep(1))  # noqa: RUF006
        await asyncio.sleep(0)

    asyncio.run(abandon())
    asyncio.run(clock.sleep(3))
    assert clock.now() == 3.0


# crashes


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_keeps_what_was_written_before(after: bool, tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db")
    crashing = crash_at(2, journal, after_writing=after)
    with pytest.raises(Crash):
        await Team([Asker()], final=Answer, model=ScriptedModel([text("a")]), journal=crashing).run("g", run_id="r")
    assert crashing.appends == 2
    assert (len(list(journal.records("r"))) > 1) == after


async def test_every_crash_can_be_resumed(tmp_path: Path) -> None:
    whole = CrashingJournal(InMemoryJournal(), 0)
    await Team([Asker()], final=Answer, model=ScriptedModel([text("a")]), journal=whole).run("g")
    assert whole.appends > 3
    for number in range(2, whole.appends + 1):
        journal = SqliteJournal(tmp_path / f"{number}.db")
        model = FunctionModel(lambda asked: "a")
        with pytest.raises(Crash):
            await Team([Asker()], final=Answer, model=model, journal=crash_at(number, journal)).run("g", run_id="r")
        run = await Team([Asker()], final=Answer, model=model, journal=journal).resume("r")
        assert run.output == Answer(text="a")


# mutation


class Basket(Message):
    items: list[str]


class Filler(Role):
    @on(Goal)
    async def fill(self, goal: Goal) -> Basket:
        return Basket(items=["a"])


async def test_forbid_mutation_finds_a_message_that_was_changed() -> None:
    class Thief(Role):
        @on(Basket)
        async def take(self, basket: Basket) -> Answer:
            return Answer(text=basket.items.pop())

    class Guest(Role):
        @on(Basket)
        async def take(self, basket: Basket) -> Answer:
            return Answer(text=basket.items[0])

    with forbid_mutation() as journal:
        await Team([Filler(), Guest()], final=Answer, journal=journal).run("g")
    with pytest.raises(AssertionError, match=r"found a HandlerEnded changed after it was recorded"):  # noqa: SIM117
        with forbid_mutation() as journal:
            await Team([Filler(), Thief()], final=Answer, journal=journal).run("g")


async def test_forbid_mutation_does_not_hide_a_failure_of_the_block() -> None:
    with pytest.raises(ValueError, match="mine"):  # noqa: SIM117
        with forbid_mutation():
            raise ValueError("mine")


# the network


def test_no_connection_no_datagram_and_no_look_up() -> None:
    with forbid_network():
        with pytest.raises(NetworkForbiddenError, match="found a connection to"):
            socket.create_connection(("127.0.0.1", 9))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(NetworkForbiddenError):
            sock.sendto(b"a", ("127.0.0.1", 9))
        with socket.socket() as sock, pytest.raises(NetworkForbiddenError):
            sock.connect_ex(("10.0.0.1", 9))
        with pytest.raises(NetworkForbiddenError, match="look-up"):
            socket.getaddrinfo("example.org", 80)


def test_loopback_is_reached_where_it_is_allowed_and_everything_again_afterwards() -> None:
    before = (socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto, socket.getaddrinfo)
    with socket.create_server(("127.0.0.1", 0)) as server, forbid_network(allow_loopback=True):
        socket.create_connection(server.getsockname()).close()
        with pytest.raises(NetworkForbiddenError):
            socket.create_connection(("192.0.2.1", 80))
    with pytest.raises(ValueError, match="mine"), forbid_network():
        raise ValueError("mine")
    assert (socket.socket.connect, socket.socket.connect_ex, socket.socket.sendto, socket.getaddrinfo) == before


async def test_an_event_loop_can_be_made_without_a_network() -> None:
    with forbid_network():
        await asyncio.to_thread(asyncio.run, asyncio.sleep(0))


# conformance: models


async def test_our_doubles_are_models() -> None:
    await check_model(FunctionModel(lambda asked: "yes"))
    await check_model(ScriptedModel([text("yes")] * 4))


class Broken:
    """A model whose stream is what a test says."""

    def __init__(self, *items: Any, profile: Any = None) -> None:
        self.items = items
        self.profile = profile or ModelProfile(reference="broken")

    async def stream(self, asked: ModelRequest) -> AsyncIterator[Delta | ModelReply]:
        for item in self.items:
            if isinstance(item, Exception):
                raise item
            yield item

    async def close(self) -> None: ...


YES = text("yes")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (object(), "expected `profile`, `stream` and `close`"),
        (Broken(YES, profile="broken"), "profile to be a ModelProfile"),
        (Broken(YES, profile=ModelProfile(reference="")), "profile.reference"),
        (Broken(), "end with a ModelReply"),
        (Broken(Delta("yes")), "end with a ModelReply"),
        (Broken(YES, Delta("yes")), "end with a ModelReply"),
        (Broken(YES, YES), "only deltas before the one reply"),
        (Broken(Delta("no"), YES), "deltas to make up the first candidate"),
        (Broken(ModelReply(candidates=())), "one candidate or more"),
        (Broken(ModelReply(candidates=(Candidate(text="a"), Candidate(text="b")))), "at most the 1 candidate"),
        (Broken(replace(YES, usage=TokenUsage(input_tokens=-1, output_tokens=0))), "0 or more"),
        (Broken(replace(YES, usage=TokenUsage(input_tokens=1, output_tokens=0, cached_tokens=2))), "part of the input"),
        (Broken(ValueError("boom")), "faults to be raised as ModelError; found ValueError: boom"),
        (Broken(RateLimitError("slow")), "found RateLimitError: slow"),
    ],
)
async def test_a_model_that_breaks_its_promise_is_found(model: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        await check_model(model)


async def test_a_model_that_answers_a_schema_with_prose_is_found() -> None:
    with pytest.raises(AssertionError, match="expected JSON where the request has a schema"):
        await check_model(FunctionModel(lambda asked: "prose"), request(schema={"type": "object"}, options=ModelOptions(n=1)))


# conformance: memory


class Leaky(WindowMemory):
    """Forgets which role it was opened for."""

    def __init__(self) -> None:
        super().__init__()
        self.one = super().open("", [])

    def open(self, role: str, entries: Any) -> Any:
        for entry in entries:
            self.one.add(entry)
        return self.one


class Forgetful(WindowMemory):
    def open(self, role: str, entries: Any) -> Any:
        return super().open(role, [])


class Boundless(WindowMemory):
    def open(self, role: str, entries: Any) -> Any:
        opened = super().open(role, entries)
        recall = opened.recall

        async def all_of_it(query: str, limit: int) -> list[MemoryEntry]:
            return await recall(query, 100)

        opened.recall = all_of_it  # type: ignore[method-assign]
        return opened


@pytest.mark.parametrize(
    ("memory", "words"),
    [
        (object(), "`exchanges` and `open`"),
        (Leaky(), "a memory of its own"),
        (Forgetful(), "an entry that open\\(\\) was given"),
        (Boundless(), "no more entries than its limit"),
    ],
)
async def test_a_memory_that_breaks_its_promise_is_found(memory: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        await check_memory(memory)


# conformance: journals


async def test_our_journals_keep_what_the_interface_promises(tmp_path: Path) -> None:
    await check_journal(InMemoryJournal)
    await check_journal(lambda: SqliteJournal(tmp_path / "a.db"))
    await check_journal(lambda: SqliteJournal(tmp_path / "b.db", durability="power"))


async def test_a_journal_that_breaks_its_promise_is_found(tmp_path: Path) -> None:
    class Careless(InMemoryJournal):
        def open(self, run_id: str, codec: Codec) -> Any:
            self._log(run_id).is_held = False
            return super().open(run_id, codec)

    class Amnesic(InMemoryJournal):
        durable = True

    class Overwriting(InMemoryJournal):
        def create(self, header: RunHeader, codec: Codec) -> Any:
            self._logs.pop(header.run_id, None)
            return super().create(header, codec)

    class Mixed(InMemoryJournal):
        def memories(self, role: str, session: str) -> list[str]:
            return [text for texts in self._memories.values() for text in texts]

    for journal, words in (
        (Careless, "RunLockedError"),
        (Amnesic, "durable journal"),
        (Overwriting, "RunExistsError"),
        (Mixed, "memories"),
        (object, "expected `durable`"),
    ):
        with pytest.raises(AssertionError, match=words):
            await check_journal(journal)  # type: ignore[arg-type]


async def test_a_wrapped_journal_is_a_journal_too() -> None:
    await check_journal(lambda: CrashingJournal(InMemoryJournal(), 0))
    with forbid_mutation() as journal:
        log: RunLog = journal.create(RunHeader(run_id="a", team="t", goal="g", created=1.0), _Plain())
        log.append(["one"], time=1.0)
        assert log.read() == ["one"]
        log.close()
        with pytest.raises(JournalError):
            journal.open("b", _Plain())


class _Plain:
    def encode(self, tick: Any, /) -> tuple[str, bytes]:
        return "Text", tick.encode()

    def mask(self, text: str, /) -> str:
        return text

    def decode(self, kind: str, body: bytes, /) -> Any:
        return body.decode()


# conformance: actions


def changed(**attributes: Any) -> FunctionAction:
    @action
    async def shout(word: str) -> Any:
        """Shout."""
        return word.upper() if word != "object" else object()

    found = as_action(shout)
    assert isinstance(found, FunctionAction)
    for name, value in attributes.items():
        found.__dict__["_schema" if name == "parameters" else name] = value
    return found


class Lenient:
    name = "lenient"
    description = "Takes everything."
    permissions = Permissions()
    idempotent = True
    parameters: dict[str, Any] = {"type": "object", "properties": {}}

    async def perform(self, arguments: Mapping[str, Any], context: Any) -> Any:
        return None


class Crude(Lenient):
    async def perform(self, arguments: Mapping[str, Any], context: Any) -> Any:
        raise KeyError("no such argument")


@pytest.mark.parametrize(
    ("performed", "arguments", "words"),
    [
        (object(), None, "expected `name`"),
        (changed(name="shout it"), None, "found 'shout it'"),
        (changed(description=" "), None, "expected a description"),
        (changed(permissions="all"), None, "expected Permissions"),
        (changed(idempotent=1), None, "idempotent to be True or False"),
        (changed(parameters={"type": "string"}), None, "JSON schema of an object"),
        (changed(), {"word": "object"}, "a result that JSON can hold"),
        (Lenient(), None, "it was performed"),
        (Crude(), None, "expected arguments that do not fit to raise ActionError; found KeyError"),
    ],
)
async def test_an_action_that_breaks_its_promise_is_found(performed: Any, arguments: Any, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        await check_action(performed, arguments)


async def test_an_action_that_keeps_its_promise_passes() -> None:
    await check_action(changed(), {"word": "a"})

    class Strict(Lenient):
        async def perform(self, arguments: Mapping[str, Any], context: Any) -> Any:
            if arguments:
                raise ActionError("none, please")
            context.workspace.write_text("a.txt", "a")
            return context.workspace.files()

    strict: Action = Strict()
    await check_action(strict, {})
