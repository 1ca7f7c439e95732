"""What is compressed: a fine-tuned model with its task, or a language model; opened from wherever it is."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from metagpt.errors import LabError
from metagpt.hub.card import Card
from metagpt.hub.data import TextData
from metagpt.lab.evaluation.evaluate import scored
from metagpt.lab.evaluation.measures import mean_measure
from metagpt.lab.evaluation.report import Score
from metagpt.lab.finetuning.base import find_base, open_tokenizer, opened
from metagpt.lab.finetuning.batches import IGNORED, Collate, Features
from metagpt.lab.finetuning.finetuned import FinetunedModel
from metagpt.lab.finetuning.record import RECORD

__all__ = ["Subject", "counted", "open_subject", "tokens_in"]

_WINDOW = 256
"""Most tokens of a text of a language model."""


@dataclass
class Subject:
    """A model with its tokenizer, and its task if it was fine-tuned for one."""

    model: Any
    """Of transformers; its matrices may be packed."""
    tokenizer: Any
    finetuned: FinetunedModel | None = None
    """The model as it predicts; None for a bare language model."""
    card: Card = Card()
    """What the model that it was opened from says of itself."""

    def copied(self) -> Subject:
        """A deep copy, to compress the one and keep the other."""
        return self.with_model(copy.deepcopy(self.model))

    def with_model(self, model: Any) -> Subject:
        """The same tokenizer and task with another model."""
        old = self.finetuned
        new = None if old is None else FinetunedModel(model, old.tokenizer, old.task, replace(old.record, merged=old.record.is_adapter))
        return Subject(model, self.tokenizer, new, self.card)

    @property
    def origin(self) -> Card:
        """Summary and task for the card of what is made from it; a bare language model is told in general words."""
        return self.card if self.finetuned is not None else Card(summary="A language model.", task="text-generation")

    @property
    def is_generator(self) -> bool:
        """Whether its logits predict the next token."""
        return self.finetuned is None or self.finetuned.task.evaluation == "generation"

    def check(self, data: TextData) -> None:
        """Refuse labels that its task does not know.

        Raises:
            LabError: with the first example of each.
        """
        if self.finetuned is not None:
            self.finetuned.check(data)

    def features(self, data: TextData, *, labelled: bool = True) -> list[Features]:
        """The examples as the model takes them; of a bare language model every token is a label."""
        if self.finetuned is not None:
            return self.finetuned.task.encode(data, self.tokenizer, self.finetuned.record.settings.max_length, labelled=labelled)
        found: list[Features] = []
        for text in data.texts:
            ids = self.tokenizer(text, truncation=True, max_length=_WINDOW)["input_ids"]
            if len(ids) < 2:
                raise LabError(f"{data.name}: found the text {text[:40]!r} of {len(ids)} tokens; expected two or more. Leave it out.")
            found.append({"input_ids": ids, "attention_mask": [1] * len(ids), **({"labels": list(ids)} if labelled else {})})
        return found

    @property
    def collate(self) -> Collate:
        """Makes a batch of features."""
        return Collate(self.tokenizer.pad_token_id)

    def score(self, data: TextData) -> Score:
        """The deciding measure of its task; of a language model the share of next tokens that it predicts right.

        A text is resampled whole: its tokens are no independent tries.
        """
        if self.finetuned is not None:
            return self.finetuned.evaluate(data).scores[0]
        import numpy

        rights = [self._rights(row) for row in self.features(data)]
        measure = mean_measure("next_token_accuracy", [0.0])
        parts = numpy.array([[float(right.sum()), float(len(right))] for right in rights])
        return scored([replace(measure, parts_NP=parts)])[0]

    def _rights(self, row: Features) -> Tensor:
        ids_T = torch.tensor(row["input_ids"], device=self.model.device)
        with torch.inference_mode():
            logits_TV = self.model(input_ids=ids_T[None]).logits[0, :-1]
        rights_T: Tensor = logits_TV.argmax(dim=-1) == ids_T[1:]
        return rights_T

    def logits(self, batch: dict[str, Tensor]) -> Tensor:
        """The model's logits for a batch of features, the labels aside."""
        found: Tensor = self.model(**{name: tensor for name, tensor in batch.items() if name != "labels"}).logits
        return found


def counted(logits: Tensor, labels: Tensor, *, is_generator: bool) -> tuple[Tensor, Tensor]:
    """Logits and labels of what the loss counts, as N x C and N: next tokens, tags of words, or classes."""
    if is_generator:
        logits, labels = logits[:, :-1], labels[:, 1:]
    flat, wanted = logits.reshape(-1, logits.shape[-1]).float(), labels.reshape(-1)
    return flat[wanted != IGNORED], wanted[wanted != IGNORED]


def open_subject(model: object, *, device: str = "cpu") -> Subject:
    """Open a model in float32.

    Args:
        model: A `FinetunedModel`; a folder that one was saved to, or one of a causal language model; `hub:NAME@VERSION`;
            `embedded`; or an id in the cache of transformers.
        device: Where it runs.

    Raises:
        LabError: nothing that names a model, or adapters that cannot be folded in.
    """
    if isinstance(model, FinetunedModel):
        return _of_finetuned(model, device)
    base = find_base("hub:embedded" if model == "embedded" else model)
    if (Path(base.source) / RECORD).is_file():
        return _of_finetuned(FinetunedModel.load(base.source, device=device), device)
    from transformers import AutoModelForCausalLM

    tokenizer = open_tokenizer(base.source)
    with opened(base.source):
        loaded: Any = AutoModelForCausalLM.from_pretrained(base.source, trust_remote_code=False, use_safetensors=True, dtype=torch.float32)
    return Subject(loaded.eval().to(device), tokenizer, card=base.card)


def _of_finetuned(model: FinetunedModel, device: str) -> Subject:
    if model.record.is_adapter:
        model = FinetunedModel(copy.deepcopy(model.model), model.tokenizer, model.task, model.record).merged()
    model.model = model.model.float().eval().to(device)
    return Subject(model.model, model.tokenizer, model, model.record.card(model.task.pipeline, None))


def tokens_in(features: Sequence[Features]) -> int:
    """Tokens of all examples."""
    return sum(len(row["input_ids"]) for row in features)
