"""The codec: everything that is said comes back as it was, nothing else is ever built, and secrets stay out."""

from __future__ import annotations

import enum
import json
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from pydantic_core import to_json

from metagpt import Budget, Message
from metagpt.errors import JournalCorruptError
from metagpt.masking import known_secrets
from metagpt.message import Envelope
from metagpt.models.interface import Candidate, ChatMessage, ModelOptions, ModelReply, ModelRequest, Price, TokenUsage, ToolCall
from metagpt.runtime import ticks as t
from metagpt.runtime.codec import TickCodec, UnrecordableError, types_by_tag


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    name: str
    value: float


class Rich(Message):
    """One field of everything that people put into messages."""

    text: str = ""
    number: int = 0
    real: float = 0.0
    flag: bool = False
    raw: bytes = b""
    maybe: int | None = None
    words: list[str] = []
    pair: tuple[int, str] = (0, "")
    names: frozenset[str] = frozenset()
    table: dict[str, list[int]] = {}
    by_number: dict[int, str] = {}
    colour: Colour = Colour.RED
    choice: Literal["a", "b"] = "a"
    day: date = date(2000, 1, 1)
    at: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    took: timedelta = timedelta(0)
    money: Decimal = Decimal(0)
    key: UUID = UUID(int=0)
    inner: Inner | None = None
    inners: list[Inner] = []


class Plain(Message):
    text: str


