"""What a job does on a full disk, with data that leak, when it is interrupted; and what its model says of its base."""

from __future__ import annotations

import csv
import io
import os
import resource
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner

from metagpt.cli.app import app
from metagpt.cli.lab import _add_kind
from metagpt.errors import ConfigError, HubError, LabError
from metagpt.hub import Card, ModelHub, TaskDescription
from metagpt.hub.card import read_card, render_card
from metagpt.hub.durable import no_room, refusal
from metagpt.lab.finetuning import finetune
from metagpt.lab.jobs import JOB_KINDS, Recipe, run_recipe
from metagpt.lab.progress import progress_bar, shown
from metagpt.lab.saving import whole_folder
from tests.lab.small_models import make_encoder, sentences

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_encoder(tmp_path_factory.mktemp("german") / "model", layers=2)
    (folder / "README.md").write_text(render_card(Card(summary="A small encoder.", languages=("de",), license="mit")))
    return folder


def table(file: Path, rows: list[tuple[str, str]]) -> str:
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([("text", "label"), *rows])
    return str(file)


def toy(file: Path, number: int = 24, *, seed: int = 0) -> str:
    return table(file, [(each.text, str(each.label)) for each in sentences(number, seed=seed)])


@contextmanager
def disk_of(size_bytes: int) -> Iterator[None]:
    """No file may grow beyond this size: the system then refuses to write, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def weights_below(folder: Path) -> list[Path]:
    return [
        path
        for path in folder.rglob("*")
        if path.suffix in (".safetensors", ".pt", ".bin") or path.name.startswith((".model", "checkpoint-"))
    ]


# a full disk


def jobs(kind: str, folder: Path, encoder: Path) -> Recipe:
    data = toy(folder / "data.csv")
    values: dict[str, dict[str, Any]] = {
        "contrast": {"data": data, "models": [str(encoder)], "max_epochs": 1},
        "finetune": {"data": data, "model": str(encoder), "max_steps": 1, "validation_share": 0, "max_length": 32},
        "robustness": {"data": data, "test": data, "model": str(encoder), "max_steps": 1, "allow_leaks": True, "validation_share": 0},
    }
    return Recipe(kind=kind, values={"device": "cpu", **values[kind]})


@pytest.mark.parametrize("kind", ["contrast", "finetune", "robustness"])
def test_a_full_disk_ends_a_job_with_a_clear_error_and_no_part_of_a_model(kind: str, tmp_path: Path, encoder: Path) -> None:
    out = tmp_path / "run"
    recipe = jobs(kind, tmp_path, encoder)
    with disk_of(60_000), pytest.raises(LabError, match="File too large.*; expected room") as failed:
        run_recipe(recipe, out=out)
    assert "\n" not in str(failed.value)
    assert weights_below(out) == []
    _, results = run_recipe(Recipe(kind=""), resume=out)
    assert (Path(results["model"]) / "README.md").is_file()


@pytest.mark.parametrize("kind", ["compress", "distill"])
def test_a_model_that_is_made_smaller_leaves_no_part_on_a_full_disk(kind: str, tmp_path: Path, encoder: Path) -> None:
    base = finetune(encoder, sentences(24, seed=0), max_steps=1, validation_share=0, device="cpu", max_length=32).save(tmp_path / "base")
    data, other = toy(tmp_path / "data.csv"), toy(tmp_path / "other.csv", seed=1)
    smaller: dict[str, dict[str, Any]] = {
        "compress": {"model": str(base), "method": "int8"},
        "distill": {"teacher": str(base), "layers": 1, "train": other, "steps": 1},
    }
    out = tmp_path / "run"
    with disk_of(20_000), pytest.raises(LabError, match="File too large|could not be written"):
        run_recipe(Recipe(kind=kind, values={"data": data, "device": "cpu", "rounds": 1, **smaller[kind]}), out=out)
    assert weights_below(out) == []


def test_the_refusals_of_each_writer_are_known(tmp_path: Path) -> None:
    from safetensors.torch import save_file
    from tokenizers import Tokenizer, models

    tensor = torch.zeros(40_000)
    tokenizer = Tokenizer(models.WordLevel({f"word {number}": number for number in range(9_000)}, unk_token="word 0"))
    writers: dict[str, Callable[[Path], object]] = {
        "safetensors": lambda file: save_file({"a": tensor}, file),
        "torch": lambda file: torch.save(tensor, file),
        "tokenizers": lambda file: tokenizer.save(str(file)),
        "python": lambda file: file.write_bytes(bytes(90_000)),
    }
    for name, write in writers.items():
        with disk_of(50_000), pytest.raises(Exception) as failed:  # noqa: PT011 - each writer has a class of its own
            write(tmp_path / name)
        assert refusal(failed.value), name
        assert no_room(failed.value), name
    assert refusal(ValueError("no number")) is None
    assert no_room(PermissionError(13, "Permission denied")) is None


def test_a_folder_that_holds_something_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(LabError, match="with something in it; expected a new folder"), whole_folder(tmp_path, "save"):
        pytest.fail("nothing is begun")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


# data


@pytest.mark.parametrize(
    ("strange", "told"),
    [
        (("hello there", "x"), r"test:2: the same text as .*train|the same text as"),
        (("a new text", "z"), "found the label 'z', which 'train' never shows"),
    ],
)
def test_a_contrastive_training_refuses_its_test_set_before_it_begins(
    strange: tuple[str, str], told: str, tmp_path: Path, encoder: Path
) -> None:
    rows = [("hello there", "x"), ("hello you", "x"), ("good bye", "y"), ("see you", "y")]
    values = {"data": table(tmp_path / "train.csv", rows), "test": table(tmp_path / "test.csv", [strange]), "models": [str(encoder)]}
    out = tmp_path / "run"
    with pytest.raises(LabError, match=told):
        run_recipe(Recipe(kind="contrast", values={**values, "max_epochs": 1}), out=out)
    assert not out.exists()


def test_a_leak_that_is_allowed_is_trained_on(tmp_path: Path, encoder: Path) -> None:
    data = toy(tmp_path / "data.csv")
    values = {"data": data, "test": data, "models": [str(encoder)], "max_epochs": 0, "allow_leaks": True}
    _, results = run_recipe(Recipe(kind="contrast", values=values), out=tmp_path / "run")
    assert results["accuracy"] > 0.3


@pytest.mark.parametrize(
    ("part", "rows", "told"),
    [
        ("test", [("card 0", "late"), ("other", "late")], "the same text as"),
        ("test", [("my own", "card"), ("other", "late")], "found the class 'card' in training and test"),
        ("validation", [("card 0", "late"), ("other", "late")], "the same text as"),
    ],
)
def test_meta_learning_refuses_sets_that_share_texts_or_classes(part: str, rows: list[tuple[str, str]], told: str, tmp_path: Path) -> None:
    train = [(f"{kind} {number}", kind) for kind in ("card", "cash") for number in range(4)]
    values = {"data": table(tmp_path / "train.csv", train), part: table(tmp_path / "part.csv", rows), "ways": 2, "shots": 1, "queries": 1}
    with pytest.raises(LabError, match=told):
        run_recipe(Recipe(kind="meta", values=values), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_student_is_not_taught_before_its_test_labels_are_known(tmp_path: Path, encoder: Path) -> None:
    base = finetune(encoder, sentences(24, seed=0), max_steps=1, validation_share=0, device="cpu", max_length=32).save(tmp_path / "base")
    data = table(tmp_path / "data.csv", [("my card", "nothing")])
    values = {"teacher": str(base), "layers": 1, "train": toy(tmp_path / "train.csv"), "data": data, "steps": 1}
    with pytest.raises(LabError, match="'nothing' first at"):
        run_recipe(Recipe(kind="distill", values=values), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("task", ["sinusoid", "text"])
def test_reptile_runs_with_its_defaults(task: str, tmp_path: Path) -> None:
    values: dict[str, Any] = {"task": task, "algorithm": "reptile", "iterations": 2, "tasks": 2, "test_tasks": 2}
    if task == "text":
        rows = [(f"{kind} {number}", kind) for kind in ("card", "cash") for number in range(4)]
        values |= {"data": table(tmp_path / "train.csv", rows), "ways": 2, "shots": 1, "queries": 1}
    _, results = run_recipe(Recipe(kind="meta", values=values), out=tmp_path / "run")
    assert results["measure"]
    if task == "text":
        card = read_card(Path(results["model"]))
        assert (card.languages, card.license, card.base_models) == (("en",), "apache-2.0", ("all-minilm-l6-v2",))


# folders


def test_what_is_refused_before_anything_was_done_leaves_the_place_free(tmp_path: Path, encoder: Path) -> None:
    out = tmp_path / "run"
    values = {"data": str(tmp_path / "nowhere.csv"), "models": [str(encoder)], "max_epochs": 0}
    with pytest.raises(LabError, match="nowhere"):
        run_recipe(Recipe(kind="contrast", values=values), out=out)
    assert not out.exists()
    run_recipe(Recipe(kind="contrast", values={**values, "data": toy(tmp_path / "data.csv")}), out=out)
    with pytest.raises(ConfigError) as failed:
        run_recipe(Recipe(kind="contrast", values=values), out=out)
    assert "resume" not in str(failed.value), "the run there is done"


# Ctrl-C and progress


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setitem(JOB_KINDS, "count", ("counting_job", "Count."))
    monkeypatch.delitem(sys.modules, "counting_job", raising=False)
    _add_kind("count", "Count.")


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_an_interrupted_job_says_where_it_stands_and_how_to_go_on(more: list[str], tmp_path: Path, counting: None) -> None:
    out = tmp_path / "run"
    done = CliRunner().invoke(app, ["lab", "count", "--steps", "5", "--cut-at", "3", "--out", str(out), *more])
    assert done.exit_code == 130
    assert done.stdout == ""
    assert done.stderr.strip() == f"interrupted after step 2; what was done is in {out}. Go on with: metagpt lab resume {out}"
    again = CliRunner().invoke(app, ["lab", "count", "--steps", "5", "--out", str(out)])
    assert f"or go on with the run there: metagpt lab resume {out}" in again.stderr
    assert CliRunner().invoke(app, ["lab", "resume", str(out)]).exit_code == 0


def test_a_terminal_that_tells_no_width_shows_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "w") as terminal:
        assert os.get_terminal_size(terminal.fileno()).columns == 0
        monkeypatch.setattr(sys, "stderr", terminal)
        with progress_bar(3, "pretrain", done=1) as bar:
            bar.update(2)
        monkeypatch.undo()
        told = ""
        while "3/3" not in told and select.select([ours], [], [], 5)[0]:  # a terminal passes on what it was told in its own time
            told += os.read(ours, 10_000).decode()
    os.close(ours)
    assert "pretrain: 100%" in told
    assert "3/3" in told


def test_a_pipe_is_shown_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    piped = io.StringIO()
    monkeypatch.setattr(sys, "stderr", piped)
    assert list(shown(iter([[0, 1], [2]]), 3, "predict")) == [[0, 1], [2]]
    with progress_bar(1, "pretrain") as bar:
        bar.update()
    assert piped.getvalue() == ""


# cards


def test_models_of_the_lab_have_language_and_license_of_their_base(tmp_path: Path, encoder: Path) -> None:
    data = toy(tmp_path / "data.csv", 12)
    made = finetune(encoder, sentences(24, seed=0), max_steps=1, validation_share=0, device="cpu", max_length=32).save(tmp_path / "tuned")
    runs = {
        "contrast": {"data": data, "models": [str(encoder)], "max_epochs": 0},
        "compress": {"data": data, "model": str(made), "method": "int8", "rounds": 1},
        "distill": {"data": data, "train": data, "allow_leaks": True, "teacher": str(made), "layers": 1, "steps": 1, "rounds": 1},
    }
    folders = [made, *(Path(run_recipe(Recipe(kind=kind, values=said), out=tmp_path / kind)[1]["model"]) for kind, said in runs.items())]
    hub = ModelHub(tmp_path / "hub")
    for number, folder in enumerate(folders):
        card = read_card(folder)
        assert (card.languages, card.license) == (("de",), "mit"), folder
        hub.push(folder, f"made-{number}")
    named = {found.entry.name for found in hub.select_models(TaskDescription("classify", language="de"), top_n=9)}
    assert {f"made-{number}" for number in range(4)} <= named
    with pytest.raises(HubError, match="knows de, not fr"):
        hub.select_models(TaskDescription("classify", language="fr"))


def test_a_contrastive_model_keeps_its_language_when_it_is_loaded_and_pushed(tmp_path: Path, encoder: Path) -> None:
    from metagpt.lab.contrastive import ContrastiveModel, ContrastiveTrainer

    hub = ModelHub(tmp_path / "hub")
    ContrastiveTrainer(encoder, max_epochs=0, device="cpu", hub=hub).fit(sentences(12, seed=0)).save(tmp_path / "model")
    entry = ContrastiveModel.load(tmp_path / "model").push("again", hub=hub)
    assert hub.card(entry).languages == ("de",)


def test_a_tuned_language_model_has_language_and_license_of_its_base(tmp_path: Path) -> None:
    from metagpt.lab.alignment.weights import load_model, save_tuned
    from tests.lab.small_models import make_decoder

    base = make_decoder(tmp_path / "base", layers=1)
    (base / "README.md").write_text(render_card(Card(languages=("de",), license="mit")))
    card = read_card(save_tuned(load_model(base), base, tmp_path / "tuned", Card(summary="Tuned.")))
    assert (card.languages, card.license, card.summary) == (("de",), "mit", "Tuned.")
