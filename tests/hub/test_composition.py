"""Compositions: sequential, parallel, nested, by vote, mean and stacking; in memory and as entries of the hub."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy
import pytest

from metagpt import HubError, ModelHub
from metagpt.hub import Card
from metagpt.hub.composition import Mean, Parallel, Sequential, Stacking, Vote, compose
from metagpt.hub.composition.softmax_regression import SoftmaxRegression
from tests.hub.making import model_folder


class Lower:
    def predict(self, inputs: Sequence[str]) -> list[str]:
        return [text.lower() for text in inputs]


class Keyword:
    """Sure of its word: the class "yes" with probability p where the word is in the text, else 1 - p."""

    def __init__(self, word: str, p: float = 0.9, classes: Sequence[str] = ("no", "yes")) -> None:
        self.word, self.p, self.classes_ = word, p, list(classes)

    def predict_proba(self, inputs: Sequence[str]) -> numpy.ndarray[Any, Any]:
        yes = numpy.asarray([self.p if self.word in text else 1 - self.p for text in inputs])
        return numpy.stack([1 - yes, yes], axis=1)

    def predict(self, inputs: Sequence[str]) -> list[str]:
        return [self.classes_[row] for row in self.predict_proba(inputs).argmax(axis=1)]


def test_in_a_sequence_each_member_gets_what_the_one_before_it_answered() -> None:
    chain = Sequential([Lower(), Keyword("goal")])
    assert chain.predict(["GOAL!", "tax"]) == ["yes", "no"]
    assert chain.predict_proba(["GOAL!"]).tolist() == [pytest.approx([0.1, 0.9])]
    assert chain.classes_ == ["no", "yes"]
    with pytest.raises(HubError, match="found Lower without predict_proba"):
        Sequential([Keyword("goal"), Lower()]).predict_proba(["x"])


def test_side_by_side_every_member_answers_under_its_name() -> None:
    both = Parallel({"sport": Keyword("goal"), "money": Keyword("tax")})
    assert both.predict(["goal", "a tax goal"]) == [{"sport": "yes", "money": "no"}, {"sport": "yes", "money": "yes"}]


def test_the_most_votes_win_and_the_first_member_breaks_a_tie() -> None:
    members = [Keyword("a"), Keyword("b"), Keyword("c")]
    assert Vote(members).predict(["a b", "a", ""]) == ["yes", "no", "no"]
    assert Vote(members[:2]).predict(["a", "b"]) == ["yes", "no"]
    assert Vote(members, weights=[5, 1, 1]).predict(["a", "b c"]) == ["yes", "no"]


def test_the_mean_is_the_weighted_mean_of_probabilities() -> None:
    mean = Mean([Keyword("a", 0.9), Keyword("b", 0.6)], weights=[1, 3])
    assert mean.predict_proba(["a"]).tolist() == [pytest.approx([0.25 * 0.1 + 0.75 * 0.6, 0.25 * 0.9 + 0.75 * 0.4])]
    assert mean.predict(["a", "b"]) == ["yes", "no"]


def test_members_with_other_classes_or_another_order_of_them_are_aligned() -> None:
    mean = Mean([Keyword("a", 0.9), Keyword("a", 0.8, classes=("maybe", "no"))])
    assert mean.classes_ == ["maybe", "no", "yes"]
    assert mean.predict_proba(["a"]).tolist() == [pytest.approx([0.1, 0.45, 0.45])]
    swapped = Mean([Keyword("a", 0.9), Keyword("a", 0.1, classes=("yes", "no"))])
    assert swapped.predict_proba(["a"]).tolist() == [pytest.approx([0.1, 0.9])]


def test_kinds_nest() -> None:
    inner = Mean([Keyword("goal"), Keyword("ball")])
    tree = Sequential([Lower(), Vote([inner, Keyword("win"), Sequential([Keyword("win")])])])
    assert tree.predict(["GOAL BALL", "WIN"]) == ["no", "yes"]
    assert Parallel({"a": tree, "b": inner}).predict(["WIN"]) == [{"a": "yes", "b": "no"}]


def test_stacking_learns_whom_to_trust() -> None:
    texts = [f"{a} {b}" for a in ("a", "x") for b in ("b", "y")] * 10
    labels = ["yes" if "b" in text else "no" for text in texts]
    stacked = Stacking([Keyword("a", 0.99), Keyword("b", 0.7)]).fit(texts, labels)
    assert stacked.predict(["a y", "x b"]) == ["no", "yes"]
    assert Mean(stacked.members).predict(["a y", "x b"]) == ["yes", "no"]  # what the loudest member would have said
    with pytest.raises(HubError, match=r"found it untrained; expected fit\(inputs, labels\)"):
        Stacking(stacked.members).predict(["a"])


def test_the_softmax_regression_is_that_of_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = numpy.random.default_rng(0)
    features = rng.normal(size=(200, 5))
    labels = [int(number) for number in (features @ rng.normal(size=(5, 3)) + rng.normal(size=(200, 3))).argmax(axis=1)]
    ours = SoftmaxRegression.fit(features, labels, penalty=0.5)
    theirs = linear_model.LogisticRegression(C=1 / 0.5, tol=1e-10, max_iter=10_000).fit(features, labels)
    assert ours.predict_proba(features) == pytest.approx(theirs.predict_proba(features), abs=1e-4)
    with pytest.raises(HubError, match="found 2 labels of 1 class"):
        SoftmaxRegression.fit(features[:2], ["a", "a"])


def test_wrong_weights_and_probabilities_of_the_wrong_shape_are_refused() -> None:
    with pytest.raises(HubError, match=r"found weights \[1.0\] of 2 members"):
        Vote([Lower(), Lower()], weights=[1])
    with pytest.raises(HubError, match="found no members"):
        Mean([])
    odd = Keyword("a")
    odd.predict_proba = lambda inputs: numpy.ones((1, 3))  # type: ignore[method-assign]
    with pytest.raises(HubError, match=r"shape \(1, 3\); expected \(1, 2\)"):
        Mean([odd]).predict(["a"])


# in the hub


def open_keyword(folder: Path) -> Keyword:
    config = json.loads((folder / "config.json").read_text())
    return Keyword(config["word"], config["p"])


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelHub:
    monkeypatch.setattr("metagpt.hub.predictors.load_plugin", lambda group, name: {"keyword": open_keyword}[name])
    made = ModelHub(tmp_path / "hub")
    for word, p in (("a", 0.99), ("b", 0.7), ("c", 0.8)):
        folder = model_folder(tmp_path / word, word.encode(), word=word, p=p)
        made.push(folder, word, card=Card(predictor="keyword", task="text-classification"), alias="production")
    return made


def test_a_nested_composition_is_an_entry_that_loads_and_answers_the_same(hub: ModelHub, tmp_path: Path) -> None:
    recipe = {"kind": "vote", "members": ["a@production", {"kind": "mean", "weights": [2, 1], "members": ["b", {"ref": "c@1"}]}]}
    entry = compose(hub, "together", recipe, alias="production")
    assert (entry.kind, entry.parents) == ("composition", ("a@1", "b@1", "c@1"))
    assert hub.card(entry).summary == "A composition: vote(a@1, mean(b@1, c@1))."
    assert hub.card(entry).task == "text-classification"
    loaded = hub.load("together@production")
    mean = Mean([Keyword("b", 0.7), Keyword("c", 0.8)], [2, 1])
    texts = ["a", "a b", "c", "b c", ""]
    assert loaded.predict(texts) == Vote([Keyword("a", 0.99), mean]).predict(texts)
    with pytest.raises(HubError, match="is part of together@1"):
        hub.untag("c", "production")
        hub.remove("c@1")
    assert hub.verify() == []
    assert hub.lineage().has_edge("b@1", "together@1")


def test_a_composition_of_compositions_loads_and_its_members_stay_pinned(hub: ModelHub, tmp_path: Path) -> None:
    compose(hub, "pair", {"kind": "mean", "members": ["a", "b"]})
    compose(hub, "all", {"kind": "parallel", "members": {"pair": "pair", "third": "c@production"}})
    hub.push(model_folder(tmp_path / "new", b"new", word="z", p=0.9), "c", card=Card(predictor="keyword"), alias="production")
    assert hub.load("all").predict(["a c"]) == [{"pair": "yes", "third": "yes"}]


def test_a_stacking_is_fitted_on_examples_and_kept_as_safetensors(hub: ModelHub, tmp_path: Path) -> None:
    texts = [f"{a} {b}" for a in ("a", "x") for b in ("b", "y")] * 10
    labels = ["yes" if "b" in text else "no" for text in texts]
    tree = {"kind": "sequential", "members": [{"kind": "stacking", "members": ["a", {"kind": "stacking", "members": ["b", "c"]}]}]}
    with pytest.raises(HubError, match="a stacking that is not fitted"):
        compose(hub, "stacked", tree)
    entry = compose(hub, "stacked", tree, examples=(texts, labels))
    assert {"stacking-0.safetensors", "stacking-1.safetensors"} < set(entry.files)
    assert hub.load("stacked").predict(["a y", "x b"]) == ["no", "yes"]
    assert hub.verify() == []


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"kind": "votes", "members": ["a"]}, "found kind 'votes'; expected one of .* Did you mean 'vote'"),
        ({"kind": "vote", "members": []}, r"found members \[\] in a vote; expected a list of members"),
        ({"kind": "parallel", "members": ["a"]}, "expected a table of members by name"),
        ({"kind": "mean", "members": ["a", {"kind": "vote", "members": [3]}]}, r"composition.1.0: found 3; expected a reference"),
        ({"kind": "sequential", "members": ["a"], "weights": [1]}, "found 'weights' in a sequential"),
        ({"kind": "vote", "members": ["nobody"]}, "found no 'nobody'"),
    ],
)
def test_a_recipe_that_cannot_be_names_the_place(hub: ModelHub, recipe: dict[str, Any], said: str) -> None:
    with pytest.raises(HubError, match=said):
        compose(hub, "wrong", recipe)


def test_an_entry_that_nobody_can_load_for_predicting_says_what_it_lacks(tmp_path: Path) -> None:
    hub = ModelHub(tmp_path / "hub")
    hub.push(model_folder(tmp_path / "plain"), "plain")
    with pytest.raises(HubError, match="no text classifier and whose card names no predictor"):
        hub.load("plain")


def test_a_text_classifier_of_transformers_is_loaded_and_composed(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    words = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "good", "bad"])}
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(words, unk_token="[UNK]"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]")
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=4, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8, max_position_embeddings=16,
        id2label={0: "minus", 1: "plus"},
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config).eval()
    model.save_pretrained(tmp_path / "model")
    tokenizer.save_pretrained(tmp_path / "model")
    hub = ModelHub(tmp_path / "hub")
    hub.push(tmp_path / "model", "mood")
    texts = ["good", "bad bad good", "other"]
    with torch.inference_mode():
        expected = [torch.softmax(model(**tokenizer(text, return_tensors="pt")).logits, -1)[0].tolist() for text in texts]
    loaded = hub.load("mood")
    assert loaded.predict_proba(texts).tolist() == [pytest.approx(row, abs=1e-5) for row in expected]
    compose(hub, "moods", {"kind": "mean", "members": ["mood", "mood@1"]})
    assert hub.load("moods").predict(texts) == loaded.predict(texts) == [["minus", "plus"][row[1] > row[0]] for row in expected]
