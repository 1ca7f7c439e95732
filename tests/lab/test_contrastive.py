"""Contrastive training: its losses by hand and against a reference, and the trainer from texts to a classifier in the hub."""

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import normalize

from metagpt.errors import HubError, LabError
from metagpt.hub import ModelHub, TaskDescription
from metagpt.hub.data import Example, TextData, few_shot
from metagpt.lab.contrastive import ContrastiveConfig, ContrastiveModel, ContrastiveTrainer, nt_xent, supervised_contrastive
from metagpt.lab.contrastive.batches import BalancedBatches
from metagpt.lab.contrastive.encoder import TrainedEncoder
from metagpt.lab.contrastive.head import LinearHead, fit_head, fit_temperature
from metagpt.lab.contrastive.training import Progress
from metagpt.lab.jobs import Recipe, run_recipe

BANKING = Path(__file__).parents[3] / "shared" / "data" / "banking77"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


# the losses


def test_nt_xent_is_what_the_formula_gives_by_hand() -> None:
    # four views, two pairs of equal vectors at right angles, τ = 1: each term is -log(e / (e + 1 + 1))
    first = torch.eye(2)
    assert float(nt_xent(first, first, temperature=1.0)) == pytest.approx(math.log((math.e + 2) / math.e))
    # τ = 0.5 doubles every similarity
    assert float(nt_xent(first, first, temperature=0.5)) == pytest.approx(math.log((math.e**2 + 2) / math.e**2))


