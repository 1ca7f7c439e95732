"""What a pretraining reads: texts as windows, or prompts with answers as packed rows; and a part of it that is held out."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any, Protocol

from metagpt.errors import LabError
from metagpt.lab.architecture import MetaGPTTokenizer
from metagpt.lab.pretraining.answers import AnswerBatches, pack_in_order
from metagpt.lab.pretraining.generated import Answered, GeneratedCorpus, load_corpus
from metagpt.lab.pretraining.losses import LossOf, Predict, predict_answers, predict_windows
from metagpt.lab.pretraining.packing import Windows, pack
from metagpt.lab.pretraining.settings import PretrainSettings
from metagpt.lab.pretraining.texts import read_corpus, read_pairs
from metagpt.lab.pretraining.watching import answers_loss, validation_loss
from metagpt.lab.pretraining.workers import Workers
from metagpt.lab.train import Batches

__all__ = ["HeldOut", "Material", "open_material"]

_NAMED_BY = 64
"""Examples of a generated corpus that its hash is made of."""
_LEARNED_FROM = 10_000
"""Examples of a generated corpus that characters or byte pairs are learned from."""


class HeldOut(Protocol):
    """What is never trained on."""

    @property
    def num_tokens(self) -> int:
        """How many tokens are predicted."""
        ...

    def loss(self, model: Any, loss_of: LossOf, *, most: int | None = None) -> float:
        """Mean cross-entropy in nats, over all of it or about its first `most` tokens."""
        ...


class Material(Protocol):
    """The data of one training, read."""

    @property
    def digest(self) -> str:
        """Names the data: other data, another digest."""
        ...

    @property
    def datasets(self) -> Mapping[str, str]:
        """What it comes from, by name, as far as the hub or the corpus tells."""
        ...

    @property
    def predict(self) -> Predict: ...

    def new_tokenizer(self) -> Any:  # Any: transformers' tokenizers share no typed call
        """Learned from what is trained on."""
        ...

    def batches(self, tokenizer: Any, workers: Workers) -> Batches[Any]: ...

    def held_out(self, tokenizer: Any, workers: Workers) -> HeldOut: ...


def open_material(settings: PretrainSettings) -> Material:
    """Read what the settings name.

    Raises:
        LabError: nothing to read, or too little.
    """
    if settings.is_generated:
        return _Generated(settings, load_corpus(settings.data))
    if settings.answers is not None:
        return _Pairs(settings)
    return _Texts(settings)


class _Texts:
    """One long text or many documents: windows that begin anywhere."""

    predict = staticmethod(predict_windows)

    def __init__(self, settings: PretrainSettings) -> None:
        self._settings = settings
        self._corpus = read_corpus(settings.data, validation_share=settings.validation_share, seed=settings.seed, column=settings.texts)
        self.digest = self._corpus.digest
        self.datasets = _named(settings.data)

    def new_tokenizer(self) -> Any:
        return _learned(self._settings, self._corpus.training)

    def batches(self, tokenizer: Any, workers: Workers) -> Windows:
        tokens, settings = pack(tokenizer, self._corpus.training), self._settings
        return Windows(tokens, settings.rows, settings.length, settings.seed, workers.count, workers.rank, workers.device)

    def held_out(self, tokenizer: Any, workers: Workers) -> HeldOut:
        return _HeldOutText(pack(tokenizer, self._corpus.validation), self._settings.length, workers)


@dataclass(frozen=True)
class _HeldOutText:
    tokens: Any  # a row of them
    length: int
    workers: Workers

    @property
    def num_tokens(self) -> int:
        return len(self.tokens)

    def loss(self, model: Any, loss_of: LossOf, *, most: int | None = None) -> float:
        return validation_loss(model, self.tokens, length=self.length, device=self.workers.device, most=most)


class _Pairs:
    """Rows of prompt and answer: each batch draws some."""

    predict = staticmethod(predict_answers)

    def __init__(self, settings: PretrainSettings) -> None:
        assert settings.answers is not None, "asked by the caller"
        self._settings = settings
        self._pairs = read_pairs(
            settings.data, settings.texts, settings.answers, validation_share=settings.validation_share, seed=settings.seed
        )
        self.digest = self._pairs.digest
        self.datasets = _named(settings.data)

    def new_tokenizer(self) -> Any:
        return _learned(self._settings, _words(self._pairs.training))

    def batches(self, tokenizer: Any, workers: Workers) -> AnswerBatches:
        return _answer_batches(self._settings, self._drawn, tokenizer, workers)

    def _drawn(self, chance: random.Random) -> Iterator[Answered]:
        while True:
            yield chance.choice(self._pairs.training)

    def held_out(self, tokenizer: Any, workers: Workers) -> HeldOut:
        rows = pack_in_order(
            self._pairs.validation, tokenizer, rows=self._settings.rows, length=self._settings.length, device=workers.device
        )
        return _HeldOutAnswers(tuple(rows), self._settings)


class _Generated:
    """A corpus without end; what is held out are examples of other chance."""

    predict = staticmethod(predict_answers)

    def __init__(self, settings: PretrainSettings, corpus: GeneratedCorpus) -> None:
        self._settings = settings
        self._corpus = corpus
        self.datasets = corpus.datasets
        first = islice(corpus.examples(random.Random(f"training {settings.seed} 0")), _NAMED_BY)
        self.digest = hashlib.sha256("\0".join(_words(first)).encode()).hexdigest()

    def new_tokenizer(self) -> Any:
        settings = self._settings
        if settings.tokenizer != "corpus":
            stream = self._corpus.examples(random.Random(f"tokenizer {settings.seed}"))
            return _learned(settings, _words(islice(stream, _LEARNED_FROM)))
        if self._corpus.train_tokenizer is None:
            raise LabError(f"pretrain: found no tokenizer of the corpus {settings.data!r}'s own; expected another. Set tokenizer to bytes.")
        return self._corpus.train_tokenizer(settings.vocab_size, settings.seed)

    def batches(self, tokenizer: Any, workers: Workers) -> AnswerBatches:
        return _answer_batches(self._settings, self._corpus.examples, tokenizer, workers)

    def held_out(self, tokenizer: Any, workers: Workers) -> HeldOut:
        settings = self._settings
        batches = AnswerBatches(
            self._corpus.examples, tokenizer, settings.rows, settings.length, settings.seed, device=workers.device, stage="validation"
        )
        count = max(1, settings.validation_tokens // (settings.rows * settings.length))
        return _HeldOutAnswers(tuple(batches[number] for number in range(count)), settings)


@dataclass(frozen=True)
class _HeldOutAnswers:
    batches: Sequence[Any]
    settings: PretrainSettings

    def __post_init__(self) -> None:
        if not self.num_tokens:
            raise LabError(f"pretrain: found no held-out example of {self.settings.length} tokens or less; expected some. Raise length.")

    @property
    def num_tokens(self) -> int:
        return sum(int((batch.targets != -100).sum()) for batch in self.batches)

    def loss(self, model: Any, loss_of: LossOf, *, most: int | None = None) -> float:
        count = len(self.batches) if most is None else max(1, most // (self.settings.rows * self.settings.length))
        return answers_loss(model, self.batches[:count], loss_of)


def _answer_batches(settings: PretrainSettings, examples: Any, tokenizer: Any, workers: Workers) -> AnswerBatches:
    return AnswerBatches(
        examples, tokenizer, settings.rows, settings.length, settings.seed, workers.count, workers.rank, device=workers.device
    )


def _learned(settings: PretrainSettings, texts: Iterable[str]) -> Any:
    return MetaGPTTokenizer.from_texts(texts, vocab_size=settings.vocab_size if settings.tokenizer == "bytes" else None)


def _words(examples: Iterable[Answered]) -> Iterator[str]:
    return chain.from_iterable((example.prompt, example.answer) for example in examples)


def _named(data: str) -> dict[str, str]:
    """A set that the hub or a hub of datasets knows by name."""
    return {data.removeprefix("hub:"): data} if data.startswith(("hub:", "hf:")) else {}
