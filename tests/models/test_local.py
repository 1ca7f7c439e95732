"""Local models: batching, sampling, streaming, schemas, tools, cards and faults, on tiny random weights."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
safetensors_torch = pytest.importorskip("safetensors.torch")
pytest.importorskip("llguidance")

from metagpt.errors import ConfigError, ContextOverflowError, ModelUnavailableError  # noqa: E402
from metagpt.models.interface import (  # noqa: E402
    ChatMessage,
    Delta,
    Model,
    ModelOptions,
    ModelReply,
    ModelRequest,
    TokenUsage,
    ToolCall,
    ToolSpec,
)  # fmt: skip
from metagpt.models.local import LocalModel, open_embedded, open_local  # noqa: E402
from metagpt.models.local.card import profile_of, read_card  # noqa: E402
from metagpt.models.local.constrained import allowed_tokens  # noqa: E402
from metagpt.models.local.decoder import Decoder  # noqa: E402
from metagpt.models.local.engine import Engine  # noqa: E402
from metagpt.models.local.job import Answers, Delivery, Draw, Job  # noqa: E402
from metagpt.models.local.kv import RowCache  # noqa: E402
from metagpt.models.local.pool import num_engines  # noqa: E402
from metagpt.models.local.prompts import chat_turns, plain_text  # noqa: E402
from metagpt.models.local.text_stream import TextStream  # noqa: E402
from metagpt.models.local.tool_calls import union_schema  # noqa: E402
from metagpt.models.local.weighing import VOTES  # noqa: E402
from metagpt.models.local.weights import Source, Weights, load_weights  # noqa: E402
from tests.models.tiny_model import PIECE, save_tiny_model  # noqa: E402

torch.set_num_threads(1)  # so small a model gains nothing from more, and waits for them on a busy machine

CPU = {"device": "cpu", "dtype": "float32"}
CARD = """---
prompt_format: compact
calls: [engineer.write_program, engineer.repair]
candidates: 3
temperature: 0.7
---
# A tiny model
"""
SCHEMAS: list[dict[str, Any]] = [
    {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False},
    {"type": "array", "items": {"enum": ["red", "green", "naïve"]}, "maxItems": 4},
    {"type": "integer", "minimum": 0, "maximum": 999},
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "maxLength": 12},
            "steps": {"type": "array", "items": {"$ref": "#/$defs/Step"}, "minItems": 1, "maxItems": 2},
            "note": {"anyOf": [{"type": "string", "maxLength": 5}, {"type": "null"}]},
        },
        "required": ["name", "steps", "note"],
        "additionalProperties": False,
        "$defs": {"Step": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0, "maximum": 9}}, "required": ["n"],
                           "additionalProperties": False}},
    },
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def compact_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("compact"), card=CARD)


@pytest.fixture(scope="module")
def weights(folder: Path) -> Weights:
    return load_weights(Source(str(folder), "cpu", torch.float32))


@pytest.fixture(autouse=True)
def every_engine_is_freed() -> Iterator[None]:
    yield
    assert num_engines() == 0


def ask_for(text: str, **options: Any) -> ModelRequest:
    options.setdefault("max_tokens", 24)
    return ModelRequest(call="engineer.chat", chat=(ChatMessage("user", text),), options=ModelOptions(**options))


async def answer(model: LocalModel, request: ModelRequest) -> ModelReply:
    items = [item async for item in model.stream(request)]
    assert isinstance(items[-1], ModelReply)
    assert all(isinstance(item, Delta) for item in items[:-1])
    return items[-1]


def opened(folder: Path, **settings: object) -> LocalModel:
    return open_local(str(folder), {**CPU, **settings})


def use(model: LocalModel, *requests: ModelRequest) -> list[ModelReply]:
    """Ask all at once on a loop of its own, then close."""

    async def ask_all() -> list[ModelReply]:
        try:
            return await asyncio.gather(*(answer(model, request) for request in requests))
        finally:
            await model.close()

    return asyncio.run(ask_all())


PROMPTS = ["a", "sum the numbers of a list " * 3, "0123", "write a program", "東京 " * 9, "true", "naïve café " * 20, "User: go on"]


def test_requests_that_join_at_different_times_answer_as_if_they_were_alone(folder: Path) -> None:
    requests = [ask_for(prompt, temperature=0, max_tokens=10 + 7 * number) for number, prompt in enumerate(PROMPTS)]
    alone = [use(opened(folder), request)[0] for request in requests]

    async def staggered() -> list[ModelReply]:
        model = opened(folder)
        started: list[asyncio.Task[ModelReply]] = []
        later = iter(requests[1:])

        async def first() -> ModelReply:
            """Each piece of the first answer lets one more request join."""
            async for item in model.stream(requests[0]):
                if isinstance(item, ModelReply):
                    return item
                if (request := next(later, None)) is not None:
                    started.append(asyncio.create_task(answer(model, request)))
                    await asyncio.sleep(0)
            raise AssertionError

        try:
            replies = [await first()]
            started.extend(asyncio.create_task(answer(model, request)) for request in later)
            return replies + [await task for task in started]
        finally:
            await model.close()

    together = asyncio.run(staggered())
    assert [reply.text for reply in together] == [reply.text for reply in alone]
    assert [reply.usage for reply in together] == [reply.usage for reply in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.candidates[0].logprob == pytest.approx(other.candidates[0].logprob, rel=1e-4)


class Asked:
    """A job driven by hand, without a thread."""

    def __init__(self, decoder: Decoder, prompt: list[int], *, max_batch: int = 64, **draw: Any) -> None:
        settings: dict[str, Any] = {"num_candidates": 1, "max_tokens": 20, "temperature": 0.0, "top_p": 1.0, "seed": 1} | draw
        self.got: list[Delivery] = []
        self.job = Job(prepare=lambda _: pytest.fail("not used"), deliver=self.got.append, max_batch=max_batch)
        decoder.add(self.job, Draw(prompt=prompt, **settings))

    @property
    def answers(self) -> Answers:
        assert isinstance(self.got[-1], Answers), self.got
        return self.got[-1]

    @property
    def texts(self) -> list[str]:
        return [candidate.text for candidate in self.answers.candidates]


def drain(decoder: Decoder) -> None:
    with torch.inference_mode():
        while decoder.is_busy:
            decoder.step()


@pytest.mark.parametrize("sliding_window", [None, 8])
def test_greedy_answers_equal_those_of_transformers_generate(tmp_path: Path, sliding_window: int | None) -> None:
    source = save_tiny_model(tmp_path, seed=3, sliding_window=sliding_window)
    loaded = load_weights(Source(str(source), "cpu", torch.float32))
    prompts = [loaded.tokenizer(text)["input_ids"] for text in PROMPTS]
    decoder = Decoder(loaded)
    asked = [Asked(decoder, prompt) for prompt in prompts[:3]]
    with torch.inference_mode():
        for prompt in prompts[3:]:
            decoder.step()
            asked.append(Asked(decoder, prompt))
    drain(decoder)
    reference = transformers.AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32).eval()
    for prompt, one in zip(prompts, asked, strict=True):
        tokens = reference.generate(torch.tensor([prompt]), max_new_tokens=20, do_sample=False)[0, len(prompt) :]
        assert one.texts == [loaded.tokenizer.decode(tokens, skip_special_tokens=True)]


def test_a_seed_gives_the_same_candidates_whoever_else_is_in_the_batch(folder: Path) -> None:
    request = ask_for("write a program", temperature=0.9, top_p=0.95, seed=11, n=4)
    others = [ask_for(prompt, temperature=1.0, seed=number, n=2) for number, prompt in enumerate(PROMPTS)]
    [alone] = use(opened(folder), request)
    crowd = use(opened(folder), *others[:4], request, *others[4:])
    assert [candidate.text for candidate in crowd[4].candidates] == [candidate.text for candidate in alone.candidates]
    assert len({candidate.text for candidate in alone.candidates}) == 4
    [other_seed] = use(opened(folder), ask_for("write a program", temperature=0.9, top_p=0.95, seed=12, n=4))
    assert other_seed.text != alone.text


def test_the_first_candidates_of_many_are_those_of_few(weights: Weights) -> None:
    decoder = Decoder(weights)
    few = Asked(decoder, [5, 6, 7], num_candidates=2, temperature=1.0)
    many = Asked(decoder, [5, 6, 7], num_candidates=6, temperature=1.0)
    drain(decoder)
    assert many.texts[:2] == few.texts


def test_a_request_of_more_candidates_than_the_batch_holds_gets_them_all(weights: Weights) -> None:
    decoder = Decoder(weights)
    small = Asked(decoder, [5, 6, 7], num_candidates=7, temperature=1.0, max_batch=3)
    with torch.inference_mode():
        decoder.step()
    assert decoder.num_live == 3
    drain(decoder)
    whole = Asked(decoder, [5, 6, 7], num_candidates=7, temperature=1.0)
    drain(decoder)
    assert small.texts == whole.texts
    assert small.answers.usage.output_tokens == whole.answers.usage.output_tokens
    assert small.answers.usage.input_tokens == 3


def test_a_narrow_nucleus_draws_the_likeliest_token(weights: Weights) -> None:
    decoder = Decoder(weights)
    greedy = Asked(decoder, [9, 8, 7])
    nucleus = Asked(decoder, [9, 8, 7], temperature=1.0, top_p=1e-6)
    wide = Asked(decoder, [9, 8, 7], temperature=1.0)
    drain(decoder)
    assert nucleus.texts == greedy.texts != wide.texts


def test_drawn_tokens_are_as_frequent_as_the_model_says(weights: Weights) -> None:
    decoder = Decoder(weights)
    asked = Asked(decoder, [9, 8, 7], num_candidates=2000, max_tokens=1, temperature=0.7, max_batch=2000)
    drain(decoder)
    with torch.inference_mode():
        likely = torch.softmax(weights.step(torch.tensor([[9, 8, 7]]), RowCache.empty(weights.device))[0] / 0.7, dim=-1)
    by_text: dict[str, float] = {}
    for token, probability in enumerate(likely.tolist()):
        by_text[weights.decode([token])] = by_text.get(weights.decode([token]), 0.0) + probability
    top = max(by_text, key=by_text.__getitem__)
    assert 0.02 < by_text[top] < 0.9
    share = sum(text == top for text in asked.texts) / 2000
    assert share == pytest.approx(by_text[top], abs=4 * (by_text[top] / 2000) ** 0.5)


def test_the_logprob_is_the_sum_over_the_tokens_of_the_answer(weights: Weights) -> None:
    prompt = [20, 30, 40]
    decoder = Decoder(weights)
    asked = Asked(decoder, prompt, max_tokens=6)
    drain(decoder)
    model = weights._model
    with torch.inference_mode():
        tokens = model.generate(torch.tensor([prompt]), max_new_tokens=6, do_sample=False)
        logprobs = torch.log_softmax(model(tokens).logits[0, 2:-1], dim=-1)
        expected = logprobs.gather(1, tokens[0, 3:, None]).sum().item()
    assert asked.answers.candidates[0].logprob == pytest.approx(expected, rel=1e-4)


def test_answers_are_as_likely_beside_others_as_alone(weights: Weights) -> None:
    pairs = [([5, 6, 7], [8, 9]), ([5, 6, 7], [8, 4, 3, 2]), ([5, 6], [7]), ([5, 6, 7, 1, 1], [8])]
    alone = [weights.log_likelihoods([pair])[0] for pair in pairs]
    assert weights.log_likelihoods(pairs) == pytest.approx(alone, abs=1e-3)
    assert weights.log_likelihoods(pairs[:2]) == pytest.approx(alone[:2], abs=1e-3)
    assert weights.log_likelihoods([*pairs, ([1], [2, 3])])[:4] == pytest.approx(alone, abs=1e-3)
    assert weights.log_likelihoods([]) == []


def test_a_cancelled_job_frees_its_rows_at_the_next_step(weights: Weights) -> None:
    decoder = Decoder(weights)
    cancelled = Asked(decoder, [5, 6, 7], num_candidates=4, max_tokens=1000)
    waiting = Asked(decoder, [5, 6, 7], max_tokens=3, max_batch=4)
    with torch.inference_mode():
        decoder.step()
        assert decoder.num_live == 4
        cancelled.job.is_over = True
        decoder.step()
    assert decoder.num_live == 1
    drain(decoder)
    assert waiting.answers.candidates[0].finish == "length"
    assert not any(isinstance(item, Answers) for item in cancelled.got)


def test_a_closed_iterator_takes_its_request_out_of_the_batch(folder: Path) -> None:
    async def close_early() -> tuple[str, ModelReply]:
        model = opened(folder)
        long = model.stream(ask_for("a", temperature=1.0, seed=1, max_tokens=2000))
        piece = await anext(aiter(long))
        assert isinstance(piece, Delta)
        await long.aclose()  # type: ignore[attr-defined]
        reply = await answer(model, ask_for("b", temperature=0, max_tokens=5))
        assert model._engine is not None
        assert model._engine.engine.num_live == 0
        await model.close()
        return piece.text, reply

    piece, reply = asyncio.run(close_early())
    assert piece
    assert reply.usage is not None
    assert reply.usage.output_tokens == 5


def test_deltas_concatenate_to_the_first_candidates_text(folder: Path) -> None:
    async def collect(seed: int) -> None:
        model = opened(folder)
        for prompt in ("東京 🙂", "naïve"):
            items = [item async for item in model.stream(ask_for(prompt, temperature=1.2, seed=seed, n=2, max_tokens=60))]
            reply = items.pop()
            assert isinstance(reply, ModelReply)
            assert "".join(item.text for item in items if isinstance(item, Delta)) == reply.text
            assert len(items) > 5
        await model.close()

    asyncio.run(collect(seed=4))


def test_characters_of_several_bytes_are_handed_out_whole() -> None:
    stream = TextStream(lambda tokens: bytes(tokens).decode(errors="replace"))
    pieces = [stream.push(byte) for byte in "é東🙂x".encode()]
    assert [piece for piece in pieces if piece] == ["é", "東", "🙂", "x"]
    assert stream.close() == ""
    cut = TextStream(lambda tokens: bytes(tokens).decode(errors="replace"))
    assert [cut.push(byte) for byte in "a🙂".encode()[:-1]] == ["a", "", "", ""]
    assert cut.close() == "\N{REPLACEMENT CHARACTER}"


def test_a_stop_string_ends_the_text_before_it_and_is_never_shown(folder: Path) -> None:
    [free] = use(opened(folder), ask_for("write", temperature=0, max_tokens=40))
    stop = free.text[10:14]
    before = free.text[: free.text.index(stop)]

    async def stopped() -> tuple[str, ModelReply]:
        model = opened(folder)
        items = [item async for item in model.stream(ask_for("write", temperature=0, max_tokens=40, stop=(stop, "never said")))]
        await model.close()
        reply = items[-1]
        assert isinstance(reply, ModelReply)
        return "".join(item.text for item in items if isinstance(item, Delta)), reply

    shown, reply = asyncio.run(stopped())
    assert shown == reply.text == before
    assert reply.candidates[0].finish == "stop"
    assert free.candidates[0].finish == "length"


def test_what_may_begin_a_stop_string_is_held_back_until_it_does_not() -> None:
    stream = TextStream(lambda tokens: bytes(tokens).decode(errors="replace"), stop=("\n\nUser:",))
    shown = [stream.push(byte) for byte in b"a\n\nUs\nb"]
    assert "".join(shown) == "a\n\nUs\nb"
    assert shown[1:5] == ["", "", "", ""]
    held = TextStream(lambda tokens: bytes(tokens).decode(errors="replace"), stop=("END",))
    assert [held.push(byte) for byte in b"xEN"] == ["x", "", ""]
    assert (held.close(), held.text) == ("EN", "xEN")


@pytest.mark.parametrize("schema", SCHEMAS, ids=["boolean", "array", "integer", "nested"])
def test_twenty_of_twenty_answers_of_a_random_model_parse_under_the_schema(folder: Path, schema: dict[str, Any]) -> None:
    options = ModelOptions(temperature=1.0, seed=5, n=20, max_tokens=400)
    request = ModelRequest(call="a.b", chat=(ChatMessage("user", "answer"),), schema=schema, options=options)
    [reply] = use(opened(folder), request)
    assert len(reply.candidates) == 20
    assert {candidate.finish for candidate in reply.candidates} == {"stop"}
    for candidate in reply.candidates:
        check(json.loads(candidate.text), schema, schema.get("$defs", {}))


def check(value: Any, schema: dict[str, Any], definitions: dict[str, Any]) -> None:
    """What these tests' schemas use of JSON schema, checked by hand."""
    if "$ref" in schema:
        check(value, definitions[schema["$ref"].rsplit("/", 1)[1]], definitions)
    elif "enum" in schema:
        assert value in schema["enum"]
    elif "anyOf" in schema:
        assert value is None or isinstance(value, str)
    elif schema["type"] == "object":
        assert set(value) == set(schema["required"])
        for name, part in schema["properties"].items():
            check(value[name], part, definitions)
    elif schema["type"] == "array":
        assert schema.get("minItems", 0) <= len(value) <= schema["maxItems"]
        for item in value:
            check(item, schema["items"], definitions)
    elif schema["type"] == "integer":
        assert schema["minimum"] <= value <= schema["maximum"]
    else:
        assert isinstance(value, {"string": str, "boolean": bool}[schema["type"]])
        assert len(str(value)) <= schema.get("maxLength", 99)


