"""The loss of each task, with class weights and label smoothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import Literal

import torch
from torch import Tensor

from metagpt.errors import LabError, did_you_mean
from metagpt.lab.finetuning.batches import IGNORED

__all__ = ["Loss", "class_loss", "class_weights", "next_token_loss", "number_loss"]

Loss = Callable[[Tensor, Tensor], Tensor]
"""(logits, labels) -> mean loss."""


def class_weights(
    wanted: Literal["balanced"] | dict[str, float] | None, classes: Sequence[Hashable], labels: Iterable[Hashable]
) -> Tensor | None:
    """A weight for each class.

    Balanced: w_c = N / (C · n_c), with n_c of N labels in class c of C. Source: King and Zeng 2001, Political Analysis 9.

    Raises:
        LabError: a weight for a class that there is not, or an empty class among balanced ones.
    """
    if wanted is None:
        return None
    if wanted == "balanced":
        counts = Counter(labels)
        total = sum(counts.values())
        return torch.tensor([total / (len(classes) * counts[name]) if counts[name] else 0.0 for name in classes])
    names = [str(name) for name in classes]
    odd = next((name for name in wanted if name not in names), None)
    if odd is not None:
        raise LabError(
            f"class_weights: found the class {odd!r}, which no example has; expected one that occurs. {did_you_mean(odd, names)}"
        )
    return torch.tensor([float(wanted.get(name, 1.0)) for name in names])


def class_loss(weights: Tensor | None, smoothing: float) -> Loss:
    """Cross-entropy over the last dimension; positions labelled -100 do not count."""

    def loss(logits: Tensor, labels: Tensor) -> Tensor:
        flat = logits.reshape(-1, logits.shape[-1]).float()
        weight = None if weights is None else weights.to(flat.device)
        return torch.nn.functional.cross_entropy(flat, labels.reshape(-1), weight=weight, ignore_index=IGNORED, label_smoothing=smoothing)

    return loss


def next_token_loss(smoothing: float) -> Loss:
    """Cross-entropy of every labelled token by the logits of the token before it."""
    inner = class_loss(None, smoothing)
    return lambda logits, labels: inner(logits[..., :-1, :], labels[..., 1:])


def number_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean squared error of standardized numbers."""
    return torch.nn.functional.mse_loss(logits.squeeze(-1).float(), labels.float())
