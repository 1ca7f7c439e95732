"""The training of a student by a teacher, or without one: the loop of the lab with the loss of distillation."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from metagpt.hub.data import TextData
from metagpt.lab.checkpoints import read_checkpoint, write_checkpoint
from metagpt.lab.compression.losses import distillation_loss
from metagpt.lab.compression.students import have_same_tokens
from metagpt.lab.compression.subject import Subject, counted
from metagpt.lab.finetuning.batches import Collate, Features
from metagpt.lab.progress import progress_bar
from metagpt.lab.train import fit

__all__ = ["Teaching", "teach"]


@dataclass(frozen=True, kw_only=True)
class Teaching:
    """How a student is taught."""

    steps: int
    batch_size: int = 16
    learning_rate: float = 1e-4
    """At the peak; it rises over the first tenth of the steps and falls to zero."""
    weight_decay: float = 0.01
    temperature: float = 2.0
    """Both logits are divided by it before they are compared."""
    soft: float = 0.7
    """Weight of the teacher's answers; the rest is that of the labels."""
    seed: int = 7

    def rate(self, step: int) -> float:
        """The factor of the peak rate."""
        rise = max(1, self.steps // 10)
        return min((step + 1) / rise, (self.steps - step) / max(1, self.steps - rise))


@dataclass
class _Batches:
    """Batch n of a training: shuffled anew in every pass, the same for the same seed."""

    features: Sequence[Features]
    collate: Collate
    size: int
    seed: int
    teacher: tuple[Sequence[Features], Collate] | None = None
    """The same examples as the teacher takes them, where it has another tokenizer."""
    _orders: dict[int, list[int]] = field(default_factory=dict)

    def __getitem__(self, number: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        size = min(self.size, len(self.features))
        passes, place = divmod(number * size, len(self.features) // size * size)
        if passes not in self._orders:
            self._orders = {passes: random.Random(f"{self.seed}/{passes}").sample(range(len(self.features)), len(self.features))}
        places = self._orders[passes][place : place + size]
        batch = self.collate([self.features[each] for each in places])
        if self.teacher is None:
            return batch, batch
        features, collate = self.teacher
        return batch, collate([features[each] for each in places])


def teach(
    student: Subject,
    teacher: Subject | None,
    data: TextData,
    teaching: Teaching,
    *,
    checkpoint: Path | None = None,
    on_step: Callable[..., None] | None = None,
    after_step: Callable[[nn.Module], None] | None = None,
) -> None:
    """Train the student in place.

    Args:
        student: Its model is trained.
        teacher: Answers the same examples; None for training on the labels alone.
        data: Examples with labels.
        teaching: How.
        checkpoint: Where a training that was cut goes on from; the losses are then those of one that was not.
        on_step: Called with `step` and `loss`.
        after_step: Called with the model after each step, as for pruned weights to be zeroed again.

    Raises:
        LabError: a loss that is no number.
    """
    device = student.model.device
    shares_tokens = teacher is None or have_same_tokens(student, teacher)
    others = None if teacher is None or shares_tokens else (teacher.features(data), teacher.collate)
    batches = _Batches(student.features(data), student.collate, teaching.batch_size, teaching.seed, others)

    def loss_of(model: nn.Module, batch: tuple[dict[str, Tensor], dict[str, Tensor]]) -> Tensor:
        own, theirs = ({name: tensor.to(device) for name, tensor in each.items()} for each in batch)
        logits_NC, labels_N = counted(student.logits(own), own["labels"], is_generator=student.is_generator)
        teacher_NC = None
        if teacher is not None and teaching.soft:
            with torch.no_grad():
                teacher_NC, _ = counted(teacher.logits(theirs), theirs["labels"], is_generator=teacher.is_generator)
        return distillation_loss(logits_NC, teacher_NC, labels_N, temperature=teaching.temperature, soft=teaching.soft)

    torch.manual_seed(teaching.seed)
    steps = fit(
        student.model, batches, optimizer=_optimizer(student.model, teaching), schedule=teaching.rate, max_steps=teaching.steps,
        loss_of=loss_of, start=None if checkpoint is None else read_checkpoint(checkpoint),
    )  # fmt: skip
    with progress_bar(teaching.steps, "teach") as bar:
        for step in steps:
            if after_step is not None:
                after_step(student.model)
            if on_step is not None:
                on_step(step=step.number, loss=step.loss)
            if checkpoint is not None and (step.number % 100 == 0 or step.number == teaching.steps):
                write_checkpoint(checkpoint, step.state())
            bar.n = step.number
            bar.refresh()
    student.model.eval()


def _optimizer(model: Any, teaching: Teaching) -> torch.optim.AdamW:
    """Norms and biases are not decayed."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [each for each in parameters if each.dim() >= 2], "weight_decay": teaching.weight_decay},
        {"params": [each for each in parameters if each.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=teaching.learning_rate)
