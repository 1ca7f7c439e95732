"""Adversarial training against worked values, perturbations whose labels stay true, and the drop that they cause."""

# mypy: disable-error-code="no-untyped-call,no-any-return,operator,arg-type"

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from metagpt.errors import ConfigError, LabError
from metagpt.hub.data import Example, TextData, load_data
from metagpt.lab.evaluation import entities_of
from metagpt.lab.finetuning import FinetunedModel, finetune
from metagpt.lab.jobs import Recipe, run_recipe
from metagpt.lab.robustness import Fgm, FreeLb, adversarial_loss, augment, perturb, read_synonyms, robustness_report
from metagpt.lab.robustness.words import NEIGHBOURS, Sentence, Tables, replace_mentions, type_wrongly
from metagpt.lab.train import fit
from tests.lab.small_models import SUBJECTS, make_encoder, sentences

torch.set_num_threads(1)

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
TRAIN, TEST = sentences(320, seed=1), sentences(80, seed=2)
TAGGED = TextData(
    [
        Example(text="Ada met Alan Turing in Paris", label=("B-PER", "O", "B-PER", "I-PER", "O", "B-LOC"), fields={"tokens": ["Ada", "met", "Alan", "Turing", "in", "Paris"]}),
        Example(text="New York is big", label=("B-LOC", "I-LOC", "O", "O"), fields={"tokens": ["New", "York", "is", "big"]}),
    ],
    name="tagged",
)  # fmt: skip


class Line(nn.Module):
    """Three tokens with embeddings of one number, and the loss a·Σe² of a row's embeddings, the mean over rows."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.table = nn.Embedding(len(values), 1)
        self.dropout = nn.Dropout(0.5)
        with torch.no_grad():
            self.table.weight.copy_(torch.tensor(values)[:, None])

    def get_input_embeddings(self) -> nn.Module:
        return self.table

    def forward(self, ids: Tensor) -> Tensor:
        result: Tensor = self.table(ids).square().sum(dim=(1, 2)).mean()
        return result


# adversaries


def test_fgm_adds_the_loss_at_the_point_worked_by_hand() -> None:
    """e = (3, 4): L = 25, g = (6, 8), r = 0.5 · (0.6, 0.8) = (0.3, 0.4); L(e + r) = 3.3² + 4.4² = 30.25; together 55.25."""
    model = Line(3.0, 4.0)
    ids = torch.tensor([[0, 1]])
    loss = Fgm(epsilon=0.5).loss(model, lambda: model(ids))
    assert float(loss.detach()) == pytest.approx(55.25)
    loss.backward()
    assert model.table.weight.grad is not None
    assert model.table.weight.grad.flatten().tolist() == pytest.approx([6 + 6.6, 8 + 8.8])


def test_each_row_is_moved_by_its_own_length() -> None:
    """Rows (3, 4) and (0, 1) with L the mean of both: the moves are 0.5 each whatever the rows' gradients are."""
    model = Line(3.0, 4.0, 0.0, 1.0)
    loss = Fgm(epsilon=0.5).loss(model, lambda: model(torch.tensor([[0, 1], [2, 3]])))
    assert float(loss.detach()) == pytest.approx((25 + 1) / 2 + (30.25 + 2.25) / 2)


def test_freelb_ascends_inside_its_ball_and_takes_the_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """From δ = 0 with e = (3, 4), rate 0.4, radius 0.5: δ = 0.4, then 0.8 cut to 0.5, all along (0.6, 0.8).

    L(5) = 25, L(5.4) = 29.16, L(5.5) = 30.25; the mean is 28.1367.
    """
    monkeypatch.setattr(torch, "rand_like", lambda tensor: torch.full_like(tensor, 0.5))
    model = Line(3.0, 4.0)
    loss = FreeLb(epsilon=0.5, rate=0.4, steps=3).loss(model, lambda: model(torch.tensor([[0, 1]])))
    assert float(loss.detach()) == pytest.approx((25 + 29.16 + 30.25) / 3)


