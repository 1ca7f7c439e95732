"""Pretraining: exact resume after a cut anywhere, and every part of the way from text to model."""

from __future__ import annotations

import json
import math
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from metagpt.errors import ConfigError, LabError
from metagpt.lab import PretrainSettings, pretrain
from metagpt.lab.architecture import MetaGPTTokenizer
from metagpt.lab.checkpoints import read_checkpoint, write_checkpoint
from metagpt.lab.pretraining import muon
from metagpt.lab.pretraining.answers import pack_in_order
from metagpt.lab.pretraining.averaging import WeightAverage
from metagpt.lab.pretraining.job import run
from metagpt.lab.pretraining.losses import check_packable
from metagpt.lab.pretraining.muon import MuonWithAdam, orthogonalized
from metagpt.lab.pretraining.packing import Windows, pack, windows_in_order
from metagpt.lab.pretraining.schedules import rate_schedule
from metagpt.lab.pretraining.texts import read_corpus, read_pairs
from metagpt.lab.pretraining.training import train
from metagpt.lab.pretraining.watching import validation_loss
from metagpt.lab.train import fit
from tests.lab.cut_runs import CutFolder, losses_of, started

SHAKESPEARE = Path(__file__).parents[3] / "shared" / "data" / "tinyshakespeare" / "input.txt"
TINY: dict[str, Any] = {
    "layers": 1, "width": 16, "heads": 2, "length": 12, "rows": 3, "steps": 7, "warmup": 2, "validate_every": 3, "save_every": 2,
    "sample_every": 4, "sample_tokens": 6, "device": "cpu",
}  # fmt: skip
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "dropout and accumulation": {"dropout": 0.2, "accumulate": 2},
    "16 bits and Muon": {"precision": "bfloat16", "optimizer": "muon"},
    "Llama, Muon, level rate and averaged weights": {
        "architecture": "llama", "optimizer": "muon", "schedule": "wsd", "average": 0.9, "decay_share": 0.5,
    },
    "checkpointed activations": {"checkpointing": True, "positions": "sinusoidal", "gated": False, "norm": "layer"},
}  # fmt: skip


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("METAGPT_HUB", str(tmp_path / "hub"))


@pytest.fixture
def text(tmp_path: Path) -> Path:
    file = tmp_path / "text.txt"
    file.write_text("".join(f"{number} bottles of beer on the wall, {number} bottles of beer.\n" for number in range(99, 60, -1)))
    return file


# exact resume


@pytest.mark.parametrize("way", WAYS)
def test_cut_after_any_step_and_resumed_it_gives_the_same_losses_and_weights_to_the_last_digit(
    text: Path, tmp_path: Path, way: str
) -> None:
    settings = PretrainSettings(data=str(text), **{**TINY, "steps": 5, "sample_tokens": 2, **WAYS[way]})
    whole = started(tmp_path / "whole", settings)
    train(0, settings, whole)
    for step in range(1, settings.steps + 1):
        folder = started(tmp_path / f"cut{step}", settings)
        with pytest.raises(KeyboardInterrupt):
            train(0, settings, CutFolder(folder.path, step))
        train(0, settings, folder)
        assert losses_of(folder.path) == losses_of(whole.path), step
        for name in ("model/model.safetensors", "model/tokenizer.json"):
            assert (folder.path / name).read_bytes() == (whole.path / name).read_bytes()


def test_cut_twice_and_in_the_middle_of_writing_a_checkpoint_it_still_goes_on_exactly(text: Path, tmp_path: Path) -> None:
    settings = PretrainSettings(data=str(text), **TINY)
    whole, folder = (started(tmp_path / name, settings) for name in ("whole", "cut"))
    train(0, settings, whole)
    for step in (3, 6):
        with pytest.raises(KeyboardInterrupt):
            train(0, settings, CutFolder(folder.path, step))
        (folder.path / ".checkpoint.part").write_bytes(b"half a checkp")
    train(0, settings, folder)
    assert losses_of(folder.path) == losses_of(whole.path)