def test_an_answer_cut_under_a_schema_says_so(folder: Path) -> None:
    request = ModelRequest(
        call="a.b", chat=(ChatMessage("user", "x"),), schema=SCHEMAS[3], options=ModelOptions(max_tokens=6, temperature=0)
    )
    [reply] = use(opened(folder), request)
    assert reply.candidates[0].finish == "length"
    assert reply.text.startswith('{"name": "')


def test_a_keyword_that_cannot_be_kept_while_decoding_is_left_to_validation(folder: Path) -> None:
    schema = {"type": "array", "items": {"type": "boolean"}, "minItems": 2, "maxItems": 2, "uniqueItems": True}
    options = ModelOptions(temperature=1.0, n=4, seed=1)
    [reply] = use(opened(folder), ModelRequest(call="a.b", chat=(ChatMessage("user", "x"),), schema=schema, options=options))
    assert all(len(json.loads(candidate.text)) == 2 for candidate in reply.candidates)


def test_only_a_model_trained_on_such_answers_may_split_forced_text_in_its_own_way(weights: Weights) -> None:
    properties = {"in_scope": {"type": "boolean"}, "summary": {"type": "string"}}
    schema = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    [piece] = weights.tokenizer(PIECE)["input_ids"]
    [usual, own] = [
        allowed_tokens([weights.grammars.matcher(schema, any_split=any_split)], weights.num_logits)[0] for any_split in (False, True)
    ]
    assert usual.sum() == 1
    assert not usual[piece]
    assert own[piece]