def test_the_supervised_loss_is_what_the_formula_gives_by_hand() -> None:
    # classes 0, 0, 1: the third is alone and left out; for the first two -log(e^cos / (e^cos + e^0)) with cos = 0.6
    vectors = torch.tensor([[1.0, 0.0, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    found = float(supervised_contrastive(vectors, torch.tensor([0, 0, 1]), temperature=1.0))
    assert found == pytest.approx(math.log((math.exp(0.6) + 1) / math.exp(0.6)))


def test_two_views_of_a_class_each_make_the_supervised_loss_nt_xent() -> None:
    torch.manual_seed(0)
    first, second = (normalize(torch.randn(5, 8), dim=1) for _ in range(2))
    supervised = supervised_contrastive(torch.cat([first, second]), torch.arange(5).repeat(2), temperature=0.3)
    assert float(supervised) == pytest.approx(float(nt_xent(first, second, temperature=0.3)), rel=1e-6)


def test_the_losses_are_those_of_pytorch_metric_learning() -> None:
    losses = pytest.importorskip("pytorch_metric_learning.losses")
    torch.manual_seed(1)
    first, second = (normalize(torch.randn(6, 16), dim=1) for _ in range(2))
    both, labels = torch.cat([first, second]), torch.arange(6).repeat(2)
    assert float(nt_xent(first, second, temperature=0.07)) == pytest.approx(
        float(losses.NTXentLoss(temperature=0.07)(both, labels)), rel=1e-5
    )
    classes = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 0, 1, 1])
    theirs = losses.SupConLoss(temperature=0.1)(both, classes)
    assert float(supervised_contrastive(both, classes, temperature=0.1)) == pytest.approx(float(theirs), rel=1e-5)


# batches and head


def test_every_text_occurs_once_in_an_epoch_and_never_without_another_of_its_class() -> None:
    labels = [place % 11 for place in range(11 * 5)]
    batches = BalancedBatches(labels=labels, size=16, seed=3)
    epoch = [batches[number] for number in range(batches.per_epoch)]
    assert sorted(place for batch in epoch for place in batch) == list(range(55))
    for batch in epoch:
        seen = [labels[place] for place in batch]
        assert all(seen.count(label) >= 2 for label in seen)
        assert len(set(seen)) >= 2
    assert batches[0] != batches[batches.per_epoch], "the next epoch is shuffled anew"
    assert BalancedBatches(labels=labels, size=16, seed=3)[7] == batches[7]


@pytest.mark.parametrize("classes", [2, 5])
def test_the_head_is_the_logistic_regression_of_scikit_learn(classes: int) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    torch.manual_seed(0)
    targets = torch.arange(60) % classes
    vectors = normalize(torch.randn(60, 8) + targets[:, None] * 0.3, dim=1)
    head = fit_head(vectors, targets, classes=classes, penalty=0.5)
    # for two classes a softmax has two rows, w and -w, where sklearn has one: the same optimum at half the penalty
    reference = linear.LogisticRegression(C=2.0 if classes > 2 else 1.0 / (0.5 / 2), max_iter=5000, tol=1e-9).fit(
        vectors.double().numpy(), targets.numpy()
    )
    assert head.probabilities(vectors).numpy() == pytest.approx(reference.predict_proba(vectors.double().numpy()), abs=1e-4)


def test_the_temperature_takes_sureness_from_a_head_that_errs() -> None:
    head = LinearHead(20 * torch.eye(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64))
    vectors = torch.eye(2).repeat(50, 1)
    targets = torch.arange(100) % 2
    targets[:20] = 1 - targets[:20]
    calibrated = fit_temperature(head, vectors, targets)
    assert calibrated.temperature > 5
    assert float(calibrated.probabilities(vectors[:1]).max()) == pytest.approx(0.8, abs=0.02)
    assert fit_temperature(head, vectors[:2], torch.tensor([0, 1])).temperature == pytest.approx(1.0, abs=0.2), (
        "two right answers prove little"
    )


# training

NEWS = {
    "politics": ["the parliament passed the law", "the minister resigned", "voters chose a president", "the senate debates a bill", "the king met the chancellor"],
    "economy": ["shares fell on the market", "the bank raised its rates", "inflation slows down", "exports and profits rise", "the firm cut its prices"],
    "sports": ["the striker scored twice", "she won the marathon", "the coach left the club", "the match ended in a draw", "the keeper saved a penalty"],
}  # fmt: skip


def news(first: int = 0, last: int = 5) -> TextData:
    return TextData([Example(text=text, label=label) for label, texts in NEWS.items() for text in texts[first:last]], name="news")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of 9,000 parameters with words for tokens, as a folder of transformers."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "tiny"
    words = sorted({word for texts in NEWS.values() for text in texts for word in text.split()})
    known = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *words])}
    tokenizer = Tokenizer(WordLevel(known, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    wrapped: Any = PreTrainedTokenizerFast
    wrapped(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=32).save_pretrained(folder)
    torch.manual_seed(0)
    shape: dict[str, Any] = {
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 32,
        "max_position_embeddings": 32,
    }
    BertModel(BertConfig(vocab_size=len(known), **shape)).save_pretrained(folder)
    return folder


def test_a_batch_gives_each_text_the_vector_that_it_has_alone(tiny: Path) -> None:
    encoder = TrainedEncoder(tiny).eval()
    tokens = encoder.tokenize(news().texts)
    together = encoder.encode(tokens, batch_size=4)
    alone = torch.cat([encoder.encode([each]) for each in tokens])
    assert together.norm(dim=1).tolist() == pytest.approx([1.0] * 15, abs=1e-5)
    assert torch.allclose(together, alone, atol=0.02)  # bfloat16


@pytest.mark.parametrize("loss", ["supervised", "nt_xent"])
def test_training_lowers_the_loss_and_leaves_the_vectors_of_tokens_alone(tiny: Path, loss: str) -> None:
    seen: list[Progress] = []
    config = ContrastiveConfig(max_epochs=12, loss=loss, learning_rate=5e-3, tuned_share=1.0, temperature=0.2)  # type: ignore[arg-type]
    model = ContrastiveTrainer(models=tiny, config=config, device="cpu", watch=lambda _, progress: seen.append(progress)).fit(news())
    assert seen[-1].loss < seen[0].loss - 0.1
    assert seen[-1].step == seen[-1].steps == 12
    before, after = (encoder.network[0].auto_model.get_input_embeddings().weight for encoder in (TrainedEncoder(tiny), model.encoder))
    assert torch.equal(before, after)
    if loss == "supervised":
        assert model.predict(news()) == news().labels


def test_one_example_of_a_class_is_enough(tiny: Path) -> None:
    model = ContrastiveTrainer(models=tiny, max_epochs=3, device="cpu").fit(news(0, 1))
    assert model.predict(news(0, 1)) == ["politics", "economy", "sports"]


def test_several_models_are_trained_and_the_best_on_validation_comes_back(tiny: Path) -> None:
    trainer = ContrastiveTrainer(models=[tiny, "minilm"], temperature=0.07, max_epochs=1, device="cpu")
    best = trainer.fit(news(0, 4), news(4, 5))
    assert best.base == "all-minilm-l6-v2@1"
    assert [line.name for line in best.table] == ["all-minilm-l6-v2@1", "tiny"]
    assert best.table[0].accuracy is not None
    assert best.table[1].accuracy is not None
    assert best.table[0].accuracy >= best.table[1].accuracy
    assert best.parents == ("all-minilm-l6-v2@1",)
    assert best.predict(["the goalkeeper won the match"]) == ["sports"]


def test_without_a_validation_set_a_fifth_is_held_out_and_the_best_is_trained_on_all(tiny: Path) -> None:
    steps: list[str] = []
    other = tiny.parent / "broken"
    other.mkdir(exist_ok=True)
    (other / "config.json").write_text("{}")
    trainer = ContrastiveTrainer(models=[other, tiny], max_epochs=1, device="cpu", watch=lambda name, _: steps.append(name))
    best = trainer.fit(news())
    assert steps == ["tiny", "tiny"], "once to choose, once on all"
    assert "does not load" in best.table[1].problem
    assert "broken" in str(best.table[1])


def test_a_training_that_was_cut_ends_with_the_same_weights(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metagpt.lab.contrastive.training._SAVE_EVERY", 2)

    def cut(_: str, progress: Progress) -> None:
        if progress.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ContrastiveTrainer(models=tiny, max_epochs=8, device="cpu", watch=cut).fit(news(), checkpoint=tmp_path / "checkpoint")
    resumed: list[Progress] = []
    again = ContrastiveTrainer(models=tiny, max_epochs=8, device="cpu", watch=lambda _, progress: resumed.append(progress))
    model, whole = (
        again.fit(news(), checkpoint=tmp_path / "checkpoint"),
        ContrastiveTrainer(models=tiny, max_epochs=8, device="cpu").fit(news()),
    )
    assert resumed[0].step == 5
    assert torch.equal(model.encode(news()), whole.encode(news()))
    assert torch.equal(model.head.weight_CD, whole.head.weight_CD)


def test_a_model_predicts_the_same_after_it_went_through_a_folder_and_the_hub(tiny: Path, tmp_path: Path) -> None:
    model = ContrastiveTrainer(models=tiny, max_epochs=1, device="cpu").fit(news())
    probabilities = model.predict_proba(news())
    assert probabilities.sum(axis=1) == pytest.approx([1.0] * 15)
    model.save(tmp_path / "model")
    assert (ContrastiveModel.load(tmp_path / "model").predict_proba(news()) == probabilities).all()
    hub = ModelHub(tmp_path / "hub")
    entry = model.push("news", hub=hub, alias="production")
    assert (entry.reference, entry.kind, hub.card(entry).predictor) == ("news@1", "model", "contrastive")
    assert hub.verify() == []
    loaded = hub.load("news@production")
    assert loaded.predict(news().texts) == model.predict(news())
    assert ContrastiveTrainer(models="hub:news@1", max_epochs=0, device="cpu", hub=hub).fit(news()).parents == ("news@1",)


def test_a_report_says_how_well_it_does_and_a_strange_label_where_it_stands(tiny: Path) -> None:
    model = ContrastiveTrainer(models=tiny, max_epochs=1, device="cpu").fit(news())
    assert 0 <= model.evaluate(news())["accuracy"] <= 1
    with pytest.raises(LabError, match=r"found the label 'weather'; expected one of the 3 classes"):
        model.evaluate(TextData([Example(text="rain", label="weather")]))
    with pytest.raises(LabError, match="Put it in a list"):
        model.predict("one text")


def test_data_and_models_that_cannot_be_are_refused_before_anything_is_done(tiny: Path, tmp_path: Path) -> None:
    trainer = ContrastiveTrainer(models=tiny, device="cpu")
    with pytest.raises(LabError, match=r"found 1 class\(es\); expected two"):
        trainer.fit(TextData([Example(text="a", label="x")]))
    with pytest.raises(LabError, match="found tags or numbers"):
        trainer.fit(TextData([Example(text="a", label=1.5), Example(text="b", label=2.5)]))
    with pytest.raises(LabError, match="never shows"):
        trainer.fit(news(), TextData([Example(text="it rains", label="weather")]))
    with pytest.raises(LabError, match="share no text"):
        trainer.fit(news(), news(0, 1))
    with pytest.raises(LabError, match="found no models"):
        ContrastiveTrainer(models=[]).fit(news())
    with pytest.raises(LabError, match="found the model 'nothing like it'"):
        ContrastiveTrainer(models="nothing like it").fit(news())
    with pytest.raises(HubError, match="gone"):
        ContrastiveTrainer(models="hub:gone@1", hub=ModelHub(tmp_path)).fit(news())
    with pytest.raises(LabError, match=r"found temperature=0\.0; expected a number above 0"):
        ContrastiveTrainer(models=tiny, temperature=0.0)
    with pytest.raises(LabError, match=r"expected a model that `ContrastiveModel\.save` wrote"):
        ContrastiveModel.load(tmp_path)


def test_a_loss_that_is_no_number_ends_with_the_step_and_the_mend(tiny: Path) -> None:
    config = ContrastiveConfig(learning_rate=1e30, max_epochs=20)
    with pytest.raises(LabError, match=r"found the loss nan in step \d+; expected a finite number. Lower the learning rate"):
        ContrastiveTrainer(models=tiny, config=config, device="cpu").fit(news())


def test_the_job_trains_evaluates_and_leaves_a_model_in_its_folder(tiny: Path, tmp_path: Path) -> None:
    for name, data in (("train", news(0, 4)), ("test", news(4, 5))):
        with (tmp_path / f"{name}.csv").open("w", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *((example.text, example.label) for example in data)])
    values = {
        "data": str(tmp_path / "train.csv"),
        "test": str(tmp_path / "test.csv"),
        "models": [str(tiny)],
        "max_epochs": 2,
        "shots": 3,
        "device": "cpu",
    }
    folder, results = run_recipe(Recipe(kind="contrast", values=values), out=tmp_path / "run")
    assert results["examples"] == 9
    assert 0 <= results["accuracy"] <= 1
    assert [line["step"] for line in folder.logged()] == [1, 2]
    assert json.loads((folder.path / "results.json").read_text())["table"][0]["name"] == "tiny"
    assert ContrastiveModel.load(folder.path / "model").classes_ == ["economy", "politics", "sports"]


def test_models_that_the_hub_selected_are_taken_as_they_are(tmp_path: Path) -> None:
    selected = ModelHub(tmp_path).select_models(TaskDescription("Classify short news texts."), top_n=1)
    model = ContrastiveTrainer(models=selected, max_epochs=0, device="cpu").fit(news())
    assert model.base == selected[0].reference


@pytest.mark.skipif(not BANKING.is_dir(), reason="banking77 is not there")
def test_a_few_shots_of_banking77_are_learned_better_than_by_the_frozen_encoder() -> None:
    with (BANKING / "train.csv").open() as train, (BANKING / "test.csv").open() as test:
        sets = [
            TextData([Example(text=row["text"], label=row["category"]) for row in csv.DictReader(file)][:limit], name="banking77")
            for file, limit in ((train, 1500), (test, None))
        ]
    classes = sets[0].classes[:8]
    kept = [TextData([example for example in data if example.label in classes]) for data in sets]
    shots, rows = few_shot(kept[0], 5, seed=1), kept[1].take(range(0, len(kept[1]), 4))
    frozen = ContrastiveTrainer(models="minilm", max_epochs=0, device="cpu").fit(shots).evaluate(rows)["accuracy"]
    tuned = ContrastiveTrainer(models="minilm", max_epochs=6, device="cpu").fit(shots).evaluate(rows)["accuracy"]
    assert tuned >= frozen
    assert tuned > 0.8
