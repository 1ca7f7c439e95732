"""`hub:NAME@ALIAS` as a role's model: the version that the alias stands for answers, and is named in what is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("llguidance")

from metagpt import ConfigError, Goal, HubError, Message, ModelHub, Role, Team, on  # noqa: E402
from metagpt.hub import Card  # noqa: E402
from metagpt.hub.data import Example, TextData, push_data  # noqa: E402
from metagpt.hub.service import open_hub_model  # noqa: E402
from metagpt.models.interface import ChatMessage, ModelOptions, ModelReply, ModelRequest  # noqa: E402
from metagpt.plugins import open_model  # noqa: E402
from tests.hub.making import model_folder  # noqa: E402
from tests.models.tiny_model import save_tiny_adapter, save_tiny_model  # noqa: E402


class Verdict(Message):
    ok: bool


class Judge(Role):
    """A judge."""

    @on(Goal)
    async def judge(self, goal: Goal) -> Verdict:
        return await self.ask(Verdict, "Is it so? {{ goal.text }}", goal=goal)


@pytest.fixture
def hub(tmp_path: Path) -> ModelHub:
    made = ModelHub(tmp_path / "hub")
    for seed in (1, 2):
        made.push(save_tiny_model(tmp_path / str(seed), seed=seed), "judge", alias="production")
    return made


def settings(hub: ModelHub) -> dict[str, Any]:
    return {"path": str(hub.path), "device": "cpu", "dtype": "float32"}


async def reply_of(model: Any) -> ModelReply:
    request = ModelRequest(call="judge.judge", chat=(ChatMessage("user", "Say it."),), options=ModelOptions(max_tokens=8, temperature=0.0))
    async for item in model.stream(request):
        if isinstance(item, ModelReply):
            return item
    raise AssertionError("no reply")


async def test_the_alias_names_the_version_that_answers_and_moves_with_a_rollback(hub: ModelHub, tmp_path: Path) -> None:
    answers = {}
    for seed in (1, 2):
        direct = open_model(f"local:{tmp_path / str(seed)}", {"device": "cpu", "dtype": "float32"})
        answers[seed] = (await reply_of(direct)).candidates[0].text
        await direct.close()
    assert answers[1] != answers[2]
    for version in (2, 1):
        model = open_model("hub:judge@production", settings(hub))
        assert model.profile.reference == f"hub:judge@{version}"
        reply = await reply_of(model)
        assert (reply.model, reply.candidates[0].text) == (f"hub:judge@{version}", answers[version])
        await model.close()
        if version == 2:
            hub.rollback("judge", "production")


async def test_any_role_takes_it(hub: ModelHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METAGPT_HUB", str(hub.path))
    torch.set_num_threads(1)
    team = Team([Judge()], final=Verdict, model="hub:judge@production")
    run = await team.run("tea is hot")
    await team.close()
    assert isinstance(run.output, Verdict)
    assert list(run.usage.by_model) == ["hub:judge@2"]


def test_the_embedded_model_is_in_service_from_the_hub_too(tmp_path: Path) -> None:
    model = open_hub_model("embedded", {"path": tmp_path / "hub"})
    assert model.profile.reference == "hub:embedded@1"
    assert model.profile.prompt_format == "compact"


async def test_an_adapter_answers_on_the_base_that_its_parents_name(hub: ModelHub, tmp_path: Path) -> None:
    save_tiny_adapter(tmp_path / "adapter", seed=3)
    entry = hub.push(tmp_path / "adapter", "tuned", parents=["judge@1"])
    assert entry.kind == "adapter"
    direct = open_model(f"local:{tmp_path / '1'}+adapter={tmp_path / 'adapter'}", {"device": "cpu", "dtype": "float32"})
    expected = (await reply_of(direct)).candidates[0].text
    await direct.close()
    model = open_model("hub:tuned", settings(hub))
    assert model.profile.reference == "hub:tuned@1"
    assert (await reply_of(model)).candidates[0].text == expected
    await model.close()


def test_what_cannot_answer_a_role_is_refused_before_anything_loads(hub: ModelHub, tmp_path: Path) -> None:
    adapter = model_folder(tmp_path / "lonely")
    (adapter / "adapter_config.json").write_text("{}")
    hub.push(adapter, "lonely", card=Card(summary="An adapter."), parents=["run:abc"])
    with pytest.raises(HubError, match=r"found 0 model\(s\) among the parents of the adapter lonely@1; expected its base alone"):
        open_hub_model("lonely", settings(hub))
    push_data(hub, "rows", TextData([Example(text="x", label="y")]))
    with pytest.raises(HubError, match="found the dataset rows@1; expected a model or adapter"):
        open_hub_model("rows", settings(hub))
    with pytest.raises(HubError, match="found no 'nobody'"):
        open_hub_model("nobody@production", settings(hub))
    with pytest.raises(ConfigError, match="unknown setting 'decive'"):
        open_hub_model("judge", {**settings(hub), "decive": "cpu"})
    with pytest.raises(ConfigError, match="path = 3"):
        open_hub_model("judge", {"path": 3})


def test_changed_weights_never_answer(hub: ModelHub) -> None:
    blob = hub.blobs.path(hub.get("judge@2").files["model.safetensors"].sha256)
    blob.chmod(0o600)
    content = bytearray(blob.read_bytes())
    content[-1] ^= 1
    blob.write_bytes(bytes(content))
    with pytest.raises(HubError, match="found other bytes in 'model.safetensors'"):
        open_hub_model("judge", settings(hub))