def test_free_and_constrained_rows_share_a_batch(folder: Path) -> None:
    free = ask_for("write a program", temperature=0, max_tokens=30)
    bound = ModelRequest(
        call="a.b", chat=(ChatMessage("user", "answer"),), schema=SCHEMAS[1], options=ModelOptions(temperature=0, max_tokens=60)
    )
    alone = [use(opened(folder), request)[0].text for request in (free, bound)]
    together = [reply.text for reply in use(opened(folder), free, bound, free)]
    assert together == [*alone, alone[0]]


TOOLS = (
    ToolSpec(name="add", description="Add two digits.", parameters={
        "type": "object", "properties": {"a": {"$ref": "#/$defs/Digit"}, "b": {"$ref": "#/$defs/Digit"}}, "required": ["a", "b"],
        "additionalProperties": False, "$defs": {"Digit": {"type": "integer", "minimum": 0, "maximum": 9}}}),
    ToolSpec(name="now", description="The time.", parameters={"type": "object", "properties": {}, "additionalProperties": False}),
)  # fmt: skip


def test_a_request_with_tools_gets_tool_calls_or_an_answer(folder: Path) -> None:
    schema = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"], "additionalProperties": False}
    options = ModelOptions(temperature=1.5, seed=3, n=30, max_tokens=200)
    request = ModelRequest(call="a.b", chat=(ChatMessage("user", "add"),), tools=TOOLS, schema=schema, options=options)
    [reply] = use(opened(folder), request)
    called = [call for candidate in reply.candidates for call in candidate.tool_calls]
    answered = [candidate for candidate in reply.candidates if candidate.finish == "stop"]
    assert {call.name for call in called} == {"add", "now"}
    assert answered
    assert len({call.id for call in called}) == len(called)
    for call in called:
        arguments = json.loads(call.arguments)
        assert set(arguments) == ({"a", "b"} if call.name == "add" else set())
    for candidate in answered:
        assert isinstance(json.loads(candidate.text)["ok"], bool)


