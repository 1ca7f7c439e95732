"""Token classification: a tag for each word, read off the first token of the word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor

from metagpt.errors import LabError
from metagpt.hub.data import TextData
from metagpt.lab.evaluation.entities import entity_measures
from metagpt.lab.evaluation.tasks import EvaluationTask
from metagpt.lab.finetuning.base import opened
from metagpt.lab.finetuning.batches import IGNORED, Features
from metagpt.lab.finetuning.losses import Loss, class_loss, class_weights
from metagpt.lab.finetuning.settings import FinetuneSettings

__all__ = ["OUTSIDE", "Tagging"]

OUTSIDE = "O"
"""The tag of words outside of entities, and of those that max_length cut off."""


@dataclass(frozen=True)
class Tagging:
    """One of several tags for each word."""

    tags: tuple[str, ...]
    pipeline: ClassVar[str] = "token-classification"
    evaluation: ClassVar[EvaluationTask] = "token-classification"
    score_name: ClassVar[str | None] = "entity_f1_micro"

    @classmethod
    def learn(cls, train: TextData) -> Tagging:
        """The tags that occur, and B and I of each type that does: a test may show the one that training did not."""
        seen = {OUTSIDE, *train.classes}
        types = {tag.partition("-")[2] for tag in seen if tag != OUTSIDE}
        return cls(tuple(sorted(seen | {f"{prefix}-{type_}" for prefix in "BI" for type_ in types if type_})))

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Tagging:
        return cls(tuple(said["tags"]))

    def describe(self) -> dict[str, Any]:
        return {"tags": list(self.tags)}

    def open_model(self, source: str) -> Any:
        from transformers import AutoModelForTokenClassification

        names = dict(enumerate(self.tags))
        with opened(source):
            return AutoModelForTokenClassification.from_pretrained(
                source, trust_remote_code=False, use_safetensors=True, ignore_mismatched_sizes=True,
                num_labels=len(names), id2label=names, label2id={name: number for number, name in names.items()},
            )  # fmt: skip

    def encode(self, data: TextData, tokenizer: Any, max_length: int, *, labelled: bool) -> list[Features]:
        if not tokenizer.is_fast:
            raise LabError(f"finetune: found the slow tokenizer {type(tokenizer).__name__}; expected a fast one, which knows its words.")
        encoded = tokenizer(data.tokens, is_split_into_words=True, truncation=True, max_length=max_length)
        rows: list[dict[str, Any]] = [{name: encoded[name][place] for name in encoded} for place in range(len(data))]
        if labelled:
            place = {name: number for number, name in enumerate(self.tags)}
            for number, (row, tags) in enumerate(zip(rows, data.labels, strict=True)):
                firsts = first_tokens(encoded.word_ids(number))
                row["labels"] = [IGNORED] * len(row["input_ids"])
                for word, token in firsts.items():
                    row["labels"][token] = place[tags[word]]
        return list(rows)

    def loss(self, settings: FinetuneSettings, train: TextData) -> Loss:
        tags = (tag for sentence in train.labels for tag in sentence)
        return class_loss(class_weights(settings.class_weights, self.tags, tags), settings.label_smoothing)

    def score(self, logits: Sequence[Tensor], labels: Sequence[Tensor]) -> float:
        said, true = [], []
        for rows, wanted in zip(logits, labels, strict=True):
            counted = [place for place, label in enumerate(wanted.tolist()) if label != IGNORED]
            said.append([self.tags[int(rows[place].argmax())] for place in counted])
            true.append([self.tags[int(wanted[place])] for place in counted])
        return entity_measures(said, true)[0].value


def first_tokens(words: Sequence[int | None]) -> dict[int, int]:
    """From each word to the place of its first token; a word that was cut off, or has no token, is not there."""
    found: dict[int, int] = {}
    for token, word in enumerate(words):
        if word is not None:
            found.setdefault(word, token)
    return found
