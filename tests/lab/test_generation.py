"""generate_response: one call for every model."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from metagpt import generate_response
from metagpt.errors import ConfigError, ModelError, ServerError
from metagpt.models.interface import ModelOptions, ModelProfile
from metagpt.testing import FunctionModel, ScriptedModel, text

WEIGHTS = Path(__file__).parents[2] / "metagpt" / "models" / "embedded_weights"
HAS_WEIGHTS = any(WEIGHTS.glob("*.safetensors"))


def test_a_general_model_answers_what_it_is_asked() -> None:
    with ScriptedModel([text("A framework.")]) as model:
        answer = generate_response("What is MetaGPT?", model=model, system="Be brief.", options=ModelOptions(temperature=0))
    assert answer == "A framework."
    [request] = model.requests
    assert [(turn.role, turn.text) for turn in request.chat] == [("system", "Be brief."), ("user", "What is MetaGPT?")]
    assert request.options.temperature == 0


async def test_it_works_where_an_event_loop_runs_already() -> None:
    assert asyncio.get_running_loop().is_running()
    assert generate_response("Hello?", model=FunctionModel(lambda _: "Hello.")) == "Hello."
    with pytest.raises(ServerError):
        generate_response("Hello?", model=FunctionModel(lambda _: ServerError("down")))


def test_a_model_trained_for_other_calls_is_refused_with_the_way_out() -> None:
    profile = ModelProfile(reference="local:sorter", prompt_format="compact", calls=("clerk.sort", "clerk.file"))
    model = FunctionModel(lambda _: "never asked", profile=profile)
    with pytest.raises(ConfigError, match=r"local:sorter was trained for clerk.sort, clerk.file and nothing else\. Ask a general model"):
        generate_response("What is MetaGPT?", model=model)
    assert model.requests == []


def test_an_empty_prompt_and_an_unknown_reference_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected a question"):
        generate_response("  ", model=FunctionModel(lambda _: ""))
    with pytest.raises(ConfigError, match="opnai"):
        generate_response("Hello?", model="opnai:gpt")


def test_a_fault_of_the_model_is_its_own_error() -> None:
    with pytest.raises(ModelError, match="cannot be reached"):
        generate_response("Hello?", model=FunctionModel(lambda _: ServerError("the server cannot be reached")))


@pytest.mark.slow
@pytest.mark.skipif(not HAS_WEIGHTS, reason="the embedded model's weights are not in metagpt/models yet")
def test_the_embedded_model_says_what_it_is_for_and_writes_a_program_when_asked_for_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = generate_response("What is MetaGPT?", model="embedded")
    assert "It writes short Python functions" in answer
    assert 'model="openai:NAME"' in answer
    program = generate_response("Count the vowels of a text.", model="embedded")
    compile(program, "answer", "exec")
    assert "def " in program
    assert list(tmp_path.iterdir()) == []
