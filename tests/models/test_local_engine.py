"""What all requests of one engine share: prefixes, tokenizers of every kind, eight-bit weights, memory, bars and faults."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
tokenizers = pytest.importorskip("tokenizers")
pytest.importorskip("llguidance")

from metagpt.errors import ConfigError, ModelUnavailableError  # noqa: E402
from metagpt.models.context_fit import ContextFit  # noqa: E402
from metagpt.models.interface import ChatMessage, ModelOptions, ModelReply, ModelRequest  # noqa: E402
from metagpt.models.local import LocalModel, open_local  # noqa: E402
from metagpt.models.local.bars import bars_for  # noqa: E402
from metagpt.models.local.constrained import Grammars, allowed_tokens  # noqa: E402
from metagpt.models.local.decoder import Decoder  # noqa: E402
from metagpt.models.local.faults import while_loading  # noqa: E402
from metagpt.models.local.folder import downloaded_folder  # noqa: E402
from metagpt.models.local.int8 import Int8Linear  # noqa: E402
from metagpt.models.local.pool import num_engines  # noqa: E402
from metagpt.models.local.prefixes import PrefixStore  # noqa: E402
from metagpt.models.local.weights import Source, Weights, load_weights  # noqa: E402
from tests.models.tiny_model import save_tiny_model  # noqa: E402

torch.set_num_threads(1)

CPU = {"device": "cpu", "dtype": "float32"}
PERSONA = "You are an engineer who writes programs that sum the numbers of a list, and says nothing else."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(autouse=True)
def every_engine_is_freed() -> Iterator[None]:
    yield
    assert num_engines() == 0


def ask_for(text: str, *, persona: str = PERSONA, **options: Any) -> ModelRequest:
    options = {"max_tokens": 12, "temperature": 0} | options
    chat = (ChatMessage("system", persona), ChatMessage("user", text))
    return ModelRequest(call="engineer.chat", chat=chat, options=ModelOptions(**options))


async def answer(model: LocalModel, request: ModelRequest) -> ModelReply:
    items = [item async for item in model.stream(request)]
    assert isinstance(items[-1], ModelReply)
    return items[-1]


def use(model: LocalModel, *requests: ModelRequest) -> list[ModelReply]:
    async def ask_all() -> list[ModelReply]:
        try:
            return await asyncio.gather(*(answer(model, request) for request in requests))
        finally:
            await model.close()

    return asyncio.run(ask_all())


def opened(folder: Path, **settings: object) -> LocalModel:
    return open_local(str(folder), {**CPU, **settings})


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Columns of every step of one row that the engines make from now on: a prefill, or a token."""
    columns: list[int] = []
    step = Weights.step

    def counted(self: Weights, tokens: Any, cache: Any) -> Any:
        columns.append(tokens.shape[1])
        return step(self, tokens, cache)

    monkeypatch.setattr(Weights, "step", counted)
    return columns


# prefixes


@pytest.mark.parametrize("sliding_window", [None, 8])
def test_what_prompts_begin_with_is_computed_once_and_changes_no_answer(
    tmp_path: Path, computed: list[int], sliding_window: int | None
) -> None:
    folder = save_tiny_model(tmp_path, sliding_window=sliding_window)
    requests = [ask_for(text) for text in ("one", "two", "a third, longer one", "one")]

    async def in_turn(**settings: object) -> list[ModelReply]:
        model = opened(folder, **settings)
        replies = [await answer(model, request) for request in requests]
        await model.close()
        return replies

    without = asyncio.run(in_turn(prefix_tokens=0))
    computed.clear()
    shared = asyncio.run(in_turn())
    assert [reply.text for reply in shared] == [reply.text for reply in without]
    lengths = [reply.usage.input_tokens for reply in shared if reply.usage]
    reused = [reply.usage.cached_tokens for reply in shared if reply.usage]
    persona_tokens = len(transformers.AutoTokenizer.from_pretrained(folder)(f"System: {PERSONA}")["input_ids"])
    assert reused[0] == 0
    assert all(count >= persona_tokens for count in reused[1:])
    assert reused[3] == lengths[3] - 1
    prefills = [columns for columns in computed[1:] if columns > 1]  # the first step is the probe
    assert prefills == [length - count for length, count in zip(lengths[:3], reused[:3], strict=True)]
    assert [reply.usage.cached_tokens for reply in without if reply.usage] == [0] * 4