CODEC = TickCodec(types_by_tag([Rich, Plain]))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
numbers = st.integers(-(2**60), 2**60)
finite = st.floats(allow_nan=False, allow_infinity=False)
inners = st.builds(Inner, name=texts, value=finite)
rich = st.builds(
    Rich,
    text=texts,
    number=numbers,
    real=st.floats(allow_nan=False),
    flag=st.booleans(),
    raw=st.binary(max_size=20),
    maybe=st.none() | numbers,
    words=st.lists(texts, max_size=3),
    pair=st.tuples(numbers, texts),
    names=st.frozensets(texts, max_size=3),
    table=st.dictionaries(texts, st.lists(numbers, max_size=2), max_size=2),
    by_number=st.dictionaries(numbers, texts, max_size=2),
    colour=st.sampled_from(Colour),
    choice=st.sampled_from(["a", "b"]),
    day=st.dates(),
    at=st.datetimes(timezones=st.just(UTC)),
    took=st.timedeltas(timedelta(days=-1000), timedelta(days=1000)),
    money=st.decimals(allow_nan=False, allow_infinity=False, places=2),
    key=st.uuids(),
    inner=st.none() | inners,
    inners=st.lists(inners, max_size=2),
)
SLOW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
times = st.floats(0, 2e9)
ids = st.text("0123456789abcdef", min_size=16, max_size=16)
keys = st.text("abc.", min_size=1, max_size=5)
envelopes = st.builds(
    Envelope,
    id=ids,
    run_id=ids,
    message=rich | st.builds(Plain, text=texts),
    sender=keys,
    recipients=st.lists(keys, max_size=3).map(tuple),
    causes=st.lists(ids, max_size=3).map(tuple),
    branch=st.just("") | ids.map(lambda each: f"{each}/3"),
    time=times,
    counts=st.dictionaries(keys, st.integers(1, 9), max_size=2),
)
usages = st.none() | st.builds(
    TokenUsage, input_tokens=st.integers(0, 10**9), output_tokens=st.integers(0, 10**9), cached_tokens=st.integers(0, 9)
)
prices = st.none() | st.builds(Price, input=finite, output=finite, cached=st.none() | finite)
calls = st.builds(ToolCall, id=texts, name=texts, arguments=texts)
replies = st.builds(
    ModelReply,
    candidates=st.lists(
        st.builds(Candidate, text=texts, tool_calls=st.lists(calls, max_size=2).map(tuple), logprob=st.none() | finite),
        min_size=1,
        max_size=2,
    ).map(tuple),
    usage=usages,
    model=texts,
)
errors = st.builds(t.ErrorRecord, type=texts, text=texts, role=st.none() | texts, cause=texts)
answers = st.builds(t.Approve) | st.builds(t.Reject, note=texts) | st.builds(t.Edit, message=rich) | texts
pendings = st.builds(
    t.Pending,
    id=ids,
    kind=st.sampled_from(["approval", "action", "question"]),
    role=texts,
    handler=texts,
    text=texts,
    proposed=rich.map(lambda m: (m,)),
)
requests = st.builds(
    ModelRequest,
    call=texts,
    chat=st.lists(st.builds(ChatMessage, st.sampled_from(["system", "user", "assistant", "tool"]), texts), max_size=3).map(tuple),
    context=st.dictionaries(texts, st.none() | numbers | texts | st.lists(texts, max_size=2), max_size=2),
    schema=st.none() | st.dictionaries(texts, texts, max_size=2),
    options=st.builds(
        ModelOptions,
        temperature=st.none() | st.floats(0, 9),
        stop=st.lists(texts, max_size=2).map(tuple),
        max_tokens=st.none() | st.integers(1, 9),
    ),
)
ticks = st.one_of(
    st.builds(t.RunStarted, times, envelopes, numbers, st.none() | texts, st.builds(Budget, tokens=st.none() | st.integers(1, 9))),
    st.builds(t.RunResumed, times, st.booleans(), st.lists(st.builds(t.Answered, times, ids, answers), max_size=2).map(tuple)),
    st.builds(
        t.HandlerEnded,
        times,
        ids,
        st.integers(1, 9),
        st.lists(envelopes, max_size=3).map(tuple),
        st.none() | st.integers(0, 9),
        st.none() | st.dictionaries(keys, texts, max_size=2),
        st.lists(texts, max_size=2).map(tuple),
    ),
    st.builds(t.OutputProposed, times, ids, st.integers(1, 9), rich.map(lambda m: (m,)), st.just(((), ("a", "b"))), st.booleans()),
    st.builds(t.HandlerSuspended, times, ids, pendings),
    st.builds(t.HandlerFailed, times, ids, st.integers(1, 9), errors, st.booleans(), st.none() | times, st.just((("k", 1), ("l", 2)))),
    st.builds(t.WhenDecided, times, ids, st.booleans()),
    st.builds(t.DelayElapsed, times, ids),
    st.builds(
        t.CallRequested, times, ids, st.integers(1, 9), ids, st.integers(0, 9), texts, texts, numbers, numbers, prices, st.none() | requests
    ),
    st.builds(t.CallEnded, times, ids, ids, st.integers(0, 9), texts, replies, times, prices),
    st.builds(t.CallFailed, times, ids, ids, st.integers(0, 9), errors, st.booleans(), texts),
    st.builds(t.ActionStarted, times, ids, ids, st.integers(0, 9), texts, texts, st.booleans()),
    st.builds(t.ActionEnded, times, ids, ids, st.integers(0, 9), texts),
    st.builds(t.ActionFailed, times, ids, ids, st.integers(0, 9), errors),
    st.builds(t.DeadlinePassed, times),
    st.builds(t.CancelRequested, times),
    st.builds(t.RunEnded, times, st.sampled_from(["waiting", "done", "failed", "cancelled"]), st.booleans(), st.none() | errors),
)


@SLOW
@given(rich)
def test_every_message_comes_back_as_it_was(message: Rich) -> None:
    tick = t.OutputProposed(1.0, "i", 1, (message,), ((),), False)
    assert CODEC.decode(*CODEC.encode(tick)) == tick


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(ticks)
def test_every_tick_comes_back_as_it_was(tick: t.Tick) -> None:
    kind, body = CODEC.encode(tick)
    json.loads(body)
    assert CODEC.decode(kind, body) == tick


@pytest.mark.parametrize("value", [float("inf"), float("-inf"), float("nan")])
def test_numbers_that_json_lacks_come_back(value: float) -> None:
    tick = t.OutputProposed(1.0, "i", 1, (Rich(real=value),), ((),), False)
    decoded = CODEC.decode(*CODEC.encode(tick))
    assert isinstance(decoded, t.OutputProposed)
    (message,) = decoded.messages
    assert isinstance(message, Rich)
    assert repr(message.real) == repr(value)


