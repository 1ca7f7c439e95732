"""Documents as one long row of tokens, and windows of it as batches: no padding, no token wasted.

Shapes: N tokens of the row, B windows, T tokens of a window.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from metagpt.errors import LabError

__all__ = ["WindowBatch", "Windows", "pack", "windows_in_order"]


@dataclass(frozen=True)
class WindowBatch:
    """Windows and what follows each of their tokens."""

    number: int
    """Which batch of the training it is, over all workers: what its chance is drawn from."""
    tokens: Tensor
    """B x T."""
    targets: Tensor
    """B x T."""


def pack(tokenizer: Any, documents: Sequence[str]) -> Tensor:  # Any: transformers' tokenizers share no typed call
    """The documents' tokens one behind the other, each document ended by the end token where there are several; N."""
    end = [] if tokenizer.eos_token_id is None or len(documents) == 1 else [tokenizer.eos_token_id]
    encoded = tokenizer.backend_tokenizer.encode_batch_fast(list(documents), add_special_tokens=False)
    return torch.tensor([token for document in encoded for token in (*document.ids, *end)], dtype=torch.int32)


@dataclass(frozen=True)
class Windows:
    """Batch n of a training: windows that begin anywhere, drawn from the seed and n alone, so that it is the same after a resume."""

    tokens: Tensor
    """N."""
    rows: int
    length: int
    seed: int
    workers: int = 1
    rank: int = 0
    """Which of the workers this is: each has its own windows."""
    device: torch.device = torch.device("cpu")

    def __post_init__(self) -> None:
        if len(self.tokens) <= self.length:
            raise LabError(
                f"pretrain: found {len(self.tokens)} tokens to train on; expected more than a window's {self.length}. Name a longer text,"
                " or a smaller length."
            )

    def __getitem__(self, number: int, /) -> WindowBatch:
        number = number * self.workers + self.rank
        chance = torch.Generator().manual_seed(_mixed(self.seed, number))
        starts_B = torch.randint(len(self.tokens) - self.length, (self.rows,), generator=chance)
        taken = self.tokens[starts_B[:, None] + torch.arange(self.length + 1)].long().to(self.device)
        return WindowBatch(number, taken[:, :-1], taken[:, 1:])


def _mixed(seed: int, number: int) -> int:
    """A seed of its own for each batch; neighbours of one training share none with neighbours of another."""
    return (seed * 0x9E3779B97F4A7C15 + number * 0xBF58476D1CE4E5B9) % 2**63


def windows_in_order(tokens_N: Tensor, *, length: int, rows: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs and targets of windows that follow one another, for validation; each token but the first is a target once."""
    num_whole = (len(tokens_N) - 1) // length
    inputs = tokens_N[: num_whole * length].view(num_whole, length)
    targets = tokens_N[1 : num_whole * length + 1].view(num_whole, length)
    for start in range(0, num_whole, rows):
        yield inputs[start : start + rows].long().to(device), targets[start : start + rows].long().to(device)
    rest = tokens_N[num_whole * length :].long().to(device)[None]
    if rest.shape[1] > 1:
        yield rest[:, :-1], rest[:, 1:]
