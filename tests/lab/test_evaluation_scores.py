"""Scores against the reference implementation of each, or against values worked by hand."""

from __future__ import annotations

import math
import random
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from metagpt.errors import LabError
from metagpt.hub.data import load_data
from metagpt.lab.evaluation import (
    accuracy,
    bleu,
    entities_of,
    entity_report,
    evaluate_model,
    f1,
    meteor_exact_stem,
    model_perplexity,
    mse,
    perplexity,
    r2,
    rouge,
)
from metagpt.lab.evaluation.text import text_measures

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"


def spoiled(tags: list[list[str]], rng: random.Random, share: float = 0.2) -> list[list[str]]:
    """The tags with some replaced by others."""
    known = sorted({tag for sentence in tags for tag in sentence})
    return [[rng.choice(known) if rng.random() < share else tag for tag in sentence] for sentence in tags]


def of_seqeval(predictions: list[list[str]], labels: list[list[str]]) -> dict[str, dict[str, float]]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from seqeval.metrics import classification_report

        found: dict[str, dict[str, float]] = classification_report(labels, predictions, output_dict=True)
    return found


def assert_equal_to_seqeval(predictions: list[list[str]], labels: list[list[str]]) -> None:
    wanted = of_seqeval(predictions, labels)
    rows = {row.name: row for row in entity_report(predictions, labels)}
    assert rows.keys() == wanted.keys()
    for name, row in rows.items():
        theirs = wanted[name]
        assert (row.precision, row.recall, row.f1, row.support) == (
            theirs["precision"],
            theirs["recall"],
            theirs["f1-score"],
            theirs["support"],
        )


def test_accuracy_and_f1_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import accuracy_score, f1_score, precision_recall_fscore_support

    rng = random.Random(3)
    labels = [rng.choice("abcde") for _ in range(400)]
    predictions = [label if rng.random() < 0.6 else rng.choice("abcdef") for label in labels]
    assert accuracy(predictions, labels) == accuracy_score(labels, predictions)
    assert f1(predictions, labels) == pytest.approx(f1_score(labels, predictions, average="macro", zero_division=0), abs=1e-15)
    assert f1(predictions, labels, average="micro") == pytest.approx(f1_score(labels, predictions, average="micro"), abs=1e-15)
    rows = evaluate_model(predictions, labels).rows
    theirs = precision_recall_fscore_support(labels, predictions, zero_division=0)
    for place, row in enumerate(rows[:6]):
        assert (row.precision, row.recall, row.f1, row.support) == pytest.approx([column[place] for column in theirs])


@pytest.mark.parametrize(
    ("tags", "entities"),
    [
        (["B-PER", "I-PER", "O", "B-LOC"], [("PER", 0, 1), ("LOC", 3, 3)]),
        (["I-PER", "I-PER", "I-LOC"], [("PER", 0, 1), ("LOC", 2, 2)]),
        (["B-PER", "B-PER", "I-LOC"], [("PER", 0, 0), ("PER", 1, 1), ("LOC", 2, 2)]),
        (["B-PER", "I-PER", "E-PER", "I-PER", "S-LOC", "I-LOC"], [("PER", 0, 2), ("PER", 3, 3), ("LOC", 4, 4), ("LOC", 5, 5)]),
        (["B-creative-work", "I-creative-work"], [("creative-work", 0, 1)]),
        (["O", "O"], []),
    ],
)
def test_entities_are_read_as_the_conll_script_reads_them(tags: list[str], entities: list[tuple[str, int, int]]) -> None:
    assert entities_of(tags) == entities


def test_entity_scores_equal_seqeval_to_the_last_digit_on_any_tags() -> None:
    rng = random.Random(5)
    known = ["O", "O", "O"] + [f"{prefix}-{kind}" for prefix in "BIES" for kind in ("person", "creative-work", "group", "product", "x")]
    for _ in range(20):
        labels = [[rng.choice(known) for _ in range(rng.randint(1, 12))] for _ in range(60)]
        assert_equal_to_seqeval(spoiled(labels, rng), labels)


@pytest.mark.skipif(not DATA.is_dir(), reason="the optional data folder is absent")
@pytest.mark.parametrize(
    "name", ["wnut17/emerging.test.conll", "crossner/ai/test.txt", "crossner/music/test.txt", "crossner/science/test.txt"]
)
def test_entity_scores_equal_seqeval_to_the_last_digit_on_real_sets(name: str) -> None:
    labels = load_data(DATA / name, format="conll").labels
    assert_equal_to_seqeval(spoiled(labels, random.Random(7)), labels)


def test_a_tag_of_no_scheme_is_refused_by_name() -> None:
    with pytest.raises(LabError, match="found the tag 'PER'"):
        entities_of(["O", "PER"])


