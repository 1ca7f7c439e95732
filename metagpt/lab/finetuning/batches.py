"""Examples as padded batches, and a model's outputs for many examples, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from metagpt.lab.progress import shown

__all__ = ["IGNORED", "Collate", "Features", "batches_by_length", "each_logits"]

Features = Mapping[str, Any]
"""`input_ids` and what else the tokenizer says of an example, and `labels` where it has any."""
IGNORED = -100
"""The label of positions that no loss counts."""


@dataclass(frozen=True, slots=True)
class Collate:
    """Makes a batch of examples."""

    pad_id: int
    side: Literal["right", "left"] = "right"

    def __call__(self, features: Sequence[Features]) -> dict[str, Tensor]:
        filling = {"input_ids": self.pad_id, "labels": IGNORED}
        return {name: self._padded([each[name] for each in features], filling.get(name, 0)) for name in features[0]}

    def _padded(self, rows: Sequence[Any], value: int) -> Tensor:
        if not isinstance(rows[0], list):
            return torch.tensor(rows)
        longest = max(map(len, rows))
        gaps = [[value] * (longest - len(row)) for row in rows]
        return torch.tensor([gap + row if self.side == "left" else row + gap for row, gap in zip(rows, gaps, strict=True)])


def batches_by_length(features: Sequence[Features], batch_size: int) -> Iterator[list[int]]:
    """Places of the examples, batch by batch; those of about one length go together, so that little is padded."""
    order = sorted(range(len(features)), key=lambda place: len(features[place]["input_ids"]))
    for start in range(0, len(order), batch_size):
        yield order[start : start + batch_size]


def each_logits(model: Any, features: Sequence[Features], collate: Collate, batch_size: int) -> list[Tensor]:
    """The logits of every example, in float32 on the processor; those of padding are cut off where there is one for each token."""
    found: list[Tensor | None] = [None] * len(features)
    model.eval()
    for places in shown(batches_by_length(features, batch_size), len(features), "predict"):
        batch = {name: tensor.to(model.device) for name, tensor in collate([features[place] for place in places]).items()}
        with torch.inference_mode():
            logits = model(**batch).logits.float().cpu()
        for row, place in enumerate(places):
            found[place] = logits[row] if logits.dim() == 2 else logits[row, : len(features[place]["input_ids"])]
    return [each for each in found if each is not None]
