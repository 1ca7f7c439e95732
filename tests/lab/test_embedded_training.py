"""The embedded model's training: its corpus and recipe in the job "pretrain", and what is exported of a run."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from metagpt.errors import ConfigError
from metagpt.hub import ModelHub
from metagpt.hub.card import read_card
from metagpt.lab.embedded.__main__ import main
from metagpt.lab.embedded.corpus import examples
from metagpt.lab.embedded.export import export
from metagpt.lab.embedded.generated import EMBEDDED_GOALS
from metagpt.lab.embedded.making import READER, make
from metagpt.lab.jobs import Recipe, RunFolder, read_recipe, run_recipe
from metagpt.lab.pretraining.answers import AnswerBatches, encode, pack_examples
from metagpt.lab.pretraining.generated import load_corpus
from metagpt.lab.pretraining.losses import LossOf, predict_answers
from metagpt.lab.pretraining.models import start_model
from metagpt.lab.pretraining.muon import MuonWithAdam
from metagpt.lab.pretraining.settings import PretrainSettings
from metagpt.lab.pretraining.training import train
from metagpt.lab.train import fit
from metagpt.models.local.card import read_card as read_served
from metagpt.models.local.sign_weights import read_sign_weights
from tests.lab.cut_runs import CutFolder, losses_of, started

WEIGHTS = Path(__file__).parents[2] / "metagpt" / "models" / "embedded_weights"
SMALL: dict[str, Any] = {
    "tokenizer": str(WEIGHTS), "workers": 1, "layers": 1, "width": 32, "heads": 2, "hidden": 48, "rows": 2, "length": 128, "steps": 6,
    "warmup": 2, "validate_every": 2, "validation_tokens": 256, "save_every": 2, "sample_every": 4, "sample_tokens": 4,
    "compiled": False,
}  # fmt: skip
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("METAGPT_HUB", str(tmp_path / "hub"))


@pytest.fixture(scope="module")
def tokenizer():  # type: ignore[no-untyped-def]  # transformers' own type is private
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(WEIGHTS)


def recipe(**changed: Any) -> Recipe:
    return read_recipe(READER).overridden({**SMALL, **changed})


def settings(**changed: Any) -> PretrainSettings:
    found = recipe(**changed).settings()
    assert isinstance(found, PretrainSettings)
    return found


def test_the_recipe_cut_and_resumed_gives_the_same_losses_and_weights_to_the_last_digit(tmp_path: Path) -> None:
    whole, results = run_recipe(recipe(), out=tmp_path / "whole")
    chosen = settings()
    for step in (1, 3, 5):
        cut = started(tmp_path / f"cut{step}", chosen)
        with pytest.raises(KeyboardInterrupt):
            train(0, chosen, CutFolder(cut.path, step))
        _, again = run_recipe(recipe(), resume=cut.path)
        assert losses_of(cut.path) == losses_of(whole.path), step
        assert again["validation_loss"] == results["validation_loss"]
        assert (cut.path / "model" / "model.safetensors").read_bytes() == (whole.path / "model" / "model.safetensors").read_bytes()
    assert len(losses_of(whole.path)) == 6
    assert (whole.path / "losses.png").is_file()
    assert "## Step 4" in (whole.path / "samples.md").read_text()


@pytest.mark.slow
def test_two_workers_train_as_one_that_accumulates_their_batches_of_examples(tmp_path: Path) -> None:
    together, _ = run_recipe(recipe(workers=2, steps=3), out=tmp_path / "two")
    alone, _ = run_recipe(recipe(accumulate=2, steps=3), out=tmp_path / "one")
    assert losses_of(together.path) == pytest.approx(losses_of(alone.path), abs=1e-3)  # products in 16 bits


def test_it_goes_on_from_earlier_weights_with_their_shape_and_tokenizer(tmp_path: Path) -> None:
    changed = {"base": str(WEIGHTS), "steps": 2, "warmup": 50, "sample_tokens": 0}
    folder, results = run_recipe(recipe(**changed), out=tmp_path / "further")
    assert results["parameters"] == 4_610_816
    assert losses_of(folder.path)[1] < 1.0  # one that knows nothing has 7.8
    card = read_card(folder.path / "model")
    assert card.extra["training"]["base"] == "embedded_weights"
    assert "pretrained on from embedded_weights" in card.summary
    with pytest.raises(ConfigError, match=r"no such folder with a config\.json"):
        recipe(base=str(tmp_path / "nothing")).settings()


def test_the_command_is_a_short_form_of_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[Recipe, Path | None]] = []

    def note(given: Recipe, *, out: Path | None, resume: Path | None) -> tuple[RunFolder, dict[str, Any]]:
        ran.append((given, out))
        return RunFolder(tmp_path), {"validation_loss": 1.0}

    monkeypatch.setattr("metagpt.lab.jobs.run_recipe", note)
    assert main(["train", "--out", str(tmp_path / "run"), "--seed", "5", "--tokens", "100000", "--width", "128", "--workers", "1"]) == 0
    [(given, out)] = ran
    assert out == tmp_path / "run"
    plain = read_recipe(READER).settings().model_dump()
    changed = {name: value for name, value in given.settings().model_dump().items() if value != plain[name]}
    assert changed == {"seed": 5, "steps": 24, "width": 128, "heads": 2, "workers": 1}


def test_both_models_are_made_in_one_go_which_goes_on_where_it_was_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(training: Path, out: Path, *, retelling: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as context, pytest.raises(KeyboardInterrupt):
        context.setattr("metagpt.lab.embedded.making.export", lambda *given, **named: (cut if named else export)(*given, **named))
        make(tmp_path, changed={**SMALL, "steps": 2})
    made = [(tmp_path / run / "results.json").stat().st_mtime_ns for run in ("reader", "retelling")]
    model = make(tmp_path, changed={**SMALL, "steps": 2}, sets=("seen",), goals=3)
    assert [(tmp_path / run / "results.json").stat().st_mtime_ns for run in ("reader", "retelling")] == made
    assert RunFolder(tmp_path / "retelling").recipe["base"] == str(model)
    assert len(read_sign_weights(model).none) == 5
    assert read_served(model).retold == {"product_manager.specify": "goal"}
    assert {file.name for file in model.iterdir()} >= {"model.safetensors", "phrases.json", "signs.json", "losses.png", "retelling"}


def test_a_run_is_exported_done_or_going_on_and_its_card_draws_the_lineage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings()
    run = started(tmp_path / "nightly run", chosen)
    with pytest.raises(KeyboardInterrupt):
        train(0, chosen, CutFolder(run.path, 5))
    (run.path / "history.md").write_text("Begun by a test.\n")
    scores = tmp_path / "served.md"
    scores.write_text(
        "| set | goals | right, delivered | wrong, passed |\n|---|---|---|---|\n| test | 60 | 40% | 2% |\n| test outside | 45 | 0% | 4% |\n"
    )
    export(run.path, tmp_path / "shipped", scores=scores)
    card = read_card(tmp_path / "shipped")
    assert card.extra["training"]["steps"] == 4
    assert card.extra["training"]["seed"] == 7
    scored = {name: score for name, score in card.metrics.items() if name.startswith("test")}
    assert scored == {"test_delivered": 0.4, "test_wrong_passed": 0.02, "test_outside_wrong_passed": 0.04}
    assert "Begun by a test." in card.text
    assert card.datasets == tuple(EMBEDDED_GOALS.datasets)
    assert read_served(tmp_path / "shipped").reads["engineer.write_program"] == ("signature", "summary")

    monkeypatch.setattr("metagpt.hub.builtin._embedded_folder", lambda: tmp_path / "shipped")
    graph = ModelHub(tmp_path / "hub").lineage("embedded")
    assert set(graph.edges) == {
        ("dataset:embedded-goals-written", "run:nightly-run"),
        ("dataset:embedded-goals-generated", "run:nightly-run"),
        ("run:nightly-run", "embedded@1"),
    }


def test_the_shipped_model_shows_its_run_its_data_and_its_scores(tmp_path: Path) -> None:
    hub = ModelHub(tmp_path / "hub")
    card = hub.card("embedded")
    assert card.extra["training"]["recipe"] == "metagpt/lab/embedded/recipe.toml"
    assert set(card.extra["training"]["data"]) == set(card.datasets)
    assert 0 < card.metrics["test_delivered"] <= 1
    [run] = hub.get("embedded").parents
    assert sorted(hub.lineage("embedded").predecessors(run)) == ["dataset:embedded-goals-generated", "dataset:embedded-goals-written"]
    drawn = hub.diagram("mermaid", "embedded")
    assert "dataset:embedded-goals-written<br/>dataset" in drawn
    assert drawn.count("-->") == 3


def test_the_corpus_is_found_by_name_and_its_tokenizer_keeps_digits_apart() -> None:
    assert load_corpus("embedded-goals") is EMBEDDED_GOALS
    with pytest.raises(ConfigError, match="no corpora plugin 'embedded-gaols'"):
        load_corpus("embedded-gaols")
    from metagpt.lab.embedded.tokens import train_tokenizer

    small = train_tokenizer(size=400, count=20)
    assert len(small) <= 400
    assert len(small("2026", add_special_tokens=False)["input_ids"]) == 4
    example = next(examples(random.Random(3)))
    assert small.decode(encode(example, small)[0]) == example.prompt


# batches of examples


def model_of(tokenizer, **changed: Any):  # type: ignore[no-untyped-def]
    return start_model(settings(**changed), tokenizer)


def test_batches_are_made_from_stage_seed_and_number_alone(tokenizer) -> None:  # type: ignore[no-untyped-def]
    batches = AnswerBatches(examples, tokenizer, rows=1, length=96, seed=1)
    assert torch.equal(batches[3].tokens, batches[3].tokens)
    assert torch.equal(AnswerBatches(examples, tokenizer, 1, 96, 1, workers=2, rank=1)[1].tokens, batches[3].tokens)
    assert not torch.equal(AnswerBatches(examples, tokenizer, 1, 96, 1, stage="validation")[3].tokens, batches[3].tokens)


def test_a_tiny_model_learns_one_batch_by_heart(tokenizer) -> None:  # type: ignore[no-untyped-def]
    batch = AnswerBatches(examples, tokenizer, rows=1, length=96, seed=1)[0]
    model = model_of(tokenizer, layers=2, width=64, hidden=96)
    made = list(
        fit(
            model,
            [batch] * 120,
            optimizer=MuonWithAdam(model, adam_lr=1e-2),
            schedule=lambda n: 1 - n / 120,
            max_steps=120,
            loss_of=LossOf(predict_answers, 1, CPU, False),
        )
    )
    assert made[0].loss > 5
    assert made[-1].loss < 0.1


@pytest.mark.parametrize("architecture", ["llama", "metagpt"])
def test_examples_packed_into_one_row_do_not_see_each_other(tokenizer, architecture: str) -> None:  # type: ignore[no-untyped-def]
    model = model_of(tokenizer, layers=2, width=64, hidden=96, architecture=architecture).eval()
    loss_of = LossOf(predict_answers, 1, CPU, False)
    found = [example for example, _ in zip(examples(random.Random(1)), range(40), strict=False)]
    short = [example for example in found if sum(map(len, encode(example, tokenizer))) < 90][:2]
    sizes = [sum(map(len, encode(example, tokenizer))) for example in short]
    with torch.no_grad():
        together = pack_examples(iter(short + [short[0]] * 9), tokenizer, rows=1, length=sum(sizes))
        alone = [pack_examples(iter([example] * 9), tokenizer, rows=1, length=size) for example, size in zip(short, sizes, strict=True)]
        counts = [int((batch.targets >= 0).sum()) for batch in alone]
        mean = sum(float(loss_of(model, batch)) * count for batch, count in zip(alone, counts, strict=True)) / sum(counts)
        assert float(loss_of(model, together)) == pytest.approx(mean, rel=1e-4)