def test_definitions_of_several_tools_do_not_meet() -> None:
    one = {"type": "object", "properties": {"x": {"$ref": "#/$defs/T"}}, "$defs": {"T": {"type": "string"}}}
    other = {"type": "object", "properties": {"$ref": {"$ref": "#/$defs/T"}}, "$defs": {"T": {"type": "integer"}}}
    union = union_schema([ToolSpec(name="p", description="", parameters=one), ToolSpec(name="q", description="", parameters=other)], None)
    assert sorted(definition["type"] for definition in union["$defs"].values()) == ["integer", "string"]
    first, second, _ = (choice["properties"].get("arguments") for choice in union["anyOf"])
    assert union["$defs"][first["properties"]["x"]["$ref"].removeprefix("#/$defs/")] == {"type": "string"}
    assert union["$defs"][second["properties"]["$ref"]["$ref"].removeprefix("#/$defs/")] == {"type": "integer"}


def test_tools_and_their_results_are_told_in_the_chat() -> None:
    call = ToolCall(id="1", name="add", arguments='{"a": 1, "b": 2}')
    chat = (
        ChatMessage("system", "You add."),
        ChatMessage("user", "1 and 2?"),
        ChatMessage("assistant", "", tool_calls=(call,)),
        ChatMessage("tool", "3", tool_call_id="1"),
    )
    turns = chat_turns(ModelRequest(call="a.b", chat=chat, tools=TOOLS))
    assert [turn["role"] for turn in turns] == ["system", "user", "assistant", "user"]
    assert "- add: Add two digits." in turns[0]["content"]
    assert turns[2]["content"] == '{"tool": "add", "arguments": {"a": 1, "b": 2}}'
    assert turns[3]["content"] == "Result of add:\n3"
    assert plain_text(turns[1:2]) == "User: 1 and 2?\n\nAssistant:"