def test_each_round_of_a_chat_goes_on_from_the_one_before(folder: Path) -> None:
    async def chat() -> list[int]:
        model = opened(folder)
        turns = [ChatMessage("system", PERSONA), ChatMessage("user", "one")]
        reused = []
        for text in ("two", "three"):
            request = ModelRequest(call="a.b", chat=tuple(turns), options=ModelOptions(max_tokens=8, temperature=0))
            reply = await answer(model, request)
            assert reply.usage is not None
            reused.append(reply.usage.cached_tokens)
            turns += [ChatMessage("assistant", reply.text), ChatMessage("user", text)]
        await model.close()
        return reused

    first, second = asyncio.run(chat())
    assert first == 0
    assert second > 16


def test_earlier_prompts_are_held_as_far_as_the_setting_allows(folder: Path) -> None:
    weights = load_weights(Source(str(folder), "cpu", torch.float32))
    store = PrefixStore()
    from metagpt.models.local.kv import RowCache

    def cache_of(prompt: list[int]) -> RowCache:
        cache = RowCache.empty(weights.device)
        with torch.inference_mode():
            weights.step(torch.tensor([prompt]), cache)
        return cache

    prompts = [[number, *range(50, 70)] for number in range(1, 5)]
    for prompt in prompts:
        store.keep(prompt, "", cache_of(prompt), most_tokens=50)
    assert store.num_tokens == 42
    assert store.begin(prompts[0], "") is None
    found = store.begin([*prompts[3], 9, 9], "")
    assert found is not None
    assert found.length == 21
    longer = [*prompts[3], 9, 9]
    store.keep(longer, "", cache_of(longer), most_tokens=50)
    assert store.num_tokens == 21 + 23
    store.keep(list(range(90)), "", cache_of(list(range(90))), most_tokens=50)
    assert store.num_tokens == 44
    assert store.begin(longer, "another adapter") is None
    assert store.forget()
    assert not store.forget()


def test_a_prompt_for_which_memory_runs_out_is_tried_again_without_the_held_ones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step, failures = Weights.step, iter([False, True])

    def failing(self: Weights, tokens: Any, cache: Any) -> Any:
        if tokens.shape[1] > 5 and next(failures, False):
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return step(self, tokens, cache)

    async def ask_twice() -> ModelReply:
        model = opened(folder)
        await answer(model, ask_for("one"))
        reply = await answer(model, ask_for("another question"))
        await model.close()
        return reply

    load_weights(Source(str(folder), "cpu", torch.float32))
    monkeypatch.setattr(Weights, "step", failing)
    reply = asyncio.run(ask_twice())
    assert reply.usage is not None
    assert reply.usage.cached_tokens == 0


# tokenizers of every kind

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "ok": {"type": "boolean"},
        "name": {"type": "string", "maxLength": 6},
        "size": {"enum": ["small", "big"]},
        "n": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["ok", "name", "size", "n"],
    "additionalProperties": False,
}
TEXTS = ['{"ok": true, "name": "text", "n": [false, null]}', 'abcdefghijklmnopqrstuvwxyz 0123456789 {}[]:,"\\ -+.eE small big'] * 4
SPECIAL = ["<unk>", "</s>"]


def fast(tokenizer: Any) -> Any:
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>")


def metaspace() -> Any:
    made = tokenizers.Tokenizer(tokenizers.models.Unigram())
    made.pre_tokenizer, made.decoder = tokenizers.pre_tokenizers.Metaspace(), tokenizers.decoders.Metaspace()
    trainer = tokenizers.trainers.UnigramTrainer(vocab_size=120, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)
    made.train_from_iterator(TEXTS, trainer)
    return fast(made)


