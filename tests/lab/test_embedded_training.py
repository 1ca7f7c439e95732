"""The training loop, its optimizer and its batches, on a model of a few thousand parameters."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import nn

from metagpt.lab.embedded.corpus import examples
from metagpt.lab.embedded.muon import MuonWithAdam, orthogonalized
from metagpt.lab.embedded.network import new_model, packed_loss
from metagpt.lab.embedded.packing import CorpusBatches, encode, pack
from metagpt.lab.embedded.training import warmup_stable_decay
from metagpt.lab.train import Step, fit

pytest.importorskip("transformers")
WEIGHTS = Path(__file__).parents[2] / "metagpt" / "models" / "embedded_weights"


@pytest.fixture(scope="module")
def tokenizer():  # type: ignore[no-untyped-def]  # transformers' own type is private
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(WEIGHTS)


def losses(steps: Sequence[Step]) -> list[float]:
    return [step.loss for step in steps]


def tiny(tokenizer, batches, *, steps: int, start=None):  # type: ignore[no-untyped-def]
    model = new_model(tokenizer, layers=1, width=32, heads=2, hidden=48, seed=1)
    optimizer = MuonWithAdam(model)
    return fit(model, batches, optimizer=optimizer, schedule=lambda n: 1 - n / 20, max_steps=steps, loss_of=packed_loss, start=start)


def test_a_resumed_training_has_the_same_losses_to_the_bit(tokenizer) -> None:  # type: ignore[no-untyped-def]
    batches = CorpusBatches(tokenizer, seed=1, rows=2, length=128)
    whole = list(tiny(tokenizer, batches, steps=6))
    steps = tiny(tokenizer, batches, steps=6)
    for step in steps:
        if step.number == 3:
            state = step.state()
            break
    rest = list(tiny(tokenizer, batches, steps=6, start=state))
    assert losses(rest) == losses(whole)[3:]
    assert [step.number for step in rest] == [4, 5, 6]


def test_a_tiny_model_learns_one_batch_by_heart(tokenizer) -> None:  # type: ignore[no-untyped-def]
    batch = CorpusBatches(tokenizer, seed=1, rows=1, length=96)[0]
    model = new_model(tokenizer, layers=2, width=64, heads=2, hidden=96, seed=1)
    optimizer = MuonWithAdam(model, adam_lr=1e-2)
    made = list(fit(model, [batch] * 120, optimizer=optimizer, schedule=lambda n: 1 - n / 120, max_steps=120, loss_of=packed_loss))
    assert made[0].loss > 5
    assert made[-1].loss < 0.1


def test_examples_packed_into_one_row_do_not_see_each_other(tokenizer) -> None:  # type: ignore[no-untyped-def]
    model = new_model(tokenizer, layers=2, width=64, heads=2, hidden=96, seed=1)
    found = [example for example, _ in zip(examples(random.Random(1)), range(40), strict=False)]
    short = [example for example in found if sum(map(len, encode(example, tokenizer))) < 90][:2]
    with torch.no_grad():
        together = pack(iter(short + [short[0]] * 9), tokenizer, rows=1, length=sum(sum(map(len, encode(e, tokenizer))) for e in short))
        alone = [pack(iter([example] * 9), tokenizer, rows=1, length=sum(map(len, encode(example, tokenizer)))) for example in short]
        counts = [int((batch.targets_BT >= 0).sum()) for batch in alone]
        mean = sum(float(packed_loss(model, batch)) * count for batch, count in zip(alone, counts, strict=True)) / sum(counts)
        assert float(packed_loss(model, together)) == pytest.approx(mean, rel=0.02)


def test_the_orthogonalized_matrix_keeps_directions_and_evens_out_lengths() -> None:
    torch.manual_seed(0)
    gradient = torch.randn(24, 16)
    left, _, right = torch.linalg.svd(gradient, full_matrices=False)
    singular = torch.linalg.svdvals(orthogonalized(gradient))
    assert float(singular.min()) > 0.6
    assert float(singular.max()) < 1.3
    cosine = nn.functional.cosine_similarity(orthogonalized(gradient).flatten(), (left @ right).flatten(), dim=0)
    assert float(cosine) > 0.95


def test_the_rate_goes_up_stays_and_falls_to_zero() -> None:
    factor = warmup_stable_decay(100, warmup=10, decay_share=0.5)
    assert [factor(number) for number in (0, 9, 40, 75)] == [0.1, 1.0, 1.0, 0.5]
    assert factor(99) == 1 / 50


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