def test_a_chat_template_that_knows_no_system_turn_gets_it_in_the_users(tmp_path: Path) -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
        "[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]"
    )
    folder = save_tiny_model(tmp_path, chat_template=template)
    with_system = (ChatMessage("system", "You add."), ChatMessage("user", "1?"))
    merged = (ChatMessage("user", "You add.\n\n1?"),)
    replies = use(
        opened(folder), *(ModelRequest(call="a.b", chat=chat, options=ModelOptions(max_tokens=9)) for chat in (with_system, merged))
    )
    assert replies[0].text == replies[1].text
    lengths = [reply.usage.input_tokens for reply in replies if reply.usage]
    assert lengths[0] == lengths[1]


def test_a_compact_model_reads_call_and_context_alone(compact_folder: Path) -> None:
    options = ModelOptions(seed=1, max_tokens=12)
    context = {"goal": "sum a list"}
    terse = ModelRequest(call="engineer.repair", chat=(), context=context, options=options)
    wordy = ModelRequest(call="engineer.repair", chat=(ChatMessage("system", "You are …"),), context=context, tools=TOOLS, options=options)
    model = opened(compact_folder)
    assert model.profile.prompt_format == "compact"
    assert model.profile.defaults == ModelOptions(temperature=0.7, n=3)
    one, other = use(model, terse, wordy)
    assert len(one.candidates) == 3
    assert [candidate.text for candidate in one.candidates] == [candidate.text for candidate in other.candidates]
    tokenizer = transformers.AutoTokenizer.from_pretrained(compact_folder)
    prompt = '<|call|>engineer.repair<|context|>{"goal": "sum a list"}<|answer|>'
    assert one.usage is not None
    assert one.usage.input_tokens == len(tokenizer(prompt)["input_ids"])