def wordpiece() -> Any:
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="<unk>"))
    made.pre_tokenizer, made.decoder = tokenizers.pre_tokenizers.BertPreTokenizer(), tokenizers.decoders.WordPiece()
    made.train_from_iterator(TEXTS, tokenizers.trainers.WordPieceTrainer(vocab_size=200, special_tokens=SPECIAL, show_progress=False))
    return fast(made)


def characters() -> Any:
    made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    made.decoder = tokenizers.decoders.Fuse()
    made.train_from_iterator(TEXTS, tokenizers.trainers.BpeTrainer(vocab_size=60, special_tokens=SPECIAL, show_progress=False))
    return fast(made)


def byte_fallback() -> Any:
    made = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>", byte_fallback=True))
    normalizers, decoders = tokenizers.normalizers, tokenizers.decoders
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    made.train_from_iterator(TEXTS, tokenizers.trainers.BpeTrainer(vocab_size=120, special_tokens=SPECIAL, show_progress=False))
    return fast(made)


def words() -> Any:
    made = tokenizers.Tokenizer(tokenizers.models.WordLevel(unk_token="<unk>"))
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    made.train_from_iterator(TEXTS, tokenizers.trainers.WordLevelTrainer(special_tokens=SPECIAL, show_progress=False))
    return fast(made)


def in_python() -> Any:
    return transformers.ByT5Tokenizer()


@pytest.mark.parametrize("make", [metaspace, wordpiece, characters, byte_fallback, in_python])
def test_random_answers_parse_under_a_schema_with_any_kind_of_tokenizer(tmp_path: Path, make: Callable[[], Any]) -> None:
    folder = save_tiny_model(tmp_path, tokenizer=make())
    options = ModelOptions(temperature=1.0, seed=3, n=10, max_tokens=300)
    chat = (ChatMessage("user", "answer"),)
    [reply] = use(opened(folder), ModelRequest(call="a.b", chat=chat, schema=SCHEMA, options=options))
    for candidate in reply.candidates:
        assert candidate.finish == "stop"
        said = json.loads(candidate.text)
        assert list(said) == SCHEMA["required"]
        assert isinstance(said["ok"], bool)
        assert said["size"] in ("small", "big")
        assert 0 <= said["n"] <= 99
    assert len({candidate.text for candidate in reply.candidates}) > 5


def test_what_is_streamed_under_a_schema_is_the_answer_with_any_tokenizer(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path, tokenizer=wordpiece())

    async def stream() -> tuple[str, str]:
        model = opened(folder)
        request = ModelRequest(call="a.b", chat=(ChatMessage("user", "x"),), schema=SCHEMA, options=ModelOptions(max_tokens=300))
        items = [item async for item in model.stream(request)]
        await model.close()
        reply = items.pop()
        assert isinstance(reply, ModelReply)
        return "".join(item.text for item in items if not isinstance(item, ModelReply)), reply.text

    streamed, whole = asyncio.run(stream())
    assert streamed == whole
    json.loads(whole)


def test_a_tokenizer_that_cannot_write_an_answer_is_refused_by_what_it_lacks() -> None:
    for tokenizer, schema, lacks in ((words(), SCHEMA, "{"), (characters(), {"type": "object", "properties": {"größe": {}}}, "ß")):
        grammars = Grammars("local:x", tokenizer, num_logits=len(tokenizer), end_tokens=[tokenizer.eos_token_id])
        with pytest.raises(ModelUnavailableError, match=rf"no tokens for '[^']*\{lacks}.*ask for `str`, or use another model"):
            grammars.matcher(schema)


def test_tokens_beyond_the_tokenizers_own_are_never_allowed() -> None:
    tokenizer = characters()
    grammars = Grammars("local:x", tokenizer, num_logits=len(tokenizer) + 9, end_tokens=[tokenizer.eos_token_id])
    allowed = allowed_tokens([grammars.matcher({"type": "string"})], len(tokenizer) + 9)[0]
    tokens = allowed.nonzero()[:, 0].tolist()
    assert max(tokens) < len(tokenizer)
    assert all(piece.startswith('"') for piece in tokenizer.convert_ids_to_tokens(tokens))


