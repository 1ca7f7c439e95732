"""Examples as token rows: several in a row, each seeing only itself; the loss counts answers alone."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from metagpt.lab.embedded.corpus import Example, examples

__all__ = ["CorpusBatches", "PackedBatch", "pack"]


@dataclass(frozen=True)
class PackedBatch:
    """B rows of T tokens."""

    tokens_BT: Tensor  # noqa: N815  shapes
    places_BT: Tensor  # noqa: N815
    """Position of each token within its own example."""
    owners_BT: Tensor  # noqa: N815
    """Which example of the row a token belongs to; padding is 0."""
    targets_BT: Tensor  # noqa: N815
    """The next token where it is part of an answer, else -100."""


@dataclass(frozen=True)
class CorpusBatches:
    """Batch n of a worker, made from the seed, the worker and n alone: a resumed training sees the same batches."""

    tokenizer: PreTrainedTokenizerBase
    seed: int
    worker: int = 0
    rows: int = 32
    length: int = 256
    stage: str = "training"

    def __getitem__(self, number: int, /) -> PackedBatch:
        stream = examples(random.Random(f"{self.stage} {self.seed} {self.worker} {number}"))
        return pack(stream, self.tokenizer, rows=self.rows, length=self.length)


def pack(stream: Iterator[Example], tokenizer: PreTrainedTokenizerBase, *, rows: int, length: int) -> PackedBatch:
    """Fill rows from the stream, each example into the first row with room, until three in a sequence find none."""
    filled: list[list[tuple[list[int], list[int]]]] = [[] for _ in range(rows)]
    room = [length] * rows
    refused = 0
    while refused < 4:
        example = next(stream)
        prompt, answer = encode(example, tokenizer)
        size = len(prompt) + len(answer)
        place = next((row for row in range(rows) if room[row] >= size), None)
        if place is None:
            refused += size <= length
            continue
        filled[place].append((prompt, answer))
        room[place] -= size
    return _stacked(filled, length)


def encode(example: Example, tokenizer: PreTrainedTokenizerBase) -> tuple[list[int], list[int]]:
    """Token ids of the prompt, and of the answer with the mark of its end."""
    prompt: list[int] = tokenizer(example.prompt, add_special_tokens=False)["input_ids"]
    answer: list[int] = tokenizer(example.answer, add_special_tokens=False)["input_ids"]
    end = tokenizer.eos_token_id
    assert isinstance(end, int), "our tokenizer has one end token"
    return prompt, [*answer, end]


def _stacked(filled: Sequence[Sequence[tuple[list[int], list[int]]]], length: int) -> PackedBatch:
    rows = len(filled)
    tokens, places = torch.zeros(rows, length, dtype=torch.long), torch.zeros(rows, length, dtype=torch.long)
    owners, targets = torch.zeros(rows, length, dtype=torch.long), torch.full((rows, length), -100)
    for row, found in enumerate(filled):
        start = 0
        for owner, (prompt, answer) in enumerate(found, 1):
            ids = torch.tensor(prompt + answer)
            stop = start + len(ids)
            tokens[row, start:stop] = ids
            places[row, start:stop] = torch.arange(len(ids))
            owners[row, start:stop] = owner
            targets[row, start + len(prompt) - 1 : stop - 1] = ids[len(prompt) :]
            start = stop
    return PackedBatch(tokens, places, owners, targets)
