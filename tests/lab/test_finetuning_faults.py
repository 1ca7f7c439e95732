"""Fine-tuning that is refused, cut or spoiled, and its job."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from metagpt.errors import LabError, MetaGPTError
from metagpt.hub.data import Example, Splits, TextData
from metagpt.lab.finetuning import FinetunedModel, finetune
from metagpt.lab.finetuning.losses import class_loss, class_weights, next_token_loss
from metagpt.lab.finetuning.training import last_whole_checkpoint
from metagpt.lab.jobs import Recipe, run_recipe

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny encoder of random weights that knows a few words."""
    from transformers import BertConfig, BertModel, BertTokenizerFast  # type: ignore[attr-defined]  # a name from before version 5

    folder = tmp_path_factory.mktemp("tiny")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "meal", "film", *map(str, range(100))]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=32,
        initializer_range=0.2,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def reviews(count: int, start: int = 0, label: str | None = None) -> TextData:
    rows = [(f"{word} {number}", label or word) for number in range(start, start + count) for word in ("good", "bad")]
    return TextData((Example(text=text, label=label) for text, label in rows), name="reviews")


def quick(**more: Any) -> dict[str, Any]:
    return {"max_steps": 4, "batch_size": 4, "validation_share": 0, "device": "cpu", "max_length": 16, "learning_rate": 1e-3, **more}


class CutError(Exception):
    """In the place of a kill."""


@pytest.mark.parametrize("method", ["full", "lora", "bottleneck"])
def test_a_training_that_is_cut_goes_on_to_the_same_weights(method: str, encoder: Path, tmp_path: Path) -> None:
    settings = quick(max_steps=8, eval_steps=2, dropout=0.1, method=method)
    validation = reviews(3, start=50)
    whole = finetune(encoder, reviews(10), validation=validation, checkpoint=tmp_path / "whole", **settings)

    def cut(values: Any) -> None:
        if values["step"] >= 6:
            raise CutError

    with pytest.raises(CutError):
        finetune(encoder, reviews(10), validation=validation, checkpoint=tmp_path / "cut", on_log=cut, **settings)
    last = last_whole_checkpoint(tmp_path / "cut")
    assert last is not None
    assert last.name == "checkpoint-4"
    resumed = finetune(encoder, reviews(10), validation=validation, checkpoint=tmp_path / "cut", **settings)
    for (name, one), (_, other) in zip(whole.model.named_parameters(), resumed.model.named_parameters(), strict=True):
        assert torch.equal(one, other), name
    losses = [[line["eval_loss"] for line in each.record.history if "eval_loss" in line] for each in (whole, resumed)]
    assert losses[0] == losses[1]
    assert len(losses[0]) == 4


def test_a_checkpoint_that_was_cut_short_is_passed_over(tmp_path: Path) -> None:
    for step, state in ((2, "{}"), (10, '{"global_'), (12, None)):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    assert last_whole_checkpoint(tmp_path) == tmp_path / "checkpoint-2"


def test_checkpoints_of_another_training_are_refused(encoder: Path, tmp_path: Path) -> None:
    finetune(encoder, reviews(4), checkpoint=tmp_path / "work", **quick(max_steps=1))
    with pytest.raises(LabError, match="other settings"):
        finetune(encoder, reviews(4), checkpoint=tmp_path / "work", **quick(max_steps=2))


def test_a_loss_that_is_no_number_ends_with_step_and_mend_and_saves_nothing(encoder: Path, tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"step 2: found the loss nan.*Lower learning_rate \(now 1e\+30\)"):
        finetune(encoder, reviews(10), checkpoint=tmp_path / "work", **quick(learning_rate=1e30, warmup=0, clip_norm=1e30))
    assert last_whole_checkpoint(tmp_path / "work") is None