def test_errors_of_numbers_are_those_worked_by_hand() -> None:
    assert mse([1.0, 2.0, 4.0], [1.0, 2.0, 2.0]) == pytest.approx(4 / 3)
    assert r2([1.0, 2.0, 4.0], [1.0, 2.0, 3.0]) == pytest.approx(1 - 1 / 2)
    assert math.isnan(r2([1.0, 2.0], [2.0, 2.0]))


def test_r2_keeps_its_digits_far_from_zero() -> None:
    from sklearn.metrics import r2_score

    labels = [1e9 + each for each in range(20)]
    predictions = [label + (-1) ** place for place, label in enumerate(labels)]
    assert r2(predictions, labels) == pytest.approx(r2_score(labels, predictions), rel=1e-9)


SAID = ["the cat sat on the mat", "he reads books all day long in the garden", "no match"]
TRUE = ["the cat is on the mat", "she read a book all day in the garden", "something else entirely here"]


def test_bleu_summed_over_sentences_is_sacrebleu_of_the_corpus() -> None:
    import sacrebleu

    assert bleu(SAID, TRUE) == sacrebleu.corpus_bleu(SAID, [TRUE]).score
    two = [[first, second] for first, second in zip(TRUE, SAID[::-1], strict=True)]
    assert bleu(SAID, two) == sacrebleu.corpus_bleu(SAID, [TRUE, SAID[::-1]]).score


def test_rouge_is_that_worked_by_hand() -> None:
    """5 of 6 words of each side match; 3 of 5 pairs; the longest common subsequence has 5 of 6 words."""
    assert rouge(SAID[:1], TRUE[:1]) == pytest.approx({"rouge1": 5 / 6, "rouge2": 3 / 5, "rougeL": 5 / 6})


def test_meteor_without_synonyms_is_that_worked_by_hand() -> None:
    """`reads` matches `read` by its stem. 5 of 5 words match in 1 chunk: F = 1, the penalty is 0.5 · (1/5)³."""
    assert meteor_exact_stem(["he reads all the day"], ["he read all the day"]) == pytest.approx(1 - 0.5 * (1 / 5) ** 3)
    """`car` and `automobile` are synonyms, which only WordNet knows: 2 of 3 match in 1 chunk, P = R = F = 2/3."""
    assert meteor_exact_stem(["my red car"], ["my red automobile"]) == pytest.approx(2 / 3 * (1 - 0.5 * (1 / 2) ** 3))


def test_exact_match_takes_any_of_several_references() -> None:
    [measure] = text_measures(["Paris ", "Rome"], [["paris", "Paris"], "Oslo"], ["exact_match"])
    assert measure.value == 0.5


def test_perplexity_weighs_texts_by_their_tokens() -> None:
    assert perplexity([math.log(4)] * 3) == pytest.approx(4)
    assert perplexity([math.log(2), math.log(8)], [2, 1]) == pytest.approx((2 * 2 * 8) ** (1 / 3))
    with pytest.raises(LabError, match="found no tokens"):
        perplexity([])


def test_perplexity_of_a_model_in_one_window_is_that_of_its_own_loss() -> None:
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_positions=64, n_embd=16, n_layer=1, n_head=2)).eval()  # type: ignore[no-untyped-call]

    def tokenize(text: str) -> dict[str, list[int]]:
        return {"input_ids": [ord(letter) % 50 for letter in text]}

    text = "thirty-two letters make one text"
    ids = torch.tensor([tokenize(text)["input_ids"]])
    wanted = math.exp(model(input_ids=ids, labels=ids).loss.item())
    assert model_perplexity(model, tokenize, [text]).value == pytest.approx(wanted, rel=1e-5)
    windowed = model_perplexity(model, tokenize, [text], window=8, stride=4)
    assert windowed.parts_NP[0, 1] == len(text) - 1, "every token but the first is scored once"


@pytest.mark.parametrize(
    ("predictions", "labels", "told"),
    [
        (["a"], ["a", "b"], "found 1 predictions for 2 labels"),
        ([], [], "found no labels"),
        ([0, 1], ["a", "b"], "Turn numbers of classes into their names"),
        ([["O"]], [["O", "O"]], "sentence 0: found 1 predicted tags for 2 words"),
        ([math.nan], [1.0], "prediction 0: found nan"),
    ],
)
def test_predictions_that_do_not_belong_to_the_labels_are_refused(predictions: list[object], labels: list[object], told: str) -> None:
    with pytest.raises(LabError, match=told):
        evaluate_model(predictions, labels)


def test_scores_load_no_torch() -> None:
    code = "import sys; from metagpt import evaluate_model; print(evaluate_model(['a'], ['a'])['accuracy'], 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1.0 False"