@pytest.mark.slow
def test_a_run_that_was_killed_is_resumed_by_its_folder_and_gives_the_same_losses(text: Path, tmp_path: Path) -> None:
    values = {**TINY, "steps": 40, "data": str(text)}
    whole = pretrain(out=tmp_path / "whole", **values)
    code = (
        "import sys, torch; torch.set_num_threads(1)\n"
        "from metagpt.lab import pretrain\n"
        "from metagpt.lab.jobs import RunFolder\n"
        "log = RunFolder.log\n"
        "def told(self, **values):\n"
        "    log(self, **values)\n"
        "    print(values['step'], flush=True)\n"
        "RunFolder.log = told\n"
        f"pretrain(out={str(tmp_path / 'killed')!r}, **{values!r})\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if int(line) == 9:
                child.kill()
                break
    assert not (tmp_path / "killed" / "results.json").exists()
    resumed = pretrain(resume=tmp_path / "killed")
    assert losses_of(resumed.folder) == losses_of(whole.folder)
    assert resumed.results["validation_loss"] == whole.results["validation_loss"]


@pytest.mark.slow
def test_two_workers_train_as_one_that_accumulates_their_batches(text: Path, tmp_path: Path) -> None:
    values = {**TINY, "data": str(text), "sample_tokens": 0}
    together = pretrain(out=tmp_path / "two", workers=2, **values)
    alone = pretrain(out=tmp_path / "one", accumulate=2, **values)
    found, expected = losses_of(together.folder), losses_of(alone.folder)
    assert found == pytest.approx(expected, abs=1e-5)
    assert together.results["tokens"] == alone.results["tokens"] == 2 * 7 * 3 * 12


# what a run leaves, and what can be done with it


def test_a_run_leaves_a_model_that_loads_and_generates_with_chart_samples_and_card(text: Path, tmp_path: Path) -> None:
    made = pretrain(text, out=tmp_path / "run", **{**TINY, "steps": 40, "learning_rate": 1e-2, "validate_every": 20})
    assert {"recipe.json", "environment.json", "log.jsonl", "losses.png", "samples.md", "results.json"} <= {
        file.name for file in made.folder.iterdir()
    }
    assert (made.folder / "losses.png").read_bytes().startswith(b"\x89PNG")
    assert (made.folder / "samples.md").read_text().count("## Step") == 10
    assert "pipeline_tag: text-generation" in (made.model_folder / "README.md").read_text()
    assert made.results["perplexity"] == pytest.approx(math.exp(made.results["validation_loss"]))
    losses = losses_of(made.folder)
    assert losses[40] < losses[1] - 0.3
    model, tokenizer = made.load()
    assert isinstance(tokenizer, MetaGPTTokenizer)
    ids = torch.tensor([tokenizer("bottles")["input_ids"]])
    assert model.generate(ids, max_new_tokens=4, do_sample=False).shape == (1, 11)
    held_out = read_corpus(str(text), validation_share=0.1, seed=7).validation
    again = validation_loss(model, pack(tokenizer, held_out), length=12, device=torch.device("cpu"))
    assert again == pytest.approx(made.results["validation_loss"], abs=1e-5)


def test_a_saved_model_is_trained_further_and_pushed_to_the_hub(text: Path, tmp_path: Path) -> None:
    from metagpt.hub import ModelHub

    first = pretrain(text, out=tmp_path / "first", **TINY)
    card = first.model_folder / "README.md"
    card.write_text(card.read_text().replace("---\n", "---\nlanguage: [cy]\nlicense: mit\n", 1))
    further = pretrain(text, out=tmp_path / "further", base=first.model_folder, name="bottles", **{**TINY, "warmup": 0})
    assert losses_of(further.folder)[1] < losses_of(first.folder)[1]
    entry = ModelHub().get("bottles")
    assert further.results["hub"] == entry.reference
    assert entry.parents == ("run:further",)
    learnt = ModelHub().card(entry)
    assert (learnt.languages, learnt.license) == (("cy",), "mit"), "as the base's card says"


def test_byte_pairs_over_many_documents(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    for number in range(6):
        (folder / f"{number}.txt").write_text(f"document {number}: " + "the quick brown fox jumps over the lazy dog. " * 8)
    made = pretrain(folder, out=tmp_path / "run", tokenizer="bytes", vocab_size=280, validation_share=0.3, **TINY)
    assert made.results["vocabulary"] <= 280
    tokens = pack(made.load()[1], ["ab", "c"]).tolist()
    end = made.load()[1].eos_token_id
    assert tokens.count(end) == 2
    assert tokens[-1] == end


def test_it_runs_from_a_recipe_and_from_flags(text: Path, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from metagpt.cli.lab import lab

    recipe = tmp_path / "recipe.toml"
    lines = [f"{name} = {json.dumps(value)}" for name, value in {"job": "pretrain", "data": str(text), **TINY, "steps": 2}.items()]
    recipe.write_text("\n".join(lines))
    done = CliRunner().invoke(lab, ["run", str(recipe), "--out", str(tmp_path / "run"), "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.splitlines()[-1])["results"]["tokens"] == 2 * 3 * 12


@pytest.mark.skipif(not SHAKESPEARE.exists(), reason="the shared data is not here")
def test_shakespeare_is_learned(tmp_path: Path) -> None:
    shape: dict[str, Any] = {
        "layers": 2,
        "width": 64,
        "rows": 12,
        "length": 32,
        "steps": 60,
        "warmup": 5,
        "learning_rate": 5e-3,
        "device": "cpu",
    }
    part = tmp_path / "shakespeare.txt"
    part.write_text(SHAKESPEARE.read_text()[:60_000])
    made = pretrain(part, out=tmp_path / "run", sample_tokens=20, **shape)
    assert made.results["held_out_tokens"] == 6000
    assert made.results["validation_loss"] < 3.3  # what the frequencies of single characters give


@pytest.mark.skipif(not SHAKESPEARE.exists(), reason="the shared data is not here")
def test_shakespeare_is_learned_by_muon_with_a_level_rate_and_averaged_weights(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "layers": 2, "width": 64, "rows": 12, "length": 32, "steps": 60, "warmup": 5, "learning_rate": 5e-3, "device": "cpu",
        "architecture": "llama", "optimizer": "muon", "beta2": 0.95, "weight_decay": 0.01, "schedule": "wsd", "sample_tokens": 0,
    }  # fmt: skip
    part = tmp_path / "shakespeare.txt"
    part.write_text(SHAKESPEARE.read_text()[:60_000])
    plain = pretrain(part, out=tmp_path / "plain", **values)
    averaged = pretrain(part, out=tmp_path / "averaged", average=0.9, **values)
    assert losses_of(plain.folder) == losses_of(averaged.folder)  # the mean is looked at, and changes nothing
    assert plain.results["validation_loss"] < 2.9
    assert averaged.results["validation_loss"] < 2.9
    assert plain.results["validation_loss"] != averaged.results["validation_loss"]
    assert type(averaged.load()[0]).__name__ == "LlamaForCausalLM"
    held_out = read_corpus(str(part), validation_share=0.1, seed=7).validation
    model, tokenizer = averaged.load()
    again = validation_loss(model, pack(tokenizer, held_out), length=32, device=torch.device("cpu"))
    assert again == pytest.approx(averaged.results["validation_loss"], abs=1e-5)  # the mean was saved


# prompts with answers


@pytest.fixture
def sums(tmp_path: Path) -> Path:
    file = tmp_path / "sums.csv"
    rows = [f"{a} plus {b} is,{a + b} in all" for a in range(8) for b in range(8)]
    file.write_text("\n".join(["question,reply", *rows]))
    return file


def test_prompts_with_answers_are_packed_and_learned_from_a_table(sums: Path, tmp_path: Path) -> None:
    values = {**TINY, "length": 48, "rows": 8, "width": 64, "steps": 60, "learning_rate": 1e-2, "prompt": "2 plus 2 is"}
    made = pretrain(sums, out=tmp_path / "run", texts="question", answers="reply", average=0.8, **values)
    assert made.results["held_out_tokens"] == sum(len(pair.answer) + 1 for pair in held_out_pairs(sums))
    assert made.results["validation_loss"] < 0.6  # " in all" is sure, the number is not
    cut = tmp_path / "cut"
    settings = PretrainSettings(data=str(sums), texts="question", answers="reply", **{**values, "steps": 4})
    folder = started(cut, settings)
    with pytest.raises(KeyboardInterrupt):
        train(0, settings, CutFolder(folder.path, 3))
    train(0, settings, folder)
    whole = started(tmp_path / "whole", settings)
    train(0, settings, whole)
    assert losses_of(cut) == losses_of(whole.path)


def held_out_pairs(sums: Path) -> Any:
    return read_pairs(str(sums), "question", "reply", validation_share=0.1, seed=7).validation


def test_examples_that_do_not_fit_and_answers_that_are_none_are_named(sums: Path, tmp_path: Path) -> None:
    with pytest.raises(LabError, match="found no held-out example of 6 tokens or less|1000 examples of more than 6 tokens"):
        pretrain(sums, out=tmp_path / "short", texts="question", answers="reply", **{**TINY, "length": 6})
    with pytest.raises(LabError, match="expected a column 'answer'"):
        pretrain(sums, out=tmp_path / "column", texts="question", answers="answer", **TINY)
    numbers = tmp_path / "numbers.jsonl"
    numbers.write_text('{"text": "one", "reply": 1}\n{"text": "two", "reply": 2}\n')
    with pytest.raises(LabError, match="found 2 answers that are no texts"):
        pretrain(numbers, out=tmp_path / "numbers", answers="reply", **TINY)


def test_packing_in_order_holds_every_example_once(sums: Path) -> None:
    pairs = read_pairs(str(sums), "question", "reply", validation_share=0.1, seed=7).training
    tokenizer = MetaGPTTokenizer.from_texts([text for pair in pairs for text in (pair.prompt, pair.answer)])
    batches = list(pack_in_order(pairs, tokenizer, rows=3, length=50))
    rows = [str(tokenizer.decode(row[owners > 0])) for batch in batches for row, owners in zip(batch.tokens, batch.owners, strict=True)]
    assert "".join(rows) == "".join(f"{pair.prompt}{pair.answer}<|end|>" for pair in pairs)
    assert sum(int((batch.targets != -100).sum()) for batch in batches) == sum(len(pair.answer) + 1 for pair in pairs)
    assert max(len(batch.tokens) for batch in batches) == 3


def test_a_model_that_predicts_otherwise_for_packed_examples_is_refused() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    shape: dict[str, Any] = {"num_hidden_layers": 1, "hidden_size": 8, "num_attention_heads": 2, "vocab_size": 11}
    plain = LlamaForCausalLM(LlamaConfig(**shape, intermediate_size=8))
    check_packable(plain)
    check_packable(GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=11)))
    plain.lm_head.register_forward_hook(lambda module, inputs, output: output / 2 if inputs[0].shape[1] < 5 else output)
    with torch.no_grad():
        plain.lm_head.weight.mul_(100)
    with pytest.raises(LabError, match="predicts otherwise for packed examples than for each alone"):
        check_packable(plain)


# parts


def test_windows_are_drawn_from_seed_and_number_alone_and_targets_follow() -> None:
    row = torch.arange(100, dtype=torch.int32)
    windows = Windows(row, 4, 8, seed=3)
    batch = windows[5]
    assert torch.equal(batch.targets, batch.tokens + 1)
    assert torch.equal(windows[5].tokens, batch.tokens)
    assert not torch.equal(windows[6].tokens, batch.tokens)
    assert not torch.equal(Windows(row, 4, 8, seed=4)[5].tokens, batch.tokens)
    first, second = (Windows(row, 4, 8, 3, workers=2, rank=rank) for rank in (0, 1))
    assert torch.equal(first[1].tokens, windows[2].tokens)
    assert torch.equal(second[1].tokens, windows[3].tokens)


def test_validation_reads_every_token_once() -> None:
    row = torch.arange(50, dtype=torch.int32)
    seen = [int(token) for _, targets in windows_in_order(row, length=8, rows=3, device=torch.device("cpu")) for token in targets.flatten()]
    assert seen == list(range(1, 50))


def test_the_loss_of_a_model_that_knows_nothing_is_that_of_chance() -> None:
    class Ignorant(nn.Module):
        def forward(self, input_ids: Tensor, use_cache: bool) -> Any:
            return type("Output", (), {"logits": torch.zeros(*input_ids.shape, 10)})

    loss = validation_loss(Ignorant(), torch.arange(37) % 10, length=8, device=torch.device("cpu"))
    assert loss == pytest.approx(math.log(10), abs=1e-6)


@pytest.mark.parametrize(("kind", "middle"), [("linear", 0.55), ("cosine", 0.55)])
def test_rates_rise_fall_and_end_at_the_floor(kind: Any, middle: float) -> None:
    factor = rate_schedule(kind, steps=110, warmup=10, floor=0.1)
    assert [factor(number) for number in (0, 4, 9)] == pytest.approx([1 / 11, 5 / 11, 10 / 11])
    assert [factor(number) for number in (10, 60, 110)] == pytest.approx([1.0, middle, 0.1])
    assert rate_schedule(kind, steps=1, warmup=0, floor=0.0)(0) == 1.0


def test_the_level_rate_rises_stays_and_falls_to_the_floor() -> None:
    factor = rate_schedule("wsd", steps=100, warmup=9, floor=0.0, decay_share=0.5)
    assert [factor(number) for number in (0, 8, 9, 40, 50)] == [0.1, 0.9, 1.0, 1.0, 1.0]
    assert [factor(number) for number in (75, 99, 100)] == [0.5, 1 / 50, 0.0]
    assert rate_schedule("wsd", steps=100, warmup=0, floor=0.1, decay_share=0.5)(75) == pytest.approx(0.55)


@pytest.mark.parametrize("is_16_bit", [True, False])
def test_the_orthogonalized_matrix_keeps_directions_and_evens_out_lengths(is_16_bit: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(muon, "is_16_bit", lambda *_: is_16_bit)
    torch.manual_seed(0)
    gradient = torch.randn(24, 16)
    assert torch.equal(orthogonalized(gradient), orthogonalized(gradient).bfloat16().float()) == is_16_bit
    left, _, right = torch.linalg.svd(gradient, full_matrices=False)
    singular = torch.linalg.svdvals(orthogonalized(gradient))
    assert float(singular.min()) > 0.6
    assert float(singular.max()) < 1.3
    cosine = nn.functional.cosine_similarity(orthogonalized(gradient).flatten(), (left @ right).flatten(), dim=0)
    assert float(cosine) > 0.95


def test_muon_takes_the_hidden_matrices_and_leaves_embeddings_and_norms_to_adam() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    model = GPT2LMHeadModel(GPT2Config(n_layer=1, n_embd=8, n_head=2, vocab_size=11))
    adam, matrices = MuonWithAdam(model, beta2=0.9).param_groups
    assert adam["betas"] == (0.9, 0.9)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert {names[id(parameter)].split(".")[-2] for parameter in matrices["params"]} == {"c_attn", "c_proj", "c_fc"}
    assert {"transformer.wte.weight", "transformer.wpe.weight"} <= {names[id(parameter)] for parameter in adam["params"]}


def test_the_mean_of_the_weights_is_the_one_worked_out_by_hand_and_is_taken_back_out() -> None:
    model = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(1.0)
        average = WeightAverage(model, decay=0.5)
        model.weight.fill_(2.0)
        average.update(model, 1)  # decay 2/11: 2/11 * 1 + 9/11 * 2
        model.weight.fill_(4.0)
        average.update(model, 1000)  # decay 0.5
    expected = 0.5 * (2 / 11 + 18 / 11) + 0.5 * 4
    with average.within(model):
        assert model.weight.item() == pytest.approx(expected)
    assert model.weight.item() == 4.0


def test_gradients_are_clipped_to_the_norm_asked_for() -> None:
    model = nn.Linear(2, 1, bias=False)
    before = model.weight.detach().clone()
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    batches = [torch.tensor([[30.0, 40.0]])]
    step = next(
        fit(model, batches, optimizer=optimizer, schedule=lambda _: 1.0, max_steps=1, loss_of=lambda m, x: m(x).sum(), clip_norm=0.5)
    )
    assert step.gradient_norm == pytest.approx(50.0)
    assert float((model.weight.detach() - before).norm()) == pytest.approx(0.5, rel=1e-3)


def _linear() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 1)


def test_accumulated_batches_make_the_step_of_one_large_batch() -> None:
    rows = torch.randn(8, 3)
    models = _linear(), _linear()
    for model, batches, accumulate in ((models[0], [rows], 1), (models[1], [rows[:4], rows[4:]], 2)):
        [step] = fit(
            model, batches, optimizer=torch.optim.SGD(model.parameters(), lr=0.1), schedule=lambda _: 1.0, max_steps=1,
            loss_of=lambda m, x: m(x).pow(2).mean(), accumulate=accumulate,
        )  # fmt: skip
    torch.testing.assert_close(models[0].weight, models[1].weight)


def test_a_loss_that_is_no_number_stops_before_it_spoils_the_weights() -> None:
    model = _linear()
    good = torch.ones(2, 3)
    steps = fit(
        model, [good, good, good * math.nan, good], optimizer=torch.optim.SGD(model.parameters(), lr=0.1), schedule=lambda _: 1.0,
        max_steps=4, loss_of=lambda m, x: m(x).pow(2).mean(),
    )  # fmt: skip
    made = [next(steps), next(steps)]
    before = model.weight.detach().clone()
    with pytest.raises(LabError, match=r"loss nan in step 3; expected a finite number\. Lower the learning rate"):
        next(steps)
    assert len(made) == 2
    assert torch.equal(model.weight, before)


def test_a_checkpoint_that_does_not_fit_on_the_disk_leaves_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint"
    write_checkpoint(path, {"number": 1})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard))
    try:
        with pytest.raises(LabError, match="could not be written"):
            write_checkpoint(path, {"weights": torch.zeros(100_000), "number": 2})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert read_checkpoint(path) == {"number": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["checkpoint"]


# bad input


def test_what_cannot_be_trained_on_is_refused_before_anything_is_written(text: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    for values, told in (
        ({"data": str(tmp_path / "none.txt")}, "no such file"),
        ({}, "found no 'data'"),
        ({"data": str(text), "width": 15}, "width 15 is no multiple of heads 2"),
        ({"data": str(text), "base": str(tmp_path)}, "config.json"),
        ({"data": str(text), "tokenizer": "words"}, "tokenizer"),
        ({"data": str(text), "tokenizer": "corpus"}, "belongs to a generated corpus"),
        ({"data": "embedded-goals", "answers": "reply"}, "has no columns"),
        ({"data": str(text), "architecture": "llama", "dropout": 0.1}, "no dropout"),
        ({"data": str(text), "learning_rte": 1}, "Did you mean 'learning_rate'"),
    ):
        with pytest.raises(ConfigError, match=told):
            pretrain(out=out, **{**TINY, **values})
    assert not out.exists()


def test_too_short_a_text_names_what_is_expected(tmp_path: Path) -> None:
    file = tmp_path / "short.txt"
    file.write_text("abcdefghij")
    with pytest.raises(LabError, match="found 9 tokens to train on; expected more than a window's 12"):
        pretrain(file, out=tmp_path / "run", **TINY)
    file.write_text("")
    with pytest.raises(LabError, match="found 0 characters"):
        pretrain(file, out=tmp_path / "other", **TINY)
    file.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LabError, match="expected a text in UTF-8"):
        pretrain(file, out=tmp_path / "third", **TINY)


def test_other_data_or_a_spoiled_checkpoint_stop_a_resume(text: Path, tmp_path: Path) -> None:
    settings = PretrainSettings(data=str(text), **TINY)
    folder = started(tmp_path / "run", settings)
    with pytest.raises(KeyboardInterrupt):
        run(settings, CutFolder(folder.path, 3))
    kept, words = folder.checkpoint.read_bytes(), text.read_text()
    text.write_text(words + "more")
    with pytest.raises(LabError, match="other data than the run began with"):
        run(settings, folder)
    text.write_text(words)
    folder.checkpoint.write_bytes(b"spoiled")
    with pytest.raises(LabError, match="expected a checkpoint"):
        run(settings, folder)
    folder.checkpoint.write_bytes(kept)
    assert run(settings, folder)["steps"] == 7


def test_a_diverging_run_names_step_and_mend(text: Path, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"in step \d+; expected a finite number\. Lower the learning rate"):
        pretrain(text, out=tmp_path / "run", **{**TINY, "learning_rate": 1e30, "warmup": 0, "norm": "rms", "steps": 20})
    assert not (tmp_path / "run" / "results.json").exists()
