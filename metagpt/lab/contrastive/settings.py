"""How a contrastive training goes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from metagpt.errors import LabError

__all__ = ["ContrastiveConfig"]


@dataclass(frozen=True, kw_only=True)
class ContrastiveConfig:
    """Of one encoder; the defaults are for some 5 to 50 examples of each class."""

    temperature: float = 0.07
    """τ of the loss, above 0."""
    max_epochs: int = 10
    """In an epoch every text occurs once; 0 leaves the encoder as it is and trains the head alone."""
    loss: Literal["supervised", "nt_xent"] = "supervised"
    """Supervised: texts of a class attract each other. NT-Xent: two views of a text by dropout do, labels are not looked at."""
    learning_rate: float = 1e-4
    """At the peak, after the first tenth of the steps; it falls linearly to 0."""
    batch_size: int = 64
    """Texts in a batch, about; 8 or more."""
    tuned_share: float = 0.75
    """w in θ = w · tuned + (1 - w) · start, 0 to 1, taken when training is done."""
    penalty: float = 0.1
    """Of the head: λ in Σ -log p(y) + λ/2 · |W|²."""
    weight_decay: float = 0.01
    max_tokens: int = 128
    """Of a text; the rest is cut off."""
    allow_leaks: bool = False
    """Whether texts may stand in the training set and in those that it is judged by."""
    seed: int = 7

    def __post_init__(self) -> None:
        bounds = {
            "temperature": (self.temperature > 0, "a number above 0"),
            "max_epochs": (self.max_epochs >= 0, "0 or more"),
            "loss": (self.loss in ("supervised", "nt_xent"), "'supervised' or 'nt_xent'"),
            "learning_rate": (0 < self.learning_rate < math.inf, "a number above 0"),
            "batch_size": (self.batch_size >= 8, "8 or more"),
            "tuned_share": (0 <= self.tuned_share <= 1, "0 to 1"),
            "penalty": (self.penalty > 0, "a number above 0"),
            "max_tokens": (self.max_tokens >= 1, "1 or more"),
        }
        for name, (holds, expected) in bounds.items():
            if not holds:
                raise LabError(f"contrastive: found {name}={getattr(self, name)!r}; expected {expected}. Correct it.")