def test_the_first_move_of_freelb_is_as_long_as_its_source_says() -> None:
    """|δ_0| of each number is at most ε / √N, so that the norm of N numbers is at most ε; padding is not moved."""
    model = Line(0.0, *[1.0] * 9)
    model.table.padding_idx = 0

    def compute() -> Tensor:
        return model(torch.tensor([[1, 2, 3, 4, 0, 0]]))

    torch.manual_seed(1)
    moved: list[Tensor] = []
    plain = Line.forward

    def forward(self: Line, ids: Tensor) -> Tensor:
        moved.append(self.table(ids).detach())
        return plain(self, ids)

    model.forward = lambda ids: forward(model, ids)  # type: ignore[method-assign]
    FreeLb(epsilon=0.5, steps=1).loss(model, compute)
    delta = (moved[0] - torch.tensor([1.0, 1, 1, 1, 0, 0])[None, :, None]).flatten()
    assert delta[:4].abs().max() <= 0.25
    assert delta[:4].abs().sum() > 0
    assert delta[4:].tolist() == [0.0, 0.0]


def test_dropout_draws_the_same_in_all_passes_of_a_step() -> None:
    model = Line(3.0, 4.0)
    drawn: list[list[float]] = []

    def compute() -> Tensor:
        drawn.append(model.dropout(torch.ones(8)).tolist())
        return model(torch.tensor([[0, 1]]))

    torch.manual_seed(0)
    FreeLb(steps=3).loss(model, compute)
    assert drawn[0] == drawn[1] == drawn[2]
    compute()
    assert drawn[3] != drawn[2], "the next step draws anew"


