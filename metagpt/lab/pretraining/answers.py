"""Prompts with answers as packed rows: several examples in a row, each seeing only itself; the loss counts answers alone.

Shapes: B rows, T tokens of a row.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from metagpt.errors import LabError
from metagpt.lab.pretraining.generated import Answered

__all__ = ["AnswerBatch", "AnswerBatches", "encode", "pack_examples", "pack_in_order"]

_TOO_LONG = 1000
"""So many examples in sequence that are longer than a row are no accident."""

Ids = tuple[list[int], list[int]]
"""Of a prompt and its answer."""


@dataclass(frozen=True)
class AnswerBatch:
    """Packed rows."""

    number: int
    """Which batch of the training it is, over all workers."""
    tokens: Tensor
    """B x T."""
    places: Tensor
    """Position of each token within its own example, B x T."""
    owners: Tensor
    """Which example of the row a token belongs to, B x T; padding is 0."""
    targets: Tensor
    """The next token where it is part of an answer, else -100; B x T."""


@dataclass(frozen=True)
class AnswerBatches:
    """Batch n of a training, made from the stage, the seed and n alone, so that it is the same after a resume."""

    examples: Callable[[random.Random], Iterator[Answered]]
    tokenizer: Any  # transformers' tokenizers share no typed call
    rows: int
    length: int
    seed: int
    workers: int = 1
    rank: int = 0
    """Which of the workers this is: each has its own batches."""
    device: torch.device = torch.device("cpu")
    stage: str = "training"

    def __getitem__(self, number: int, /) -> AnswerBatch:
        number = number * self.workers + self.rank
        stream = self.examples(random.Random(f"{self.stage} {self.seed} {number}"))
        return pack_examples(stream, self.tokenizer, rows=self.rows, length=self.length, number=number, device=self.device)


def pack_examples(
    stream: Iterator[Answered], tokenizer: Any, *, rows: int, length: int, number: int = 0, device: torch.device = torch.device("cpu")
) -> AnswerBatch:
    """Fill rows from the stream, each example into the first row with room, until some find none; those longer than a row are left out.

    Raises:
        LabError: the examples are longer than a row.
    """
    filled: list[list[Ids]] = [[] for _ in range(rows)]
    room = [length] * rows
    refused = too_long = 0
    while refused < 4:
        ids = encode(next(stream), tokenizer)
        size = sum(map(len, ids))
        too_long = too_long + 1 if size > length else 0
        if too_long == _TOO_LONG:
            raise LabError(
                f"pretrain: found {_TOO_LONG} examples of more than {length} tokens in sequence; expected some that fit. Raise length."
            )
        place = next((row for row in range(rows) if room[row] >= size), None)
        if place is None:
            refused += size <= length
            continue
        filled[place].append(ids)
        room[place] -= size
    return _stacked(filled, length, number, device)


def pack_in_order(
    examples: Iterable[Answered], tokenizer: Any, *, rows: int, length: int, device: torch.device = torch.device("cpu")
) -> Iterator[AnswerBatch]:
    """Batches that hold every example once, but for those longer than a row."""
    filled: list[list[Ids]] = [[]]
    room = length
    for ids in (encode(example, tokenizer) for example in examples):
        size = sum(map(len, ids))
        if size > length:
            continue
        if size > room:
            if len(filled) == rows:
                yield _stacked(filled, length, 0, device)
                filled = []
            filled.append([])
            room = length
        filled[-1].append(ids)
        room -= size
    if filled[0]:
        yield _stacked(filled, length, 0, device)


def encode(example: Answered, tokenizer: Any) -> Ids:
    """Token ids of the prompt, and of the answer with the mark of its end."""
    prompt: list[int] = tokenizer(example.prompt, add_special_tokens=False)["input_ids"]
    answer: list[int] = tokenizer(example.answer, add_special_tokens=False)["input_ids"]
    if not isinstance(tokenizer.eos_token_id, int) or not prompt:
        found = "an empty prompt" if not prompt else "a tokenizer without an end token"
        raise LabError(f"pretrain: found {found}; expected prompts of a token or more, and answers that can be ended. Mend it.")
    return prompt, [*answer, tokenizer.eos_token_id]


def _stacked(filled: Sequence[Sequence[Ids]], length: int, number: int, device: torch.device) -> AnswerBatch:
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
    return AnswerBatch(number, tokens.to(device), places.to(device), owners.to(device), targets.to(device))
