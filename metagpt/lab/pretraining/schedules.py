"""How the learning rate goes over a training: up in a line, then down, at once or after a level stretch."""

import math
from collections.abc import Callable
from typing import Literal

__all__ = ["rate_schedule"]


def rate_schedule(
    kind: Literal["linear", "cosine", "wsd"], *, steps: int, warmup: int, floor: float, decay_share: float = 0.34
) -> Callable[[int], float]:
    """Step number, from 0 -> factor of the peak rate.

    Args:
        kind: `cosine` falls as floor + (1 - floor)(1 + cos πp)/2 (Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5), `linear`
            as floor + (1 - floor)(1 - p); p is the part of the steps after the warmup that is done. `wsd` stays at the peak and
            falls in a line over its last part (warmup, stable, decay: Hu et al. 2024, arXiv:2404.06395, section 4).
        steps: Of the whole training.
        warmup: Steps over which it rises to 1.
        floor: Factor at the end.
        decay_share: Of `wsd`: the part of all steps over which it falls.
    """
    decay = max(1, int(steps * decay_share))

    def left(number: int) -> float:
        if kind == "wsd":
            return max(0.0, min(1.0, (steps - number) / decay))
        part = min(1.0, (number - warmup) / max(1, steps - warmup))
        return (1 + math.cos(math.pi * part)) / 2 if kind == "cosine" else 1 - part

    def factor(number: int) -> float:
        if number < warmup:
            return (number + 1) / (warmup + 1)
        return floor + (1 - floor) * left(number)

    return factor
