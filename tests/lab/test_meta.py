"""Meta-learning: its gradients by hand, its gains on small tasks, and what it refuses."""

import json
from math import isnan
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from metagpt.errors import ConfigError, LabError
from metagpt.hub import ModelHub
from metagpt.hub.data import Example, TextData
from metagpt.lab.jobs import Recipe, run_recipe
from metagpt.lab.meta import (
    Episodes,
    EpisodeShape,
    MetaConfig,
    MetaLearner,
    Parameters,
    Points,
    Regressor,
    SinusoidTasks,
    Start,
    TaskBatch,
    compare_adaptation,
    fomaml_loss,
    maml_loss,
    measure_adaptation,
    meta_train,
    reptile_loss,
)
from metagpt.lab.meta.rates import FixedRates

CLINC = Path(__file__).parents[3] / "shared" / "data" / "clinc150"
FEWREL = CLINC.parent / "fewrel"


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class Quadratic(nn.Module):
    """L(θ; a) = ½ (θ - a)², whose meta-gradients can be worked by hand."""

    def __init__(self, theta: float) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.tensor(theta))

    def begin(self, shared: Parameters, support: Points) -> Parameters:
        return shared

    def loss(self, parameters: Parameters, points: Points) -> Tensor:
        return 0.5 * ((parameters["theta"] - points.targets) ** 2).mean()

    score = loss


def one_task(support: float, query: float) -> TaskBatch:
    return TaskBatch(*(Points(torch.zeros(1, 1, 1), torch.tensor([[value]])) for value in (support, query)))


def meta_gradient(loss_of, *, steps: int) -> tuple[float, float]:  # type: ignore[no-untyped-def]
    """θ = 3, support a = 1, query b = 2, α = 0.1."""
    network = Quadratic(3.0)
    loss = loss_of(network, dict(network.named_parameters()), one_task(1.0, 2.0), FixedRates(network, 0.1, 0.1), steps)
    torch.autograd.backward(loss)
    assert network.theta.grad is not None
    return float(loss.detach()), float(network.theta.grad)


def test_the_gradient_of_maml_is_that_worked_by_hand() -> None:
    # θ' = 3 - 0.1 (3 - 1) = 2.8; L = ½ (2.8 - 2)² = 0.32; dL/dθ = (θ' - b)(1 - α) = 0.8 · 0.9
    assert meta_gradient(maml_loss, steps=1) == pytest.approx((0.32, 0.72))
    # θ'' = 2.8 - 0.1 · 1.8 = 2.62; dL/dθ = 0.62 · 0.9²
    assert meta_gradient(maml_loss, steps=2) == pytest.approx((0.5 * 0.62**2, 0.62 * 0.81))


def test_fomaml_differs_from_maml_by_the_second_order_factor() -> None:
    assert meta_gradient(fomaml_loss, steps=1) == pytest.approx((0.32, 0.8))
    assert meta_gradient(fomaml_loss, steps=2)[1] == pytest.approx(meta_gradient(maml_loss, steps=2)[1] / 0.81)


def test_reptile_points_from_where_the_inner_steps_lead() -> None:
    # support: 3 -> 2.8; query: 2.8 -> 2.8 - 0.1 (2.8 - 2) = 2.72; the gradient is θ - θ'
    loss, gradient = meta_gradient(reptile_loss, steps=2)
    assert gradient == pytest.approx(3 - 2.72)
    assert loss == pytest.approx(0.5 * 0.72**2)


def test_mamls_gradient_agrees_with_finite_differences() -> None:
    torch.manual_seed(0)
    network = Regressor(hidden=(8,)).double()
    batch = SinusoidTasks(shots=5, tasks=3)[0]
    tasks = TaskBatch(*(Points(part.inputs.double(), part.targets.double()) for part in batch))

    def loss() -> Tensor:
        return maml_loss(network, dict(network.named_parameters()), tasks, FixedRates(network, 0.01, 0.01), 2)

    torch.autograd.backward(loss())
    weight = network.layers[0].weight
    assert isinstance(weight, Tensor)
    assert weight.grad is not None
    with torch.no_grad():
        weight[3, 0] += 1e-6
        above = loss()
        weight[3, 0] -= 2e-6
        below = loss()
    assert float((above - below) / 2e-6) == pytest.approx(float(weight.grad[3, 0]), rel=1e-5)