# eight bits


def test_int8_weights_take_a_quarter_of_the_memory_and_say_nearly_the_same(folder: Path) -> None:
    full = load_weights(Source(str(folder), "cpu", torch.float32))
    small = load_weights(Source(str(folder), "cpu", torch.float32, is_int8=True))
    layer, quantized = full._model.model.layers[0].mlp.up_proj, small._model.model.layers[0].mlp.up_proj
    assert isinstance(quantized, Int8Linear)
    assert quantized.codes_OI.dtype == torch.int8
    assert quantized.codes_OI.nbytes * 4 == layer.weight.nbytes
    assert type(small._model.lm_head) is torch.nn.Linear
    inputs = torch.randn(3, 48)
    with torch.inference_mode():
        wanted, found = layer(inputs), quantized(inputs)
    worst_step = layer.weight.abs().amax(dim=1) / 127
    assert ((found - wanted).abs() <= 0.5 * worst_step * inputs.abs().sum(dim=1, keepdim=True) + 1e-5).all()
    assert torch.nn.functional.cosine_similarity(found, wanted).min() > 0.999


def test_int8_is_a_dtype_and_adapters_work_on_it(folder: Path, tmp_path: Path) -> None:
    from tests.models.tiny_model import save_tiny_adapter

    adapter = save_tiny_adapter(tmp_path / "a", seed=1)
    [plain] = use(opened(folder, dtype="int8"), ask_for("a"))
    [adapted] = use(open_local(f"{folder}+adapter={adapter}", {"device": "cpu", "dtype": "int8"}), ask_for("a"))
    assert plain.text != adapted.text


def test_a_model_without_linear_layers_is_refused_in_eight_bits(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.GPT2Config(vocab_size=len(tokenizer), n_positions=64, n_embd=16, n_layer=1, n_head=2)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    with pytest.raises(ModelUnavailableError, match=r'GPT2LMHeadModel has no nn\.Linear layers.*dtype = "bfloat16"'):
        use(opened(folder, dtype="int8"), ask_for("a"))


# memory, bars, faults


def test_the_weights_are_freed_when_the_last_user_closes(folder: Path) -> None:
    async def ask_and_close() -> list[weakref.ref[Any]]:
        model = opened(folder)
        await answer(model, ask_for("a"))
        assert model._engine is not None
        decoder = model._engine.engine._decoder
        assert isinstance(decoder, Decoder)
        parameters = [weakref.ref(each) for each in decoder.weights._model.parameters()]
        del decoder
        assert all(each() is not None for each in parameters)
        await model.close()
        return parameters

    gc.disable()  # so that it is the closing that frees them
    try:
        assert [each() for each in asyncio.run(ask_and_close())] == [None] * 21
    finally:
        gc.enable()


def test_memory_that_runs_out_while_answering_says_what_to_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Weights.step

    def failing(self: Weights, tokens: Any, cache: Any) -> Any:
        if cache.length > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")
        return step(self, tokens, cache)

    monkeypatch.setattr(Weights, "step", failing)
    with pytest.raises(ModelUnavailableError, match=r"out of memory while answering .*smaller max_batch or context_tokens"):
        use(opened(folder), ask_for("a"))


@pytest.mark.parametrize(
    ("error", "mend"),
    [
        (MemoryError(), 'Set dtype = "int8"'),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), 'Set dtype = "int8"'),
        (OSError("You are trying to access a gated repo.\nMake sure to have access"), "Agree on its page, set HF_TOKEN"),
        (OSError("We couldn't connect to 'the hub' to load the files"), "Go online once, or give the path of a folder"),
        (OSError("x is not a local folder and is not a valid model identifier listed"), "Check the name"),
        (ValueError("The repository contains custom code which must be executed"), "is never run"),
        (OSError(28, "No space left on device"), "set HF_HOME to a larger one"),
        (ImportError("needs tiktoken"), "Install that library"),
    ],
)
def test_what_goes_wrong_while_loading_is_said_with_its_mend(error: Exception, mend: str) -> None:
    said = while_loading("local:x", error)
    assert isinstance(said, ModelUnavailableError)
    assert mend in str(said)
    assert said.__cause__ is error