def test_without_gain_the_training_stops_early_and_the_best_weights_are_kept(encoder: Path) -> None:
    wrong = TextData([Example(text="good 70", label="bad"), Example(text="bad 71", label="good")], name="wrong")
    settings = quick(max_steps=60, eval_steps=4, patience=2, learning_rate=1e-2)
    trained = finetune(encoder, reviews(20), validation=wrong, **settings)
    scores = {line["step"]: line["eval_f1_macro"] for line in trained.record.history if "eval_f1_macro" in line}
    assert len(scores) < 15
    kept = trained.evaluate(wrong)["f1_macro"]
    assert kept == pytest.approx(max(scores.values()))


def words(*pairs: tuple[str, str]) -> TextData:
    said, tags = zip(*pairs, strict=True)
    return TextData([Example(text=" ".join(said), label=tags, fields={"tokens": list(said)})] * 2, name="words")


TRAIN = reviews(4)


@pytest.mark.parametrize(
    ("data", "more", "told"),
    [
        (TextData([]), {}, "found no examples"),
        (reviews(4, label="one"), {}, "found the one class 'one'"),
        (TRAIN, {"classes": ("good", "bad", "so-so")}, "found no example of class 'so-so'"),
        (TRAIN, {"test": reviews(1, start=50, label="awful")}, "found 1 label.* that the training set never shows .'awful' first at test"),
        (TRAIN, {"test": reviews(1)}, "found 2 text.* in several parts"),
        (Splits({"train": TRAIN, "test": reviews(1, start=60, label="odd")}), {}, "'odd' first at test"),
        (words(("good", "B-x")), {"task": "token-classification", "test": words(("bad", "B-y")), "allow_leaks": True}, "'y' first at test"),
        (TRAIN, {"task": "regression"}, "expected a finite number"),
        (TRAIN, {"task": "token-classification"}, "expected a tag for each word"),
        (TextData([Example(text="x", label=1.5)]), {}, "found the label 1.5; the task classification expected a class"),
        (TRAIN, {"class_weights": {"god": 2.0}}, "Did you mean 'good'"),
        (TRAIN, {"rang": 4}, "found the setting 'rang'.*Did you mean 'rank'"),
        (TRAIN, {"batch_size": 0}, "batch_size: input should be greater than or equal to 1"),
        (TRAIN, {"task": "regression", "label_smoothing": 0.1}, "label_smoothing is for classes"),
        (TRAIN, {"patience": 2}, "patience without a validation set"),
        (TRAIN, {"device": "gpu"}, "device: found 'gpu'"),
        (TRAIN, {"method": "lora", "targets": ("nowhere",)}, "Set targets"),
        (TRAIN, {"method": "bottleneck", "targets": ("nowhere",)}, "whose name ends in nowhere. Set targets"),
    ],
)
def test_what_cannot_be_trained_is_refused_and_nothing_is_written(
    data: TextData, more: dict[str, Any], told: str, encoder: Path, tmp_path: Path
) -> None:
    with pytest.raises(MetaGPTError, match=told):
        finetune(encoder, data, **{**quick(), **more})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("model", "told"), [("./nowhere", "found no config.json"), (7, "found the model 7"), ("no/such-model", "does not load")]
)
def test_a_base_that_is_not_there_is_told_by_name(model: object, told: str) -> None:
    with pytest.raises(LabError, match=told):
        finetune(model, TRAIN, **quick())


def test_a_base_with_pickled_weights_is_not_loaded(encoder: Path, tmp_path: Path) -> None:
    for file in encoder.iterdir():
        if file.suffix != ".safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(LabError, match="does not load"):
        finetune(tmp_path, TRAIN, **quick())


def test_an_evaluation_with_a_label_that_training_never_showed_is_refused(encoder: Path) -> None:
    trained = finetune(encoder, TRAIN, **quick(max_steps=1))
    with pytest.raises(LabError, match="'odd' first at"):
        trained.evaluate(reviews(1, label="odd"))
    with pytest.raises(LabError, match="Put it in a list"):
        trained.predict("good meal")