def test_a_compact_model_asked_for_another_call_says_what_it_was_trained_for(compact_folder: Path) -> None:
    with pytest.raises(
        ModelUnavailableError, match=r"'critic.review'; it was trained for 'engineer.write_program', 'engineer.repair'.*openai:NAME"
    ):
        use(opened(compact_folder), ModelRequest(call="critic.review", chat=()))


def test_models_of_one_folder_share_one_copy_of_the_weights(folder: Path) -> None:
    async def share() -> None:
        models = [opened(folder), opened(folder, max_batch=2), opened(folder)]
        await asyncio.gather(*(answer(model, ask_for("a")) for model in models))
        assert num_engines() == 1
        assert len({id(model._engine.engine) for model in models if model._engine}) == 1
        other = opened(folder, dtype="bfloat16")
        await answer(other, ask_for("a"))
        assert num_engines() == 2
        await other.close()
        await models[0].close()
        await models[1].close()
        assert num_engines() == 1
        await answer(models[2], ask_for("a"))
        await models[2].close()
        assert num_engines() == 0
        again = await answer(models[2], ask_for("a"))
        assert again.text
        await models[2].close()
        await models[2].close()

    asyncio.run(share())


def test_the_engine_lends_its_weights_between_two_steps_and_answers_for_what_fails(folder: Path) -> None:
    engine = Engine(Source(str(folder), "cpu", torch.float32))
    here = threading.get_ident()
    assert engine.ask(lambda weights: (type(weights), threading.get_ident() != here)).result(60) == (Weights, True)

    def fail(_: Weights) -> None:
        raise ValueError("no such luck")

    with pytest.raises(ModelUnavailableError, match="no such luck"):
        engine.ask(fail).result(60)
    assert engine.ask(lambda _: 7).result(60) == 7
    is_busy, go_on = threading.Event(), threading.Event()
    busy = engine.ask(lambda _: (is_busy.set(), go_on.wait(60)))
    is_busy.wait(60)
    waiting = engine.ask(lambda _: 8)
    assert waiting.cancel()
    go_on.set()
    assert busy.result(60)
    assert engine.ask(lambda _: 9).result(60) == 9, "what nobody waits for is left out, and the thread goes on"
    engine.stop()
    with pytest.raises(ModelUnavailableError, match="closed while"):
        engine.ask(lambda _: 7).result(60)


def test_weights_that_cannot_be_loaded_fail_what_was_asked_of_them(tmp_path: Path) -> None:
    engine = Engine(Source(str(tmp_path), "cpu", torch.float32))
    with pytest.raises(ModelUnavailableError):
        engine.ask(lambda _: 7).result(60)
    engine.stop()


def test_two_event_loops_use_one_model_at_once(folder: Path) -> None:
    [alone] = use(opened(folder), ask_for("a", temperature=0, max_tokens=60))
    model = opened(folder)
    texts: list[str] = []
    together = threading.Barrier(2)

    def other_loop() -> None:
        together.wait()
        texts.extend(asyncio.run(answer(model, ask_for("a", temperature=0, max_tokens=60))).text for _ in range(3))

    threads = [threading.Thread(target=other_loop) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(model.close())
    assert texts == [alone.text] * 6


def test_a_request_under_way_fails_when_the_model_is_closed(folder: Path) -> None:
    async def close_under_it() -> None:
        model = opened(folder)
        long = aiter(model.stream(ask_for("a", max_tokens=2000, temperature=1.0, seed=1)))
        await anext(long)
        await model.close()
        with pytest.raises(ModelUnavailableError, match="closed while it was answering"):
            async for _ in long:
                pass

    asyncio.run(close_under_it())


def test_a_prompt_that_fills_the_window_is_refused_before_anything_is_decoded(folder: Path) -> None:
    with pytest.raises(ContextOverflowError, match=r"window holds 16 for prompt and answer"):
        use(opened(folder, context_tokens=16), ask_for("sum the numbers of a list " * 5))
    [cut] = use(opened(folder, context_tokens=40), ask_for("a", max_tokens=500, temperature=0))
    assert cut.usage is not None
    assert cut.usage.input_tokens + cut.usage.output_tokens <= 40


def test_one_bad_request_does_not_disturb_its_neighbours(folder: Path) -> None:
    bad = ModelRequest(call="a.b", chat=(ChatMessage("user", "x"),), schema={"type": "nothing known"})

    async def both() -> tuple[Any, ...]:
        model = opened(folder)
        outcomes = await asyncio.gather(
            answer(model, ask_for("a")), answer(model, bad), answer(model, ask_for("b")), return_exceptions=True
        )
        await model.close()
        return tuple(outcomes)

    first, refused, third = asyncio.run(both())
    assert isinstance(first, ModelReply)
    assert isinstance(third, ModelReply)
    assert isinstance(refused, ModelUnavailableError)
    assert "cannot decode under the schema" in str(refused)


def test_a_folder_without_weights_is_refused_when_it_is_opened(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="no folder"):
        open_local(str(tmp_path / "nowhere"), {})
    with pytest.raises(ModelUnavailableError, match=r"no config\.json"):
        open_local(str(tmp_path), {})
    (tmp_path / "config.json").write_bytes((folder / "config.json").read_bytes())
    with pytest.raises(ModelUnavailableError, match=r"no weights in .*expected \*\.safetensors"):
        open_local(str(tmp_path), {})
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelUnavailableError, match=r"'pytorch_model\.bin', a pickle.*save_pretrained"):
        open_local(str(tmp_path), {})