def test_a_message_of_a_type_that_is_none_of_the_teams_is_refused() -> None:
    class Other(Message):
        text: str

    kind, body = TickCodec({"Other": Other}).encode(t.OutputProposed(1.0, "i", 1, (Other(text="x"),), ((),), False))
    with pytest.raises(JournalCorruptError, match="'Other'"):
        CODEC.decode(kind, body)


def test_what_a_record_names_is_never_imported_or_evaluated(tmp_path: Any) -> None:
    marker = tmp_path / "ran"
    for name in ("os.system", "builtins.eval", "__import__('os')", f"pathlib.Path({str(marker)!r}).touch()", "Message", "BaseModel"):
        body = json.dumps(
            {
                "time": 1,
                "invocation": "i",
                "attempt": 1,
                "messages": [{"type": name, "body": {"text": "x"}}],
                "addresses": [[]],
                "is_list": False,
            }
        )
        with pytest.raises(JournalCorruptError):
            CODEC.decode("OutputProposed", body.encode())
    assert not marker.exists()


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(["RunStarted", "HandlerEnded", "CallEnded", "RunEnded", "Answered", "Nothing", "Budget"]), st.data())
def test_whatever_stands_in_a_record_is_decoded_or_refused_with_a_journal_error(kind: str, data: st.DataObject) -> None:
    values = st.recursive(
        st.none() | st.booleans() | numbers | texts,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["time", "goal", "outputs", "message", "type", "body", "id"]), inner, max_size=4)
        ),
        max_leaves=8,
    )
    body = data.draw(st.binary(max_size=30) | values.map(lambda value: json.dumps(value).encode()))
    with suppress(JournalCorruptError):
        CODEC.decode(kind, body)


@settings(deadline=None, max_examples=100)
@given(ticks, st.data())
def test_a_record_that_was_changed_is_decoded_or_refused_with_a_journal_error(tick: t.Tick, data: st.DataObject) -> None:
    kind, body = CODEC.encode(tick)
    at = data.draw(st.integers(0, len(body) - 1))
    changed = body[:at] + bytes([data.draw(st.integers(0, 255))]) + body[at + 1 :]
    with suppress(JournalCorruptError):
        CODEC.decode(kind, changed)


def test_text_that_json_cannot_hold_is_refused_with_the_tick_that_has_it() -> None:
    tick = t.OutputProposed(1.0, "i", 1, (Plain(text="\ud800"),), ((),), False)
    with pytest.raises(UnrecordableError, match="OutputProposed") as caught:
        CODEC.encode(tick)
    assert caught.value.tick is tick


# secrets


@pytest.mark.parametrize("secret", ["sk-0123456789abcdef", 'quo"ted-secret-value', "back\\slash-secret-value", "ümläut-secret-välue"])
def test_secrets_are_masked_wherever_they_stand(secret: str) -> None:
    codec = TickCodec(types_by_tag([Plain]), [secret])
    ticks_with_it: list[t.Tick] = [
        t.OutputProposed(1.0, "i", 1, (Plain(text=f"the key is {secret}."),), ((),), False),
        t.HandlerEnded(1.0, "i", 1, (), None, {"key": to_json(secret).decode()}, (to_json({"text": secret}).decode(),)),
        t.ActionStarted(1.0, "i", "k", 0, "call", to_json({"token": secret}).decode(), False),
    ]
    for tick in ticks_with_it:
        kind, body = codec.encode(tick)
        assert secret not in body.decode()
        assert json.dumps(secret)[1:-1] not in body.decode()
        assert "***" in body.decode()
        codec.decode(kind, body)
    assert codec.mask(f"<{secret}>") == "<***>"


def test_the_secrets_of_this_process_are_the_long_values_of_variables_that_say_so() -> None:
    environ = {"OPENAI_API_KEY": "sk-0123456789abcdef", "HF_TOKEN": "hf-0123456789", "HOME": "/home/somebody-long", "MY_SECRET": "short"}
    assert known_secrets(environ) == ("sk-0123456789abcdef", "hf-0123456789")