def test_balanced_weights_are_those_of_scikit_learn_and_weighted_smoothed_loss_that_worked_by_hand() -> None:
    import numpy
    from sklearn.utils.class_weight import compute_class_weight

    labels = ["a"] * 6 + ["b"] * 2
    weights = class_weights("balanced", ["a", "b"], labels)
    assert weights is not None
    assert weights.tolist() == pytest.approx(compute_class_weight("balanced", classes=numpy.array(["a", "b"]), y=labels).tolist())
    logits, targets = torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1])
    p = torch.softmax(logits, -1)
    by_hand = (2 * -p[0, 0].log() + 3 * -p[1, 1].log()) / 5
    assert class_loss(torch.tensor([2.0, 3.0]), 0.0)(logits, targets) == pytest.approx(by_hand.item())
    smoothed = sum(-(0.9 * p[row, target].log() + 0.1 * p[row].log().mean()) for row, target in enumerate(targets)) / 2
    assert class_loss(None, 0.1)(logits, targets) == pytest.approx(float(smoothed))


def test_the_loss_of_the_next_token_is_that_of_transformers() -> None:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=20, n_positions=8, n_embd=8, n_layer=1, n_head=1)).eval()  # type: ignore[no-untyped-call]
    ids = torch.randint(0, 20, (2, 6))
    labels = ids.clone()
    labels[:, :3] = -100
    outputs = model(input_ids=ids, labels=labels)
    assert next_token_loss(0.0)(outputs.logits, labels).item() == pytest.approx(outputs.loss.item(), rel=1e-6)


def write_csv(path: Path, data: TextData) -> str:
    path.write_text("text,label\n" + "".join(f"{each.text},{each.label}\n" for each in data))
    return str(path)


def test_recipes_train_evaluate_and_compare(encoder: Path, tmp_path: Path) -> None:
    train, test = write_csv(tmp_path / "train.csv", reviews(12)), write_csv(tmp_path / "test.csv", reviews(20, start=60))
    values = {**quick(), "model": str(encoder), "data": train, "test": test}
    folder, results = run_recipe(Recipe(kind="finetune", values=values), out=tmp_path / "run")
    assert {path.name for path in folder.path.iterdir()} >= {"model", "loss.png", "log.jsonl", "results.json", "evaluation"}
    assert not folder.checkpoint.exists()
    model = str(folder.path / "model")
    scored, found = run_recipe(Recipe(kind="evaluate", values={"model": model, "data": test}), out=tmp_path / "scored")
    assert found["accuracy"] == results["accuracy"]
    said = [json.loads(line)["prediction"] for line in (scored.path / "predictions.jsonl").read_text().splitlines()]
    assert said == FinetunedModel.load(model).predict(reviews(20, start=60))
    assert (scored.path / "report.md").read_text().startswith("# ")
    right = tmp_path / "right.jsonl"
    right.write_text('"good"\n{"prediction": "bad"}\n' * 20)
    values = {"first": model, "second": str(right), "data": test}
    compared, verdict = run_recipe(Recipe(kind="compare", values=values), out=tmp_path / "compared")
    assert verdict["winner"] == str(right)
    wrong = sum(each != label for each, label in zip(said, ["good", "bad"] * 20, strict=True))
    assert verdict["p_value"] == pytest.approx(min(1, 2 / 2**wrong))
    assert json.loads((compared.path / "comparison.json").read_text())["differences"][0]["test"] == "McNemar exact"


def test_a_job_that_was_cut_goes_on_from_its_checkpoint(encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from metagpt.lab.jobs import RunFolder

    train = write_csv(tmp_path / "train.csv", reviews(12))
    values = {**quick(max_steps=8, eval_steps=2, validation_share=0.25), "model": str(encoder), "data": train}
    log = RunFolder.log

    def cut(self: RunFolder, **line: Any) -> None:
        log(self, **line)
        if line["step"] == 6:
            raise CutError

    with monkeypatch.context() as patched:
        patched.setattr(RunFolder, "log", cut)
        with pytest.raises(CutError):
            run_recipe(Recipe(kind="finetune", values=values), out=tmp_path / "run")
    folder, _ = run_recipe(Recipe(kind=""), resume=tmp_path / "run")
    steps = [line["step"] for line in folder.logged() if "eval_loss" in line]
    assert steps == [2, 4, 6, 6, 8], "step 6 was made twice, steps 2 and 4 once"
