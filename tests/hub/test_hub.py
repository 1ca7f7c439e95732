"""Versions, aliases, cards: what is pushed comes out again, and what was once there keeps its number."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from metagpt import HubError, ModelHub
from metagpt.hub import Card
from metagpt.hub.place import hub_folder
from tests.hub.making import card, model_folder, pushed


@pytest.fixture
def hub(tmp_path: Path) -> ModelHub:
    return ModelHub(tmp_path / "hub", clock=lambda: 1000.0)


def test_what_is_pushed_is_pulled_byte_for_byte(hub: ModelHub, tmp_path: Path) -> None:
    source = model_folder(tmp_path / "source", readme="# Mine\n\nTells news apart.\n")
    (source / "1_Pooling").mkdir()
    (source / "1_Pooling" / "config.json").write_text("{}")
    entry = hub.push(source, "news")
    assert (entry.reference, entry.kind, entry.parameters, entry.created) == ("news@1", "model", 8, 1000.0)
    target = hub.pull("news", tmp_path / "out")
    assert isinstance(target, Path)
    files = sorted(path.relative_to(source) for path in source.rglob("*") if path.is_file())
    assert sorted(path.relative_to(target) for path in target.rglob("*") if path.is_file()) == files
    assert all((source / path).read_bytes() == (target / path).read_bytes() for path in files)
    assert hub.verify() == []


def test_equal_contents_are_stored_once(hub: ModelHub, tmp_path: Path) -> None:
    for number in range(3):
        hub.push(model_folder(tmp_path / str(number)), "news")
    assert [entry.version for entry in hub.versions("news")] == [1, 2, 3]
    assert len(list(hub.blobs.all())) == 3  # config.json, weights and the card


def test_the_hub_s_files_are_for_their_owner_alone_and_read_only(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    assert {stat.S_IMODE(path.stat().st_mode) for path in hub.blobs.all()} == {0o400}
    assert stat.S_IMODE(hub.path.stat().st_mode) == 0o700


def test_a_reference_is_a_name_a_version_or_an_alias(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path, content=b"one", alias="production")
    pushed(hub, tmp_path, content=b"three")
    assert [hub.get(text).version for text in ("news", "news@latest", "news@1", "hub:news@production")] == [2, 2, 1, 1]
    assert hub.aliases("news") == {"production": 1}


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("nws", r"found no 'nws'; expected an entry. Did you mean 'news'\?"),
        ("news@7", "no such version; expected one that is there. Versions: 1."),
        ("news@productio", r"no alias 'productio'.* Did you mean 'production'\?"),
        ("../news", "found the name '../news'"),
        ("news@", "found the alias ''"),
    ],
)
def test_a_reference_to_nothing_says_what_there_is(hub: ModelHub, tmp_path: Path, reference: str, said: str) -> None:
    pushed(hub, tmp_path, alias="production")
    with pytest.raises(HubError, match=said):
        hub.get(reference)


@pytest.mark.parametrize("alias", ["3", "latest", "a/b", ""])
def test_an_alias_that_could_be_taken_for_something_else_is_refused(hub: ModelHub, tmp_path: Path, alias: str) -> None:
    with pytest.raises(HubError, match="found the alias"):
        pushed(hub, tmp_path, alias=alias)
    assert not hub.path.exists()


def test_an_alias_moves_and_rolls_back(hub: ModelHub, tmp_path: Path) -> None:
    for content in (b"one", b"two", b"three"):
        pushed(hub, tmp_path, content=content, alias="production")
    assert hub.rollback("news", "production").version == 2
    hub.tag("news@3", "production")
    hub.remove("news@2")
    assert hub.rollback("news", "production").version == 1
    with pytest.raises(HubError, match="no version that had the alias before"):
        hub.rollback("news", "production")
    hub.untag("news", "production")
    assert hub.aliases("news") == {}
    assert hub.verify() == []


def test_a_removed_version_frees_the_disk_and_keeps_its_number(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path, content=b"one")
    pushed(hub, tmp_path, content=b"a long one")
    hub.folder("news@2")
    hub.remove("news@2")
    pruned = hub.prune()
    assert (pruned.contents, pruned.unfinished) == (1, 0)
    assert pushed(hub, tmp_path, content=b"next").version == 3
    with pytest.raises(HubError, match="a version that was removed; expected one that is there. Versions: 1, 3"):
        hub.get("news@2")
    assert hub.verify() == []
    assert not (hub.path / "checkouts" / "news@2").exists()


def test_what_is_in_use_is_not_removed(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path, alias="production")
    with pytest.raises(HubError, match="is 'production'"):
        hub.remove("news@1")
    with pytest.raises(HubError, match="without a version"):
        hub.remove("news")
    with pytest.raises(HubError, match="is built in"):
        hub.remove("embedded@1")


def test_a_base_is_kept_while_an_adapter_needs_it(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path, "base")
    folder = model_folder(tmp_path / "adapter")
    (folder / "adapter_config.json").write_text("{}")
    assert hub.push(folder, "tuned", parents=["base"]).kind == "adapter"
    with pytest.raises(HubError, match="is part of tuned@1"):
        hub.remove("base@1")
    hub.remove("tuned@1")
    hub.remove("base@1")


def test_a_card_given_at_the_push_fills_the_readme_and_keeps_the_rest(hub: ModelHub, tmp_path: Path) -> None:
    readme = card("Tells news apart.", license="mit", prompt_format="compact", pipeline_tag="old")
    source = model_folder(tmp_path / "source", readme=readme)
    hub.push(source, "news", card=Card(task="text-classification", languages=("en", "de"), metrics={"accuracy": 0.5}))
    said = hub.card("news")
    assert (said.summary, said.license, said.task, said.languages) == ("Tells news apart.", "mit", "text-classification", ("en", "de"))
    assert said.metrics == {"accuracy": 0.5}
    assert said.extra == {"prompt_format": "compact"}
    assert (source / "README.md").read_text() == readme
    again = hub.pull("news", tmp_path / "out")
    assert hub.push(again, "copy").files == hub.get("news").files


def test_front_matter_that_does_not_read_is_refused_at_the_push(hub: ModelHub, tmp_path: Path) -> None:
    with pytest.raises(HubError, match="front matter that is no YAML"):
        hub.push(model_folder(tmp_path / "source", readme="---\na: [\n---\n"), "news")
    assert hub.list() == ModelHub(tmp_path / "other").list()


def test_a_fresh_hub_holds_the_built_in_models_and_writes_nothing(hub: ModelHub, tmp_path: Path) -> None:
    names = [entry.name for entry in hub.list("model")]
    assert "embedded" in names
    assert hub.card("embedded").task == "text-generation"
    assert (hub.folder("embedded") / "config.json").is_file()
    assert hub.prune().contents == 0
    assert hub.verify() == []
    assert list(tmp_path.iterdir()) == []


def test_a_push_over_a_built_in_name_is_version_2(hub: ModelHub, tmp_path: Path) -> None:
    assert pushed(hub, tmp_path, "embedded", alias="production").version == 2
    hub.tag("embedded@1", "production")
    assert hub.get("embedded@production").folder is not None
    assert [entry.version for entry in hub.versions("embedded")] == [1, 2]
    hub.pull("embedded@1", tmp_path / "out")
    assert (tmp_path / "out" / "model.safetensors").stat().st_size > 1_000_000


def test_an_object_that_saves_itself_can_be_pushed_and_others_cannot(hub: ModelHub) -> None:
    class Tiny:
        def save_pretrained(self, folder: str) -> None:
            Path(folder).rmdir()
            model_folder(Path(folder))

    assert hub.push(Tiny(), "tiny").kind == "model"
    with pytest.raises(HubError, match="found int; expected a folder, or an object with `save_pretrained` or `save`"):
        hub.push(3, "three")
    with pytest.raises(HubError, match="found no folder 'nowhere'"):
        hub.push("nowhere", "nowhere")


def test_a_folder_that_is_nothing_is_refused(hub: ModelHub, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(HubError, match=r"found none of composition.json, dataset.json, adapter_config.json, config.json"):
        hub.push(tmp_path / "empty", "empty")
    (tmp_path / "empty" / "config.json").write_text("{}")
    with pytest.raises(HubError, match="found no weights for the model"):
        hub.push(tmp_path / "empty", "empty")


def test_hidden_files_stay_out_and_linked_folders_are_refused(hub: ModelHub, tmp_path: Path) -> None:
    source = model_folder(tmp_path / "source")
    (source / ".gitattributes").write_text("secret")
    assert ".gitattributes" not in hub.push(source, "news").files
    (source / "link").symlink_to(tmp_path)
    with pytest.raises(HubError, match="found a link to a folder"):
        hub.push(source, "news")


def test_nothing_is_pulled_over_what_is_there(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(HubError, match="with files in it; expected a new or empty folder"):
        hub.pull("news", tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine.txt"]


def test_the_folder_is_the_argument_the_variable_the_file_or_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "project" / "inside").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project" / "inside")
    assert hub_folder() == tmp_path / "project" / "inside" / ".metagpt" / "hub"
    (tmp_path / "project" / "metagpt.toml").write_text('[hub]\npath = "models"\n')
    assert hub_folder() == tmp_path / "project" / "models"
    monkeypatch.setenv("METAGPT_HUB", "there")
    assert ModelHub().path == tmp_path / "project" / "inside" / "there"
    assert hub_folder(tmp_path / "given") == tmp_path / "given"