def test_weights_that_lack_tensors_or_cannot_be_read_are_refused(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path)
    file = folder / "model.safetensors"
    tensors = safetensors_torch.load_file(file)
    safetensors_torch.save_file(
        {name: tensor for name, tensor in tensors.items() if "lm_head" not in name}, file, metadata={"format": "pt"}
    )
    with pytest.raises(ModelUnavailableError, match=r"lack 1 tensor.*lm_head"):
        use(opened(folder), ask_for("a"))
    file.write_bytes(b"no weights")
    with pytest.raises(ModelUnavailableError, match="safetensors"):
        use(opened(folder), ask_for("a"))


def test_an_architecture_that_generates_no_text_is_refused(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"model_type": "unheard_of"}))
    with pytest.raises(ModelUnavailableError, match="no causal language model"):
        use(opened(folder), ask_for("a"))


def test_a_recurrent_model_is_refused_and_not_decoded_wrongly(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path)
    config = transformers.MambaConfig(vocab_size=400, hidden_size=16, num_hidden_layers=1, state_size=4)
    transformers.MambaForCausalLM(config).save_pretrained(folder)
    with pytest.raises(ModelUnavailableError, match="cannot be decoded in batches"):
        use(opened(folder), ask_for("a"))


def test_a_hub_id_that_cannot_be_reached_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    model = open_local("nobody/no-such-model", CPU)
    assert model.profile.reference == "local:nobody/no-such-model"
    with pytest.raises(ModelUnavailableError, match=r"hub cannot be reached.*Go online once, or give the path of a folder"):
        use(model, ask_for("a"))


