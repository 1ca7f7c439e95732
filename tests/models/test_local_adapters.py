"""LoRA adapters on one base: batched, alone, beside peft's own, shared, freed and refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
safetensors_torch = pytest.importorskip("safetensors.torch")
pytest.importorskip("llguidance")

from metagpt import Goal, Message, Role, Team, on  # noqa: E402
from metagpt.errors import ConfigError, ModelUnavailableError  # noqa: E402
from metagpt.models.interface import ChatMessage, ModelOptions, ModelReply, ModelRequest  # noqa: E402
from metagpt.models.local import LocalModel, open_local  # noqa: E402
from metagpt.models.local.pool import num_engines  # noqa: E402
from metagpt.models.local.weights import Source, Weights, load_weights  # noqa: E402
from tests.models.tiny_model import ADAPTED, save_tiny_adapter, save_tiny_model  # noqa: E402

torch.set_num_threads(1)

CPU = {"device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of different ranks, layers and ways of scaling."""
    place = tmp_path_factory.mktemp("adapters")
    return [
        save_tiny_adapter(place / "a", seed=1),
        save_tiny_adapter(place / "b", seed=2, rank=8, use_rslora=True),
        save_tiny_adapter(place / "c", seed=3, rank=2, layers=("0.mlp.up_proj", "1.self_attn.k_proj"), alpha_pattern={"mlp.up_proj": 7}),
    ]


@pytest.fixture(autouse=True)
def every_engine_is_freed() -> Iterator[None]:
    yield
    assert num_engines() == 0


def opened(folder: Path, adapter: Path | None = None, **settings: object) -> LocalModel:
    return open_local(f"{folder}+adapter={adapter}" if adapter else str(folder), {**CPU, **settings})


def ask_for(text: str, **options: Any) -> ModelRequest:
    options = {"max_tokens": 24, "temperature": 0} | options
    return ModelRequest(call="engineer.chat", chat=(ChatMessage("user", text),), options=ModelOptions(**options))


async def answer(model: LocalModel, request: ModelRequest) -> ModelReply:
    items = [item async for item in model.stream(request)]
    assert isinstance(items[-1], ModelReply)
    return items[-1]


def use(asked: list[tuple[LocalModel, ModelRequest]]) -> list[ModelReply]:
    """Ask all at once, then close all."""

    async def ask_all() -> list[ModelReply]:
        try:
            return await asyncio.gather(*(answer(model, request) for model, request in asked))
        finally:
            for model, _ in asked:
                await model.close()

    return asyncio.run(ask_all())


