"""How the learning rate goes over a training: up in a line, then down."""

import math
from collections.abc import Callable
from typing import Literal

__all__ = ["rate_schedule"]


def rate_schedule(kind: Literal["linear", "cosine"], *, steps: int, warmup: int, floor: float) -> Callable[[int], float]:
    """Step number, from 0 -> factor of the peak rate.

    Args:
        kind: `cosine` falls as floor + (1 - floor)(1 + cos πp)/2 (Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5), `linear`
            as floor + (1 - floor)(1 - p); p is the part of the steps after the warmup that is done.
        steps: Of the whole training.
        warmup: Steps over which it rises to 1.
        floor: Factor at the end.
    """

    def factor(number: int) -> float:
        if number < warmup:
            return (number + 1) / (warmup + 1)
        part = min(1.0, (number - warmup) / max(1, steps - warmup))
        left = (1 + math.cos(math.pi * part)) / 2 if kind == "cosine" else 1 - part
        return floor + (1 - floor) * left

    return factor
