"""What every task says of itself, and the task of a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Protocol

from torch import Tensor

from metagpt.hub.data import TextData
from metagpt.lab.evaluation.tasks import EvaluationTask
from metagpt.lab.finetuning.batches import Features
from metagpt.lab.finetuning.generating import Generation
from metagpt.lab.finetuning.losses import Loss
from metagpt.lab.finetuning.sequences import Classification, Regression
from metagpt.lab.finetuning.settings import GENERATION_TASKS, FinetuneSettings
from metagpt.lab.finetuning.tagging import Tagging

__all__ = ["Task", "learn_task", "read_task"]


class Task(Protocol):
    """How examples become batches, logits become predictions, and both become a loss and a score."""

    pipeline: ClassVar[str]
    """The task as Hugging Face's cards name it."""
    evaluation: ClassVar[EvaluationTask]
    score_name: ClassVar[str | None]
    """What chooses the best checkpoint, higher being better; None for the loss."""

    def describe(self) -> dict[str, Any]:
        """What `read_task` makes the same task of, as JSON values."""
        ...

    def open_model(self, source: str) -> Any:
        """The base with a head for this task, in silence and without running code of its folder."""
        ...

    def encode(self, data: TextData, tokenizer: Any, max_length: int, *, labelled: bool) -> list[Features]:
        """The examples as the model takes them, with labels if asked for."""
        ...

    def loss(self, settings: FinetuneSettings, train: TextData) -> Loss:
        """What is made small."""
        ...

    def score(self, logits: Sequence[Tensor], labels: Sequence[Tensor]) -> float:
        """What `score_name` names."""
        ...


def learn_task(settings: FinetuneSettings, train: TextData) -> Task:
    """The task, with what it must know of the training set: its classes, tags, scale or prompt."""
    if settings.task in GENERATION_TASKS:
        return Generation.learn(settings, train)
    if settings.task == "classification":
        return Classification.learn(train)
    return Regression.learn(train) if settings.task == "regression" else Tagging.learn(train)


def read_task(name: str, said: Mapping[str, Any]) -> Task:
    """The task of a saved model."""
    kinds: dict[str, Any] = {"classification": Classification, "token-classification": Tagging, "regression": Regression}
    task: Task = kinds.get(name, Generation).read(said)
    return task