def refused(folder: Path, adapter: Path) -> str:
    """What is said of an adapter when it is first used."""
    with pytest.raises(ModelUnavailableError) as error:
        use([(opened(folder, adapter), ask_for("a"))])
    return str(error.value)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of every step that the engines make from now on."""
    rows: list[int] = []
    step = Weights.step

    def counted(self: Weights, tokens: Any, cache: Any) -> Any:
        rows.append(tokens.shape[0])
        return step(self, tokens, cache)

    monkeypatch.setattr(Weights, "step", counted)
    return rows


def test_answers_with_several_adapters_in_one_batch_equal_those_with_each_alone(
    folder: Path, adapters: list[Path], steps: list[int]
) -> None:
    requests = [ask_for("write a program"), ask_for("sum the numbers", temperature=1.0, seed=4, n=2)]
    places = [None, *adapters]
    alone = [use([(opened(folder, place), request)])[0] for place in places for request in requests]
    steps.clear()
    together = use([(opened(folder, place), request) for place in places for request in requests])
    assert max(steps) > len(places)
    assert [[each.text for each in reply.candidates] for reply in together] == [[each.text for each in reply.candidates] for reply in alone]
    assert len({reply.text for reply in alone}) == len(alone)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_greedy_answers_equal_those_of_peft(folder: Path, adapters: list[Path]) -> None:
    peft = pytest.importorskip("peft")
    prompt = "User: write a program\n\nAssistant:"
    for adapter in adapters:
        base = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        reference = peft.PeftModel.from_pretrained(base, str(adapter)).eval()
        inputs = tokenizer(prompt, return_tensors="pt")
        tokens = reference.generate(**inputs, max_new_tokens=24, do_sample=False)[0, inputs["input_ids"].shape[1] :]
        [reply] = use([(opened(folder, adapter), ask_for("write a program"))])
        assert reply.text == tokenizer.decode(tokens, skip_special_tokens=True)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
def test_an_adapter_that_peft_saved_is_read(folder: Path, tmp_path: Path) -> None:
    peft = pytest.importorskip("peft")
    base = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    config = peft.LoraConfig(r=4, target_modules=["q_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    peft.get_peft_model(base, config).save_pretrained(str(tmp_path / "saved"))
    plain, adapted = use([(opened(folder), ask_for("a")), (opened(folder, tmp_path / "saved"), ask_for("a"))])
    assert plain.text != adapted.text


class Said(Message):
    role: str
    text: str


class Speaker(Role):
    """You are one of five."""

    @on(Goal)
    async def speak(self, goal: Goal) -> Said:
        text = await self.ask(str, "{{ goal.text }}", goal=goal, name="speak", options=ModelOptions(max_tokens=24, temperature=0))
        return Said(role=self.name, text=text)


def test_a_team_of_five_roles_with_three_adapters_shares_one_copy_of_the_base(
    folder: Path, adapters: list[Path], steps: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[Weights] = []
    sizes: list[int] = []
    monkeypatch.setattr("metagpt.models.local.engine.load_weights", lambda source: loaded.append(load_weights(source)) or loaded[-1])
    places = dict(zip(("one", "two", "three", "four", "five"), [*adapters, None, adapters[0]], strict=True))
    models = {name: opened(folder, place) for name, place in places.items()}

    async def run_team() -> dict[str, str]:
        run = await Team([Speaker(name=name, model=model) for name, model in models.items()], final=Said).run("write a program")
        assert num_engines() == 1
        sizes.append(loaded[0].adapters.size_bytes)
        for model in models.values():
            await model.close()
        return {said.role: said.text for said in run.messages if isinstance(said, Said)}

    told = asyncio.run(run_team())
    assert max(steps) == 5
    [weights] = loaded
    base = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    assert _storage_bytes(weights._model) == _storage_bytes(base)
    files = {adapter / "adapter_model.safetensors" for adapter in adapters}
    assert sizes == [sum(tensor.numel() * 4 for file in files for tensor in safetensors_torch.load_file(file).values())]

    def speaker(name: str) -> ModelRequest:
        chat = (ChatMessage("system", "You are one of five."), ChatMessage("user", "write a program"))
        return ModelRequest(call=f"{name}.speak", chat=chat, options=ModelOptions(max_tokens=24, temperature=0))

    alone = {name: use([(opened(folder, place), speaker(name))])[0].text for name, place in places.items()}
    assert told == alone
    assert told["one"] == told["five"]
    assert len(set(told.values())) == 4


def _storage_bytes(model: Any) -> int:
    """Of all parameters and buffers, each storage once."""
    storages = {part.untyped_storage().data_ptr(): part.untyped_storage().nbytes() for part in (*model.parameters(), *model.buffers())}
    return sum(storages.values())


def test_an_adapter_is_freed_with_its_last_user_and_the_base_with_its_own(folder: Path, adapters: list[Path]) -> None:
    async def share() -> None:
        plain, one, same, other = opened(folder), *(opened(folder, adapters[number]) for number in (0, 0, 1))
        first = await answer(one, ask_for("a"))
        await asyncio.gather(*(answer(model, ask_for("a")) for model in (plain, same, other)))
        assert one._engine is not None
        engine = one._engine.engine
        assert engine._decoder is not None
        known = engine._decoder.weights.adapters
        assert known.loaded == {str(adapters[0]), str(adapters[1])}
        await one.close()
        await answer(plain, ask_for("a"))
        assert known.loaded == {str(adapters[0]), str(adapters[1])}
        await same.close()
        await answer(plain, ask_for("b"))
        assert known.loaded == {str(adapters[1])}
        assert (await answer(one, ask_for("a"))).text == first.text
        for model in (plain, one, other):
            await model.close()
        assert known.loaded

    asyncio.run(share())


def test_an_adapter_in_use_is_freed_only_when_its_last_answer_is_given(folder: Path, adapters: list[Path]) -> None:
    async def close_under_it() -> tuple[str, str]:
        plain, adapted, again = opened(folder), opened(folder, adapters[0]), opened(folder, adapters[0])
        whole = await answer(again, ask_for("go on", max_tokens=300))
        await answer(plain, ask_for("a"))
        stream = aiter(adapted.stream(ask_for("go on", max_tokens=300)))
        await anext(stream)
        await again.close()
        await adapted.close()
        items = [item async for item in stream]
        await plain.close()
        assert isinstance(items[-1], ModelReply)
        return whole.text, items[-1].text

    whole, cut = asyncio.run(close_under_it())
    assert cut == whole


def test_prompts_of_one_adapter_are_no_prefix_of_anothers(folder: Path, adapters: list[Path]) -> None:
    async def in_turn() -> list[ModelReply]:
        models = [opened(folder), *(opened(folder, adapter) for adapter in adapters)]
        replies = [await answer(model, ask_for("the same long prompt for all of them, word for word")) for model in models]
        for model in models:
            await model.close()
        return replies

    replies = asyncio.run(in_turn())
    assert [reply.usage.cached_tokens for reply in replies if reply.usage] == [0, 0, 0, 0]
    assert len({reply.text for reply in replies}) == 4


def test_an_adapter_trained_for_calls_says_so_in_its_card(folder: Path, tmp_path: Path) -> None:
    adapter = save_tiny_adapter(tmp_path / "fine", seed=5)
    (adapter / "README.md").write_text("---\nprompt_format: compact\ncalls: [critic.review]\n---\n")
    model = opened(folder, adapter)
    assert (model.profile.prompt_format, model.profile.calls, model.profile.context_tokens) == ("compact", ("critic.review",), 2048)
    with pytest.raises(ModelUnavailableError, match="trained for 'critic.review'"):
        use([(model, ask_for("a"))])


def test_an_adapter_is_named_in_the_reference_or_in_the_settings(folder: Path, adapters: list[Path]) -> None:
    by_setting = open_local(str(folder), {**CPU, "adapter": str(adapters[0])})
    one, other = use([(by_setting, ask_for("a")), (opened(folder, adapters[0]), ask_for("a"))])
    assert one.text == other.text
    with pytest.raises(ConfigError, match="beside the one in the reference"):
        open_local(f"{folder}+adapter={adapters[0]}", {**CPU, "adapter": str(adapters[1])})
    with pytest.raises(ConfigError, match=r"nothing on one side of '\+adapter='"):
        open_local(f"{folder}+adapter=", CPU)
    with pytest.raises(ModelUnavailableError, match=r"no adapter_config\.json in .*Correct the path"):
        opened(folder, folder)
    with pytest.raises(ModelUnavailableError, match=r"holds an adapter alone.*local:BASE\+adapter="):
        open_local(str(adapters[0]), CPU)


def test_a_hub_adapter_that_cannot_be_reached_says_how_to_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, folder: Path) -> None:
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailableError, match=r"'nobody/no-lora' is not in the local cache.*go online once, or give the path"):
        use([(open_local(f"{folder}+adapter=nobody/no-lora", CPU), ask_for("a"))])


@pytest.mark.parametrize(
    ("config", "found"),
    [
        ({"peft_type": "IA3"}, "of type 'IA3'; expected LORA"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights = 'pissa'; expected plain LoRA, which leaves the base as it is"),
        ({"use_dora": True}, "use_dora = True"),
        ({"layer_replication": [[0, 2]]}, "layer_replication"),
        ({"bias": "all"}, "bias = 'all'"),
        ({"lora_alpha": "much"}, "lora_alpha = 'much'"),
    ],
)
def test_an_adapter_that_does_more_than_lora_is_refused_by_what_it_says(
    folder: Path, tmp_path: Path, config: dict[str, Any], found: str
) -> None:
    assert found in refused(folder, save_tiny_adapter(tmp_path / "x", seed=1, **config))


def test_an_adapter_of_another_base_is_refused_by_the_layer_that_does_not_fit(folder: Path, tmp_path: Path) -> None:
    deeper = save_tiny_adapter(tmp_path / "deeper", seed=1, layers=("7.self_attn.q_proj",))
    assert "the base has no linear layer 'model.layers.7.self_attn.q_proj'; expected the one it was trained on, 'tiny'" in refused(
        folder, deeper
    )
    wider = save_tiny_adapter(tmp_path / "wider", seed=1)
    name = f"base_model.model.model.layers.{ADAPTED[0]}.lora_A.weight"
    _change(wider, **{name: torch.zeros(4, 64)})
    assert "from 48 to 48 numbers, not 64 to 48" in refused(folder, wider)


def test_weights_that_cannot_be_read_or_counted_with_are_refused(folder: Path, tmp_path: Path) -> None:
    adapter = save_tiny_adapter(tmp_path / "a", seed=1)
    prefix = f"base_model.model.model.layers.{ADAPTED[0]}"
    _change(adapter, **{f"{prefix}.lora_B.weight": torch.full((48, 4), float("nan"))})
    assert "no matrix of finite numbers" in refused(folder, adapter)
    _change(adapter, **{f"{prefix}.lora_B.weight": torch.zeros(48, 3)})
    assert "expected a pair of one rank" in refused(folder, adapter)
    _change(adapter, **{f"{prefix}.lora_B.weight": torch.zeros(48, 4), "base_model.model.lm_head.weight": torch.zeros(2, 2)})
    assert "'base_model.model.lm_head.weight'" in refused(folder, adapter)
    (adapter / "adapter_model.safetensors").write_bytes(b"nothing")
    assert "cannot be read" in refused(folder, adapter)
    (adapter / "adapter_model.safetensors").rename(adapter / "adapter_model.bin")
    assert "a pickle, which can run code" in refused(folder, adapter)
    (adapter / "adapter_config.json").write_text("[1]")
    assert "holds no object" in refused(folder, adapter)


def test_a_refused_adapter_does_not_disturb_its_neighbours(folder: Path, adapters: list[Path], tmp_path: Path) -> None:
    bad = save_tiny_adapter(tmp_path / "bad", seed=1, layers=("7.self_attn.q_proj",))

    async def both() -> list[Any]:
        models = [opened(folder, adapters[0]), opened(folder, bad), opened(folder)]
        outcomes = await asyncio.gather(*(answer(model, ask_for("a")) for model in models), return_exceptions=True)
        for model in models:
            await model.close()
        return outcomes

    first, second, third = asyncio.run(both())
    assert isinstance(first, ModelReply)
    assert isinstance(second, ModelUnavailableError)
    assert isinstance(third, ModelReply)


def test_a_gpt2_takes_adapters_too(tmp_path: Path) -> None:
    folder = save_tiny_model(tmp_path / "gpt2")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer), n_positions=128, n_embd=16, n_layer=1, n_head=2, eos_token_id=tokenizer.eos_token_id, bos_token_id=None
    )
    torch.manual_seed(0)
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    name = "base_model.model.transformer.h.0.attn.c_attn"
    factors = {f"{name}.lora_A.weight": torch.ones(2, 16), f"{name}.lora_B.weight": torch.randn(48, 2)}
    safetensors_torch.save_file(factors, adapter / "adapter_model.safetensors")
    said = {"peft_type": "LORA", "r": 2, "lora_alpha": 64, "fan_in_fan_out": True}
    (adapter / "adapter_config.json").write_text(json.dumps(said))
    loaded = load_weights(Source(str(folder), "cpu", torch.float32))
    loaded.adapters.load(str(adapter))
    conv = loaded._model.transformer.h[0].attn.c_attn
    inputs = torch.randn(2, 3, 16)
    loaded.adapters.choose(["", str(adapter)])
    with torch.inference_mode():
        plain, adapted = conv(inputs)
        loaded.adapters.choose(["", ""])
        expected = conv(inputs)
    update = 32 * inputs[1] @ factors[f"{name}.lora_A.weight"].T @ factors[f"{name}.lora_B.weight"].T
    torch.testing.assert_close(plain, expected[0])
    torch.testing.assert_close(adapted, expected[1] + update)


def _change(adapter: Path, **tensors: Any) -> None:
    file = adapter / "adapter_model.safetensors"
    safetensors_torch.save_file(safetensors_torch.load_file(file) | tensors, file)
