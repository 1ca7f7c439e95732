"""Generation: a causal language model answers a prompt; the loss counts the answer alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from torch import Tensor

from metagpt.errors import LabError
from metagpt.hub.data import Example, TextData
from metagpt.hub.data.examples import place
from metagpt.lab.evaluation.tasks import EvaluationTask
from metagpt.lab.finetuning.base import opened
from metagpt.lab.finetuning.batches import IGNORED, Features
from metagpt.lab.finetuning.losses import Loss, next_token_loss
from metagpt.lab.finetuning.settings import FinetuneSettings

__all__ = ["Generation"]

_TEMPLATES = {
    "generation": "{text}\n",
    "summarization": "{text}\nSummary:\n",
    "translation": "{text}\nTranslation:\n",
    "question-answering": "Question: {text}\nAnswer:\n",
    "code": "{text}\n",
}


@dataclass(frozen=True)
class Generation:
    """A text for each text."""

    template: str
    max_new_tokens: int
    pipeline: ClassVar[str] = "text-generation"
    evaluation: ClassVar[EvaluationTask] = "generation"
    score_name: ClassVar[str | None] = None

    @classmethod
    def learn(cls, settings: FinetuneSettings, train: TextData) -> Generation:
        """The prompt that is set, or the task's own; questions stand behind their context where the data has such a column."""
        template = settings.template or _TEMPLATES[settings.task]
        if settings.template is None and settings.task == "question-answering" and all("context" in each.fields for each in train):
            template = "{context}\n" + template
        return cls(template, settings.max_new_tokens)

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Generation:
        return cls(**said)

    def describe(self) -> dict[str, Any]:
        return asdict(self)

    def open_model(self, source: str) -> Any:
        from transformers import AutoModelForCausalLM

        with opened(source):
            return AutoModelForCausalLM.from_pretrained(source, trust_remote_code=False, use_safetensors=True)

    def prompt(self, example: Example, name: str) -> str:
        """The template with the example's columns in it."""

        def value(match: re.Match[str]) -> str:
            if match[1] != "text" and match[1] not in example.fields:
                raise LabError(f"{place(example, name)}: found no column {match[1]!r}, which the template asks for; expected one. Add it.")
            return example.text if match[1] == "text" else str(example.fields[match[1]])

        return re.sub(r"\{(\w+)\}", value, self.template)

    def encode(self, data: TextData, tokenizer: Any, max_length: int, *, labelled: bool) -> list[Features]:
        return [self._one(example, data.name, tokenizer, max_length, labelled) for example in data]

    def _one(self, example: Example, name: str, tokenizer: Any, max_length: int, labelled: bool) -> Features:
        """Prompt, answer and end token; a prompt that is too long loses its beginning, an answer nothing."""
        answer: list[int] = []
        if labelled:
            answer = [*tokenizer(str(example.label), add_special_tokens=False)["input_ids"], tokenizer.eos_token_id]
        room = max_length - len(answer)
        if room < 1:
            told = f"found an answer of {len(answer)} tokens with its end"
            raise LabError(
                f"{place(example, name)}: {told}; expected fewer than max_length={max_length}. Raise it, or leave the example out."
            )
        prompt = tokenizer(self.prompt(example, name))["input_ids"][-room:]
        row = {"input_ids": prompt + answer, "attention_mask": [1] * (len(prompt) + len(answer))}
        return {**row, "labels": [IGNORED] * len(prompt) + answer} if labelled else row

    def loss(self, settings: FinetuneSettings, train: TextData) -> Loss:
        return next_token_loss(settings.label_smoothing)

    def score(self, logits: Sequence[Tensor], labels: Sequence[Tensor]) -> float:
        raise LabError("Generation.score: checkpoints are chosen by their loss; expected no call. Use evaluate on the generated texts.")