def test_bad_settings_are_refused_by_name(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown setting 'devise'. Did you mean 'device'"):
        open_local(str(folder), {"devise": "cpu"})
    with pytest.raises(ConfigError, match="max_batch = 0"):
        open_local(str(folder), {"max_batch": 0})
    with pytest.raises(ConfigError, match="dtype = 'float8'"):
        open_local(str(folder), {"dtype": "float8"})
    with pytest.raises(ConfigError, match="device 'tpu-of-mine'"):
        use(open_local(str(folder), {"device": "tpu-of-mine"}), ask_for("a"))
    with pytest.raises(ConfigError, match="expected `embedded` alone"):
        open_embedded("2", {})


def test_a_card_is_read_without_torch_and_said_wrong_when_it_is(tmp_path: Path, folder: Path) -> None:
    card = read_card(folder)
    assert (card.prompt_format, card.calls, card.context_tokens) == ("chat", (), 2048)
    profile = profile_of("local:x", card, context_tokens=512)
    assert (profile.context_tokens, profile.max_output_tokens) == (512, 512)
    assert profile.price is not None
    assert profile.price.input == profile.price.output == 0
    (tmp_path / "generation_config.json").write_text('{"do_sample": true, "temperature": 0.6, "top_p": 0.9}')
    assert read_card(tmp_path).defaults == ModelOptions(temperature=0.6, top_p=0.9)
    for front_matter, found in [
        ("prompt_format: prose", "'prose'"),
        ("prompt_format: compact", "without calls"),
        ("calls: engineer.repair", "expected call names"),
        ("candidates: many", "'many'"),
        ("temperature: [", "no YAML"),
    ]:
        (tmp_path / "README.md").write_text(f"---\n{front_matter}\n---\n")
        with pytest.raises(ConfigError, match=found):
            read_card(tmp_path)


def test_opening_a_model_loads_neither_torch_nor_transformers(compact_folder: Path) -> None:
    program = (
        "import sys; from metagpt.models.local import open_local; "
        f"model = open_local({str(compact_folder)!r}, {{}}); "
        "assert model.profile.calls == ('engineer.write_program', 'engineer.repair'); "
        "print(sorted({'torch', 'transformers', 'llguidance', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_the_extra_the_install_line_is_named(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr("metagpt.models.local.extras._MODULES", ("torch", "no_such_module_here"))
    with pytest.raises(ConfigError, match=r'not installed: no_such_module_here.*pip install "metagpt\[local\]"'):
        open_local(str(folder), {})


EMBEDDED = Path(__file__).parents[2] / "metagpt" / "models" / "embedded_weights"


@pytest.mark.skipif(not EMBEDDED.is_dir(), reason="the shipped weights are not in this checkout")
def test_the_embedded_model_answers_a_call_it_was_trained_for() -> None:
    model = open_embedded("", {"device": "cpu"})
    assert model.profile.prompt_format == "compact"
    [call] = [name for name in model.profile.calls if name == "product_manager.specify"]
    request = ModelRequest(call=call, chat=(), context={"goal": "Sum the numbers of a list."}, options=ModelOptions(seed=1, max_tokens=200))
    [reply] = use(model, request)
    drawn = [candidate for candidate in reply.candidates if candidate.logprob is not None]
    assert len(drawn) == model.profile.defaults.n
    assert len(reply.candidates) > len(drawn), "drafts stand behind what was drawn"
    assert sum(candidate.votes for candidate in reply.candidates) == VOTES
    assert sum(candidate.votes for candidate in reply.candidates if '"summary": "add up the numbers"' in candidate.text) > VOTES / 2
    assert any(candidate.finish == "stop" for candidate in reply.candidates)


@pytest.mark.skipif(not EMBEDDED.is_dir(), reason="the shipped weights are not in this checkout")
def test_beside_drawn_programs_stands_the_one_that_the_table_composes() -> None:
    context = {"signature": "total(numbers: list[int]) -> int", "summary": "keep the even numbers; add up the numbers"}
    request = ModelRequest(call="engineer.write_program", chat=(), context=context, options=ModelOptions(n=3, seed=1))
    [reply] = use(open_embedded("", {"device": "cpu"}), request)
    *drawn, composed = reply.candidates
    assert [candidate.votes for candidate in reply.candidates] == [1, 1, 1, 9]
    assert composed.text.startswith("def total(numbers: list[int]) -> int:\n")
    [alone] = use(open_embedded("", {"device": "cpu"}), replace(request, options=ModelOptions(n=1)))
    assert len(alone.candidates) == 1, "the likeliest is the model's own"


VARY = ModelRequest(
    call="engineer.vary",
    chat=(),
    context={
        "goal": "the hashtags of a post without the # sign, 'hi #fun' gives ['fun']",
        "readings": [{"summary": "list the hashtags", "signature": "hashtags(text: str) -> list[str]"}],
        "examples": [["hi #fun", ["fun"]]],
    },
)


@pytest.mark.skipif(not EMBEDDED.is_dir(), reason="the shipped weights are not in this checkout")
def test_other_readings_come_from_the_table_in_the_order_of_their_likelihood() -> None:
    [reply] = use(open_embedded("", {"device": "cpu"}), VARY)
    found = [each["summary"] for each in json.loads(reply.text)["variations"]]
    assert len(found) == len(set(found)) <= 60
    assert found.index("list the hashtags; drop the first letter of each word") < found.index(
        "list the hashtags; keep the words longer than 2 letters"
    )
    assert reply.usage == TokenUsage(input_tokens=0, output_tokens=0)
    none = replace(VARY, context={**VARY.context, "examples": [[None, None]]})
    [reply] = use(open_embedded("", {"device": "cpu"}), none)
    assert json.loads(reply.text) == {"variations": []}


@pytest.mark.skipif(not EMBEDDED.is_dir(), reason="the shipped weights are not in this checkout")
@pytest.mark.parametrize("missing", ["goal", "readings", "examples"])
def test_other_readings_need_goal_readings_and_examples(missing: str) -> None:
    context = {name: value for name, value in VARY.context.items() if name != missing}
    with pytest.raises(ModelUnavailableError, match=f"asked for 'engineer.vary' without '{missing}' in its context"):
        use(open_embedded("", {"device": "cpu"}), replace(VARY, context=context))


def test_an_installation_without_the_embedded_weights_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("metagpt.models.local.model.files", lambda _: tmp_path)
    with pytest.raises(ModelUnavailableError, match=r"embedded: no folder .*embedded_weights"):
        open_embedded("", {})


def test_a_local_model_is_a_model(folder: Path) -> None:
    assert isinstance(opened(folder), Model)
