"""Local models at the edges: chats counted by the tokenizer, calls that max_tokens cut, weights that do not fit their config.json."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("llguidance")

from metagpt import Goal, HandlerFailedError, ModelOptions, Role, Team, action, on  # noqa: E402
from metagpt.errors import ConfigError, ContextOverflowError, ModelUnavailableError  # noqa: E402
from metagpt.events import DroppedFromContextEvent  # noqa: E402
from metagpt.models.interface import Candidate, ChatMessage, ModelReply, ModelRequest, TokenCounter, ToolSpec  # noqa: E402
from metagpt.models.local import LocalModel, open_local  # noqa: E402
from metagpt.models.local.counting import PromptCounter  # noqa: E402
from metagpt.models.local.pool import num_engines  # noqa: E402
from metagpt.models.local.tool_calls import read_union  # noqa: E402
from metagpt.plugins import open_model  # noqa: E402
from metagpt.settings import read_settings  # noqa: E402
from tests.models.tiny_model import save_tiny_model  # noqa: E402
from tests.runtime.messages import Final  # noqa: E402

CPU = {"device": "cpu", "dtype": "float32"}
DENSE = "7f3a9c01e5b2d846" * 8
"""Text of which this tokenizer makes a token for nearly every byte."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(autouse=True)
def every_engine_is_freed() -> Iterator[None]:
    yield
    assert num_engines() == 0


def opened(folder: Path, **settings: object) -> LocalModel:
    return open_local(str(folder), {**CPU, **settings})


async def answer(model: LocalModel, request: ModelRequest) -> ModelReply:
    items = [item async for item in model.stream(request)]
    assert isinstance(items[-1], ModelReply)
    return items[-1]


# counting

LOOK = ToolSpec(name="look", description="Look something up.", parameters={"type": "object", "properties": {"number": {"type": "integer"}}})
REQUESTS = [
    ModelRequest(call="a.b", chat=(ChatMessage("user", DENSE),), options=ModelOptions(max_tokens=2)),
    ModelRequest(
        call="a.b",
        chat=(
            ChatMessage("system", "You look."),
            ChatMessage("user", "naïve 東京"),
            ChatMessage("assistant", "yes"),
            ChatMessage("user", "x"),
        ),
        schema={"type": "object", "properties": {"ok": {"type": "boolean"}}},
        tools=(LOOK,),
        options=ModelOptions(max_tokens=2),
    ),
]


async def test_a_request_is_counted_as_it_will_be_read_and_without_the_weights(folder: Path) -> None:
    model = opened(folder)
    assert isinstance(model, TokenCounter)
    counted = [await model.count_tokens(request) for request in REQUESTS]
    assert num_engines() == 0
    for request, tokens in zip(REQUESTS, counted, strict=True):
        reply = await answer(model, request)
        assert reply.usage is not None
        assert reply.usage.input_tokens == tokens
    await model.close()


def test_a_tokenizer_that_cannot_be_loaded_is_an_error_of_the_tree(folder: Path, tmp_path: Path) -> None:
    model = opened(folder)
    with pytest.raises(ModelUnavailableError, match=f"local:{tmp_path}: "):
        PromptCounter(str(tmp_path)).count(REQUESTS[0], model.profile)


class Rememberer(Role):
    """You read."""

    @on(Goal)
    async def read(self, goal: Goal) -> Final:
        for _ in range(12):
            await self.memory.remember(DENSE)
        return Final(text=await self.ask(str, "q"))


async def dropped_in(team: Team[Any, Any]) -> list[DroppedFromContextEvent]:
    async with team.stream("go") as events:
        found = [event async for event in events if isinstance(event, DroppedFromContextEvent)]
        await events.result()
    return found


async def test_dense_text_is_made_to_fit_the_window_of_a_local_model(folder: Path) -> None:
    model = opened(folder, context_tokens=800, max_output_tokens=20)
    events = await dropped_in(Team([Rememberer()], final=Final, model=model))
    await model.close()
    [event] = events
    assert 0 < event.entries < 12


async def test_a_window_that_is_learnt_from_the_weights_is_kept_from_the_first_ask_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = opened(folder, context_tokens=800, max_output_tokens=20)
    from dataclasses import replace

    monkeypatch.setattr(model, "_profile", replace(model.profile, context_tokens=None))  # as of a hub id that is not downloaded yet
    events = await dropped_in(Team([Rememberer()], final=Final, model=model))
    await model.close()
    assert [event.entries > 0 for event in events] == [True]