def test_the_embeddings_are_as_before_when_the_step_is_over() -> None:
    model = Line(3.0, 4.0)
    with pytest.raises(ZeroDivisionError):
        Fgm().loss(model, lambda: model(torch.tensor([[0, 1]])) / (1 // 0))
    assert not model.table._forward_hooks
    assert float(model(torch.tensor([[0, 1]])).detach()) == 25.0


def test_a_model_whose_embeddings_the_loss_does_not_use_is_refused() -> None:
    model = Line(1.0)
    with pytest.raises(LabError, match="expected one fed with input_ids"):
        Fgm().loss(model, model.table.weight.sum)


def test_the_loop_of_the_lab_trains_against_an_adversary() -> None:
    """One step of plain SGD on L(e) + L(e + r): e - rate · (gradient worked above)."""
    model = Line(3.0, 4.0)
    loss_of = adversarial_loss(Fgm(epsilon=0.5), lambda model, batch: model(batch))
    steps = fit(
        model, [torch.tensor([[0, 1]])], optimizer=torch.optim.SGD(model.parameters(), lr=0.01), schedule=lambda step: 1.0, max_steps=1,
        loss_of=loss_of, clip_norm=1e9,
    )  # fmt: skip
    assert [step.loss for step in steps] == [pytest.approx(55.25)]
    assert model.table.weight.flatten().tolist() == pytest.approx([3 - 0.126, 4 - 0.168])


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_encoder(tmp_path_factory.mktemp("base") / "encoder", layers=2)


def trained(encoder: Path, data: TextData, **more: Any) -> FinetunedModel:
    return finetune(encoder, data, **{"validation_share": 0, "max_epochs": 6, "learning_rate": 2e-3, "warmup": 0.2, **more})


@pytest.mark.parametrize("adversary", [Fgm(epsilon=0.02), FreeLb(epsilon=0.02, rate=0.01, steps=2)])
def test_finetune_trains_against_an_adversary(encoder: Path, adversary: Fgm | FreeLb) -> None:
    plain, robust = trained(encoder, TRAIN), trained(encoder, TRAIN, adversary=adversary)
    assert robust.evaluate(TEST)["accuracy"] > 0.9
    assert not torch.equal(robust.model.classifier.weight, plain.model.classifier.weight)
    first = [next(line["loss"] for line in model.record.history if "loss" in line) for model in (plain, robust)]
    if isinstance(adversary, Fgm):
        assert first[1] > 1.9 * first[0], "the first step's loss is that of the clean and of the moved batch together"
    assert not robust.model.get_input_embeddings()._forward_hooks


# perturbations


def test_a_typo_is_a_key_beside_the_right_one() -> None:
    assert set(NEIGHBOURS["g"]) == set("tyfhvb")
    assert set(NEIGHBOURS["q"]) == set("wa")
    for seed in range(40):
        before = Sentence(("Hello", "42", "WORLD"))
        after = type_wrongly(before, 2, Tables(), random.Random(seed))
        assert after.words[1] == "42"
        for old, new in zip(before.words, after.words, strict=True):
            changed = [(a, b) for a, b in zip(old, new, strict=True) if a != b]
            assert len(changed) == (0 if old == "42" else 1)
            assert all(b.lower() in NEIGHBOURS[a.lower()] and a.isupper() == b.isupper() for a, b in changed)


def test_perturbed_text_keeps_its_order_and_labels_and_changes_what_was_asked() -> None:
    swapped, deleted = perturb(TEST, "swap", seed=3), perturb(TEST, "delete", strength=0.3, seed=3)
    for before, one, other in zip(TEST, swapped, deleted, strict=True):
        assert sorted(one.text.split()) == sorted(before.text.split())
        words = before.text.split()
        assert len(other.text.split()) == len(words) - max(1, round(0.3 * len(words)))
        assert before.label == one.label == other.label
    assert perturb(TEST, "swap", seed=3) == swapped
    assert perturb(TEST, "swap", seed=4) != swapped
    one_word = TextData([Example(text="card", label="card")])
    assert perturb(one_word, "delete")[0].text == "card"


def test_synonyms_come_from_the_table_of_the_user_alone(tmp_path: Path) -> None:
    table = tmp_path / "synonyms.json"
    table.write_text(json.dumps({"Big": ["large", "huge"]}))
    synonyms = read_synonyms(table)
    data = TextData([Example(text="Big is big", label="x"), Example(text="small", label="x")])
    found = {perturb(data, "synonym", strength=1.0, seed=seed, synonyms=synonyms)[0].text for seed in range(20)}
    assert found == {f"{first} is {second}" for first in ("Large", "Huge") for second in ("large", "huge")}
    assert perturb(data, "synonym", synonyms=synonyms)[1].text == "small"
    table.write_text("[1]")
    with pytest.raises(LabError, match="expected an object"):
        read_synonyms(table)


def test_a_mention_is_replaced_by_another_of_its_type_and_the_tags_follow() -> None:
    for seed in range(20):
        found = perturb(TAGGED, "mention", strength=1.0, seed=seed)
        assert found[0].fields["tokens"] in (["Alan", "Turing", "met", "Ada", "in", "New", "York"],)
        assert found[0].label == ("B-PER", "I-PER", "O", "B-PER", "O", "B-LOC", "I-LOC")
        assert (found[1].text, found[1].label) == ("Paris is big", ("B-LOC", "O", "O"))


def test_mentions_whose_tags_mark_the_end_get_such_tags() -> None:
    before = Sentence(("Ada", "wrote"), ("S-PER", "O"))
    tables = Tables(mentions={"PER": [("Alan", "Mathison", "Turing")]}, has_ends=True)
    after = replace_mentions(before, 1, tables, random.Random(0))
    assert after.tags == ("B-PER", "I-PER", "E-PER", "O")


@pytest.mark.parametrize("kind", ["swap", "delete", "typo", "mention"])
@pytest.mark.parametrize("source", ["small", "wnut17"])
def test_entities_stay_whole_whatever_happens_around_them(kind: str, source: str) -> None:
    if source == "wnut17" and not DATA.is_dir():
        pytest.skip("the folder shared/data is not there")
    data = TAGGED if source == "small" else load_data(DATA / "wnut17" / "wnut17train.conll")[:200]
    changed = perturb(data, kind, strength=0.5, seed=1)
    assert changed != data
    for before, after in zip(data, changed, strict=True):
        assert isinstance(before.label, tuple)
        assert isinstance(after.label, tuple)
        assert len(after.fields["tokens"]) == len(after.label)
        old, new = entities_of(before.label), entities_of(after.label)
        assert [each.type for each in old] == [each.type for each in new]
        if kind in ("swap", "delete"):
            assert [mention(before, each) for each in old] == [mention(after, each) for each in new]


def mention(example: Example, entity: Any) -> list[str]:
    words: list[str] = example.fields["tokens"][entity.start : entity.end + 1]
    return words


def test_an_augmented_set_begins_with_the_set_and_repeats_nothing() -> None:
    found = augment(TRAIN, ["swap", "typo", "swap"], copies=2, seed=1)
    assert found[: len(TRAIN)] == TRAIN[:]
    assert len(TRAIN) * 4 < len(found) <= len(TRAIN) * 5
    seen = [(each.text, each.label) for each in found[len(TRAIN) :]]
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize(
    ("kind", "more", "told"),
    [
        ("tipo", {}, r"found 'tipo'.*Did you mean 'typo'\?"),
        ("synonym", {}, "without a table"),
        ("mention", {}, "has no tags"),
        ("typo", {"strength": 0.0}, "above 0 and at most 1"),
    ],
)
def test_a_perturbation_that_does_not_fit_is_refused(kind: str, more: dict[str, Any], told: str) -> None:
    with pytest.raises(LabError, match=told):
        perturb(TEST, kind, **more)


# the report and the job


class Keywords:
    """Says the class whose word stands in the text; a word typed wrongly is none."""

    def predict(self, inputs: Sequence[Example]) -> list[str]:
        return [next((label for label, words in SUBJECTS.items() if set(words) & set(each.text.split())), "card") for each in inputs]


def test_the_drop_is_nothing_where_order_does_not_matter_and_real_where_words_do(tmp_path: Path) -> None:
    report = robustness_report(Keywords(), TEST, strength=1.0)
    assert report.clean == 1.0
    assert report["swap"].change == 0.0
    assert report["swap"].difference.p_value == 1.0
    typo = report["typo"]
    assert typo.change < -0.4, "every word has a typo: what is left is the guess"
    assert typo.difference.interval.low <= typo.change <= typo.difference.interval.high < 0
    assert typo.difference.p_value < 0.001
    assert typo.changed == len(TEST)
    folder = report.save(tmp_path)
    assert json.loads((folder / "robustness.json").read_text())["drops"]["typo"]["change"] == typo.change
    assert "| typo | 80 |" in (folder / "robustness.md").read_text()
    assert (folder / "robustness.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(LabError, match="found an empty set"):
        robustness_report(Keywords(), TextData([]))


def test_the_job_trains_against_an_adversary_and_reports_beside_a_baseline(encoder: Path, tmp_path: Path) -> None:
    for name, data in (("test", TEST), ("train", TRAIN)):
        (tmp_path / name).mkdir()
        data.save(tmp_path / name)
    values = {
        "model": str(encoder), "data": str(tmp_path / "train"), "test": str(tmp_path / "test"), "adversary": "fgm", "epsilon": 0.01,
        "augment": ["typo"], "copies": 2, "baseline": True, "perturb": ["typo"], "strength": 0.3, "validation_share": 0, "max_epochs": 6,
        "learning_rate": 2e-3, "allow_leaks": True,
    }  # fmt: skip
    folder, results = run_recipe(Recipe(kind="robustness", values=values), out=tmp_path / "run")
    assert results["clean"] > 0.9
    assert results["drops"]["typo"]["score"] > results["baseline"]["drops"]["typo"]["score"], "it has seen typos"
    assert (folder.path / "robustness.md").is_file()
    assert (folder.path / "baseline.png").is_file()
    again, only = run_recipe(
        Recipe(kind="robustness", values={"model": results["model"], "test": str(tmp_path / "test"), "perturb": ["typo"], "strength": 0.3}),
        out=tmp_path / "report",
    )
    assert only["drops"] == results["drops"]
    assert not (again.path / "model").exists()


def test_a_job_that_cannot_be_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    for values, told in (
        ({"adversary": "fgm"}, "give data"),
        ({"perturb": ["synonym"]}, "synonym needs the table"),
        ({"adversary": "pgd"}, "fgm"),
    ):
        with pytest.raises(ConfigError, match=told):
            run_recipe(Recipe(kind="robustness", values={"model": "x", "test": "y", **values}), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()