@pytest.mark.parametrize("algorithm", ["maml", "fomaml", "reptile"])
def test_each_algorithm_learns_to_adapt_to_sine_waves(algorithm: str) -> None:
    torch.manual_seed(0)
    config = MetaConfig(
        algorithm=algorithm,  # type: ignore[arg-type]
        inner_rate=0.02, inner_steps=2, meta_rate=5e-3, iterations=120, tasks=10,
    )  # fmt: skip
    start = Start(Regressor(), inner_rate=0.02)
    held_out = [SinusoidTasks(shots=10, queries=50, tasks=100, seed=99)[0]]
    plain = measure_adaptation(start, held_out, steps=2)
    list(meta_train(start, SinusoidTasks(shots=10, tasks=10, seed=1), config))
    trained = measure_adaptation(start, held_out, steps=2)
    assert trained.after().value < trained.before.value - 0.3
    assert trained.after().value < plain.after().value - 0.3
    assert compare_adaptation(trained, plain).value == pytest.approx(trained.after().value - plain.after().value)


def test_learned_rates_move_and_stay_above_zero() -> None:
    torch.manual_seed(0)
    start = Start(Regressor(hidden=(8,)), inner_rate=0.01, learn_rates=True)
    list(meta_train(start, SinusoidTasks(tasks=5), MetaConfig(inner_rate=0.01, learn_rates=True, meta_rate=0.01, iterations=10)))
    rates = torch.cat([start.rates[name].detach().flatten() for name in start.shared()])  # type: ignore[union-attr]
    assert float(rates.min()) > 0
    assert float((rates - 0.01).abs().max()) > 1e-4


def test_a_training_that_was_cut_goes_on_with_the_same_losses() -> None:
    config = MetaConfig(inner_rate=0.02, inner_steps=1, iterations=8)
    tasks = SinusoidTasks(tasks=4)

    def fresh() -> Start:
        torch.manual_seed(0)
        return Start(Regressor(hidden=(8, 8)), inner_rate=0.02)

    whole = list(meta_train(fresh(), tasks, config))
    first = meta_train(fresh(), tasks, config)
    state = [next(first) for _ in range(3)][-1].state()
    assert [step.loss for step in meta_train(fresh(), tasks, config, resume=state)] == [step.loss for step in whole[3:]]


