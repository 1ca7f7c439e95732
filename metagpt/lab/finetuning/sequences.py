"""Tasks with one answer for a text: a class, or a number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, pstdev
from typing import Any, ClassVar

from torch import Tensor

from metagpt.hub.data import TextData
from metagpt.lab.evaluation.classification import f1
from metagpt.lab.evaluation.tasks import EvaluationTask
from metagpt.lab.finetuning.base import opened
from metagpt.lab.finetuning.batches import Features
from metagpt.lab.finetuning.losses import Loss, class_loss, class_weights, number_loss
from metagpt.lab.finetuning.settings import FinetuneSettings

__all__ = ["Classification", "Regression"]


def _open(source: str, **heads: Any) -> Any:  # Any: a model of transformers
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    with opened(source):
        model = AutoModelForSequenceClassification.from_pretrained(
            source, trust_remote_code=False, use_safetensors=True, ignore_mismatched_sizes=True, **heads
        )
        if model.config.pad_token_id is None:  # decoders read the last token that is no padding
            tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
            model.config.pad_token_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    return model


def _tokenized(data: TextData, tokenizer: Any, max_length: int) -> list[dict[str, Any]]:
    encoded = tokenizer(data.texts, truncation=True, max_length=max_length)
    return [{name: encoded[name][place] for name in encoded} for place in range(len(data))]


@dataclass(frozen=True)
class Classification:
    """One of several classes for each text."""

    classes: tuple[Any, ...]
    pipeline: ClassVar[str] = "text-classification"
    evaluation: ClassVar[EvaluationTask] = "classification"
    score_name: ClassVar[str | None] = "f1_macro"

    @classmethod
    def learn(cls, train: TextData) -> Classification:
        return cls(tuple(train.classes))

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Classification:
        return cls(tuple(said["classes"]))

    def describe(self) -> dict[str, Any]:
        return {"classes": list(self.classes)}

    def open_model(self, source: str) -> Any:
        names = {number: str(name) for number, name in enumerate(self.classes)}
        return _open(source, num_labels=len(names), id2label=names, label2id={name: number for number, name in names.items()})

    def encode(self, data: TextData, tokenizer: Any, max_length: int, *, labelled: bool) -> list[Features]:
        rows = _tokenized(data, tokenizer, max_length)
        if labelled:
            place = {name: number for number, name in enumerate(self.classes)}
            for row, label in zip(rows, data.labels, strict=True):
                row["labels"] = place[label]
        return list(rows)

    def loss(self, settings: FinetuneSettings, train: TextData) -> Loss:
        return class_loss(class_weights(settings.class_weights, self.classes, train.labels), settings.label_smoothing)

    def score(self, logits: Sequence[Tensor], labels: Sequence[Tensor]) -> float:
        return f1([int(row.argmax()) for row in logits], [int(label) for label in labels])


@dataclass(frozen=True)
class Regression:
    """A number for each text. The head learns (y - mean) / deviation of the training set, and predictions are turned back."""

    mean: float
    deviation: float
    pipeline: ClassVar[str] = "text-classification"  # cards have no word of its own for it
    evaluation: ClassVar[EvaluationTask] = "regression"
    score_name: ClassVar[str | None] = "negative_mse"

    @classmethod
    def learn(cls, train: TextData) -> Regression:
        labels = [float(label) for label in train.labels]
        return cls(fmean(labels), pstdev(labels) or 1.0)

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Regression:
        return cls(**said)

    def describe(self) -> dict[str, Any]:
        return asdict(self)

    def open_model(self, source: str) -> Any:
        return _open(source, num_labels=1, problem_type="regression")

    def encode(self, data: TextData, tokenizer: Any, max_length: int, *, labelled: bool) -> list[Features]:
        rows = _tokenized(data, tokenizer, max_length)
        if labelled:
            for row, label in zip(rows, data.labels, strict=True):
                row["labels"] = (float(label) - self.mean) / self.deviation
        return list(rows)

    def numbers(self, logits: Sequence[Tensor]) -> list[float]:
        """Predictions in the unit of the labels."""
        return [float(row.reshape(-1)[0]) * self.deviation + self.mean for row in logits]

    def loss(self, settings: FinetuneSettings, train: TextData) -> Loss:
        return number_loss

    def score(self, logits: Sequence[Tensor], labels: Sequence[Tensor]) -> float:
        return -fmean(math.pow(float(row.reshape(-1)[0]) - float(label), 2) for row, label in zip(logits, labels, strict=True))