def test_bars_are_shown_on_a_terminal_alone_and_for_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    logging = transformers.utils.logging
    hub = pytest.importorskip("huggingface_hub.utils")
    monkeypatch.setattr(hub.tqdm, "progress_bar_states", {}, raising=False)
    was = logging.is_progress_bar_enabled()
    logging.enable_progress_bar()
    try:
        for is_terminal, long, shown in ((True, True, True), (True, False, False), (False, True, False)):
            monkeypatch.setattr(sys.stderr, "isatty", lambda is_terminal=is_terminal: is_terminal, raising=False)
            with bars_for(long=long):
                assert (logging.is_progress_bar_enabled(), not hub.are_progress_bars_disabled()) == (shown, shown)
            assert logging.is_progress_bar_enabled()
            assert not hub.are_progress_bars_disabled()
        logging.disable_progress_bar()
        with bars_for(long=False):
            pass
        assert not logging.is_progress_bar_enabled()
    finally:
        (logging.enable_progress_bar if was else logging.disable_progress_bar)()


def test_loading_a_small_model_prints_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    use(opened(folder), ask_for("a"))
    assert capfd.readouterr() == ("", "")


# settings


def test_decoding_can_be_set_for_all_requests_of_a_model(folder: Path) -> None:
    settings: dict[str, object] = {"temperature": 0.9, "top_p": 0.8, "seed": 5, "max_output_tokens": 7, "drop": ["exchanges"]}
    model = opened(folder, **settings)
    assert model.profile.defaults == ModelOptions(temperature=0.9, top_p=0.8, seed=5, max_tokens=7, fit=ContextFit(drop=("exchanges",)))
    assert model.profile.max_output_tokens == 7
    request = ModelRequest(call="a.b", chat=(ChatMessage("user", "go on"),))
    [one, other] = use(model, request, request)
    assert one.text == other.text
    assert one.usage is not None
    assert one.usage.output_tokens <= 7
    [greedy] = use(opened(folder, **settings), ModelRequest(call="a.b", chat=request.chat, options=ModelOptions(temperature=0)))
    assert greedy.text != one.text


@pytest.mark.parametrize(
    ("setting", "found"),
    [
        ({"temperature": -1}, "temperature = -1; expected a number, 0 or more"),
        ({"top_p": 1.5}, "top_p = 1.5; expected a number, from 0 to 1"),
        ({"seed": -1}, "seed = -1; expected a whole number, 0 or more"),
        ({"prefix_tokens": "many"}, "prefix_tokens = 'many'"),
        ({"drop": ["pages"]}, r"drop = \['pages'\]; expected a list of different names out of memory"),
        ({"drop": ["memory", "memory"]}, "drop = "),
        ({"adapter": 3}, "adapter = 3; expected text"),
    ],
)
def test_settings_are_refused_by_name_and_bounds(folder: Path, setting: dict[str, object], found: str) -> None:
    with pytest.raises(ConfigError, match=found):
        opened(folder, **setting)


def test_the_window_of_a_hub_model_is_known_once_it_is_downloaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    assert downloaded_folder("someone/tiny") is None
    assert open_local("someone/tiny", CPU).profile.context_tokens is None
    place = tmp_path / "models--someone--tiny"
    save_tiny_model(place / "snapshots" / "abc", window=96)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    assert open_local("someone/tiny", CPU).profile.context_tokens == 96


def test_the_window_is_known_from_the_first_answer_on_where_no_file_told_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metagpt.models.local.card._window", lambda _: None)
    model = opened(folder)
    assert model.profile.context_tokens is None
    use(model, ask_for("a"))
    assert model.profile.context_tokens == 2048