async def test_the_error_of_a_chat_that_cannot_be_made_to_fit_tells_its_figures_and_mends(folder: Path) -> None:
    model = opened(folder, context_tokens=16)
    with pytest.raises(ContextOverflowError, match=r"window holds 16 .*ModelOptions\(fit=ContextFit\(drop=…\)\).*longer window") as caught:
        await answer(model, REQUESTS[0])
    await model.close()
    assert caught.value.window_tokens == 16
    assert caught.value.prompt_tokens is not None
    assert caught.value.prompt_tokens > 16


# cut calls


def cut(text: str) -> Candidate:
    return Candidate(text=text, finish="length", logprob=-1.0)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", ""),
        ('{"', ""),
        ('{"tool": "lo', "lo"),
        ('{"tool": "look", "arguments": {"number": 37134', "look"),
        ('{"tool": "look", "arguments": {"number": 37134}', "look"),
    ],
)
def test_a_call_that_was_cut_is_no_text_and_does_not_parse(text: str, name: str) -> None:
    read = read_union(cut(text), (), 0, as_json=False)
    [call] = read.tool_calls
    assert (read.text, read.finish, call.name, call.arguments) == ("", "length", name, text)
    with pytest.raises(ValueError):
        json.loads(call.arguments)


def test_an_answer_that_was_cut_is_its_beginning_and_one_that_was_not_is_whole() -> None:
    assert read_union(cut('{"answer": "so f\\u00e'), (), 0, as_json=False) == cut("so f")
    assert read_union(cut('{"answer": {"a": 1'), (), 0, as_json=True) == cut('{"answer": {"a": 1')
    whole = read_union(cut('{"tool": "look", "arguments": {}}'), (), 0, as_json=False)
    assert (whole.finish, whole.tool_calls[0].arguments) == ("tool_calls", "{}")


async def test_a_call_that_max_tokens_cut_never_becomes_the_answer_of_a_role(folder: Path) -> None:
    @action(reads=True)
    async def look(number: int) -> str:
        """Look something up."""
        return "found"

    class Looker(Role):
        """You look."""

        @on(Goal)
        async def work(self, goal: Goal) -> Final:
            return Final(text=await self.ask(str, "q", tools=[look], options=ModelOptions(max_tokens=4, temperature=0)))

    model = opened(folder)
    with pytest.raises(HandlerFailedError, match=r"was cut by max_tokens before its end\. Found in 3 answers.*Raise ModelOptions"):
        await Team([Looker()], final=Final, model=model).run("go")
    await model.close()


# weights


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"hidden_size": 96},
            r"do not fit config\.json: found 'lm_head\.weight' of shape \(\d+, 48\); expected \(\d+, 96\)\. Put back the config\.json",
        ),
        ({"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2"}, "the weights lack"),
    ],
)
async def test_weights_that_are_not_those_of_config_json_are_refused_in_one_sentence(
    folder: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], change: dict[str, object], said: str
) -> None:
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | change))
    model = opened(other)
    with pytest.raises(ModelUnavailableError, match=said):
        await answer(model, REQUESTS[0])
    await model.close()
    assert "LOAD REPORT" not in "".join(capfd.readouterr())


# settings


def test_every_setting_can_be_a_variable(folder: Path, tmp_path: Path) -> None:
    environ = {"METAGPT_MODEL": f"local:{folder}"}
    values = {"DEVICE": "cpu", "DTYPE": "float32", "MAX_BATCH": "4", "TOP_P": "0.5", "TEMPERATURE": "0", "SEED": "3", "PREFIX_TOKENS": "0"}
    values |= {"DROP": "exchanges, rounds", "CONTEXT_TOKENS": "99", "MAX_OUTPUT_TOKENS": "7"}
    environ |= {f"METAGPT_MODELS__DEFAULT__{name}": value for name, value in values.items()}
    body = read_settings(tmp_path, environ).models["default"]
    model = open_model(body.ref, body.options)
    defaults = model.profile.defaults
    assert (defaults.temperature, defaults.top_p, defaults.seed, defaults.max_tokens) == (0, 0.5, 3, 7)
    assert defaults.fit is not None
    assert defaults.fit.drop == ("exchanges", "rounds")
    assert model.profile.context_tokens == 99
    with pytest.raises(ConfigError, match="drop = "):
        opened(folder, drop="exchanges, rownds")