def test_a_loss_that_is_no_number_ends_with_the_step() -> None:
    start = Start(Regressor(), inner_rate=1e30)
    with pytest.raises(LabError, match="found the loss .* in step 1; expected a finite number"):
        list(meta_train(start, SinusoidTasks(), MetaConfig(inner_rate=1e30, inner_steps=3, iterations=5)))


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"algorithm": "maml2"}, "found algorithm='maml2'"),
        ({"algorithm": "reptile", "inner_steps": 1, "inner_rate": 0.1}, "with reptile 2 or more"),
        ({"algorithm": "reptile", "inner_steps": 2, "inner_rate": 0.0}, "with reptile above 0"),
        ({"meta_rate": 0.0}, "found meta_rate=0.0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict[str, object], told: str) -> None:
    with pytest.raises(LabError, match=told):
        MetaConfig(**settings)  # type: ignore[arg-type]


def test_an_episode_keeps_support_and_query_apart_and_numbers_its_classes() -> None:
    inputs = torch.arange(40.0).unsqueeze(1)
    labels = [f"class {place // 10}" for place in range(40)]
    episodes = Episodes(inputs=inputs, labels=labels, ways=3, shots=2, queries=3, tasks=4)
    batch = episodes[5]
    assert batch.support.inputs.shape == (4, 6, 1)
    assert batch.query.targets[0].tolist() == [0] * 3 + [1] * 3 + [2] * 3
    for task in range(4):
        support, query = (set(points.inputs[task].flatten().tolist()) for points in batch)
        assert not support & query
        assert len({place // 10 for place in support | query}) == 3
    assert torch.equal(episodes[5].support.inputs, batch.support.inputs)


def test_classes_of_a_task_come_from_one_group() -> None:
    inputs = torch.arange(60.0).unsqueeze(1)
    labels, groups = [place // 10 for place in range(60)], [place // 30 for place in range(60)]
    batch = Episodes(inputs=inputs, labels=labels, groups=groups, ways=2, shots=1, queries=1, tasks=20)[0]
    drawn = (batch.support.inputs[:, :, 0] // 30).long()
    assert torch.equal(drawn[:, 0], drawn[:, 1])
    assert set(drawn[:, 0].tolist()) == {0, 1}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"ways": 5}, "found 4 class"),
        ({"shots": 8, "queries": 3}, "found 10 example.*expected 11"),
        ({"shots": 0}, "expected 2 ways or more"),
    ],
)
def test_episodes_that_the_data_cannot_give_are_refused(asked: dict[str, int], told: str) -> None:
    with pytest.raises(LabError, match=told):
        Episodes(inputs=torch.zeros(40, 1), labels=[place // 10 for place in range(40)], **{"ways": 2, **asked})  # type: ignore[arg-type]


class Letters:
    """An encoder of two kinds of numbers: those that tell the classes apart, and louder ones that do not."""

    name = "letters"

    def encode(self, texts):  # type: ignore[no-untyped-def]
        import numpy

        rows = []
        for text in texts:
            kind, number = text.split()
            chance = numpy.random.default_rng(int(number) * 101 + ord(kind))
            row = numpy.concatenate([0.35 * chance.normal(size=8), 2.5 * chance.normal(size=8)])
            row[:8] += numpy.random.default_rng(ord(kind)).normal(size=8)
            rows.append(row / numpy.linalg.norm(row))
        return numpy.asarray(rows, dtype=numpy.float32)


def letters(kinds: str, each: int = 20) -> TextData:
    return TextData(
        [Example(text=f"{kind} {number}", label=kind, fields={"half": kind < "m"}) for kind in kinds for number in range(each)],
        name="letters",
    )


SHAPE = EpisodeShape(ways=5, shots=1, queries=5)


def test_meta_training_on_some_classes_helps_to_adapt_to_others() -> None:
    learner = MetaLearner(MetaConfig(iterations=60, meta_rate=1e-2), encoder=Letters())
    learner.fit(letters("abcdefghijklmn"), letters("opqrs"), shape=SHAPE)
    test = letters("tuvwxyz")
    trained = learner.evaluate(test, shape=SHAPE, tasks=80)
    plain = learner.untrained(test).evaluate(test, shape=SHAPE, tasks=80)
    gain = compare_adaptation(trained, plain)
    assert gain.value - gain.half_width > 0.02
    assert len(str(trained).splitlines()) == 7


def test_a_learner_adapts_to_new_classes_of_any_number(tmp_path: Path) -> None:
    learner = MetaLearner(MetaConfig(iterations=3), encoder=Letters()).fit(letters("abcdefg"), shape=SHAPE)
    support, test = letters("xyz", each=5), letters("xyz", each=30)
    classifier = learner.adapt(support, steps=10)
    said = classifier.predict(test)
    assert sum(found == wanted for found, wanted in zip(said, test.labels, strict=True)) / len(test) > 0.6
    assert classifier.predict_proba(["x 3"]).sum() == pytest.approx(1.0)
    learner.save(tmp_path / "learner")
    again = MetaLearner.load(tmp_path / "learner", encoder=Letters()).adapt(support, steps=10)
    assert (again.predict_proba(test) == classifier.predict_proba(test)).all()
    assert ModelHub(tmp_path / "hub").push(learner, "letters", kind="model").reference == "letters@1"


def test_a_learner_that_was_cut_ends_with_the_same_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("metagpt.lab.meta.learner._SAVE_EVERY", 4)
    config = MetaConfig(iterations=10)

    def cut(step: object) -> None:
        if step.number == 6:  # type: ignore[attr-defined]
            raise KeyboardInterrupt

    def learned(**settings: object) -> Tensor:
        learner = MetaLearner(config, encoder=Letters()).fit(letters("abcdef"), letters("uvwxyz"), shape=SHAPE, **settings)  # type: ignore[arg-type]
        assert learner.start is not None
        weights: Tensor = learner.start.state_dict()["network.up.weight"]
        return weights

    with pytest.raises(KeyboardInterrupt):
        learned(checkpoint=tmp_path / "checkpoint", watch=cut)
    assert torch.equal(learned(checkpoint=tmp_path / "checkpoint"), learned())


def test_what_cannot_be_learned_from_is_refused() -> None:
    learner = MetaLearner(encoder=Letters())
    with pytest.raises(LabError, match="found no start yet"):
        learner.adapt(letters("ab"))
    with pytest.raises(LabError, match="found the class 'c' in training and validation"):
        learner.fit(letters("abc"), letters("cde"))
    with pytest.raises(LabError, match="found no field 'domain'"):
        learner.fit(letters("abcde"), shape=EpisodeShape(group="domain"))
    with pytest.raises(LabError, match=r"letters: True: found 3 class\(es\)"):
        learner.fit(letters("abcuvwxyz"), shape=EpisodeShape(group="half"))
    with pytest.raises(LabError, match=r"expected what `MetaLearner\.save` wrote"):
        MetaLearner.load("nowhere")


def test_the_job_meta_trains_on_sine_waves_and_reports_before_and_after(tmp_path: Path) -> None:
    values = {"task": "sinusoid", "iterations": 60, "tasks": 10, "shots": 10, "test_tasks": 50}
    folder, results = run_recipe(Recipe(kind="meta", values=values), out=tmp_path / "run")
    assert results["after"] < results["before"]
    assert not isnan(results["after_half_width"])
    assert json.loads((folder.path / "results.json").read_text())["after"] == results["after"]
    assert "1 step" in (folder.path / "report.md").read_text()


def test_the_job_of_texts_needs_data(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="found no data"):
        run_recipe(Recipe(kind="meta", values={}), out=tmp_path / "run")


@pytest.mark.skipif(not CLINC.is_dir(), reason="clinc150 is not there")
def test_a_learner_adapts_to_intents_of_a_domain_that_it_never_saw() -> None:
    domains = json.loads((CLINC / "domains.json").read_text())
    rows = json.loads((CLINC / "data_full.json").read_text())["train"]

    def texts(domain: str, intents: int) -> TextData:
        kept = {intent: [text for text, label in rows if label == intent][:6] for intent in domains[domain][:intents]}
        return TextData([Example(text=text, label=intent) for intent, found in kept.items() for text in found], name=domain)

    learner = MetaLearner(MetaConfig(iterations=4, tasks=2))
    learner.fit(texts("banking", 6), shape=EpisodeShape(ways=5, shots=1, queries=2))
    report = learner.evaluate(texts("travel", 6), shape=EpisodeShape(ways=5, shots=1, queries=5), tasks=16)
    assert report.after().value > 0.6


@pytest.mark.skipif(not FEWREL.is_dir(), reason="the data is not there")
def test_relations_of_fewrel_that_training_never_saw_are_told_apart_from_one_example_each() -> None:
    relations = json.loads((FEWREL / "val_wiki.json").read_text())

    def texts(names: list[str]) -> TextData:
        rows = [(name, row) for name in names for row in relations[name][:8]]
        return TextData([Example(text=f"{row['h'][0]} and {row['t'][0]}: {' '.join(row['tokens'])}", label=name) for name, row in rows])

    names = sorted(relations)
    learner = MetaLearner(MetaConfig(iterations=6, tasks=2))
    learner.fit(texts(names[:6]), shape=EpisodeShape(ways=5, shots=1, queries=2))
    report = learner.evaluate(texts(names[6:12]), shape=EpisodeShape(ways=5, shots=1, queries=5), tasks=16)
    assert report.after().value > 0.6  # 0.2 by chance
