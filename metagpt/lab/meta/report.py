"""What adapting gains: the score of each step, over tasks that were not trained on.

Shapes: T tasks, S steps and the state before them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.func import vmap

from metagpt.lab.meta.adaptation import Points, TaskBatch, adapt
from metagpt.lab.meta.training import Start

__all__ = ["AdaptationReport", "Mean", "compare_adaptation", "measure_adaptation"]

_Z95 = 1.959964


@dataclass(frozen=True)
class Mean:
    """A mean over tasks, and the half width of its 95 % interval: 1.96 · s / √T."""

    value: float
    half_width: float

    def __str__(self) -> str:
        return f"{self.value:.4f} ± {self.half_width:.4f}"


@dataclass(frozen=True, eq=False)
class AdaptationReport:
    """Scores of tasks, before adapting and after each step."""

    scores_TS: Tensor  # noqa: N815 - the shape
    """Column 0 is before."""

    @property
    def before(self) -> Mean:
        """As the start is."""
        return self.after(0)

    def after(self, steps: int | None = None) -> Mean:
        """After that many steps; after the last if left out."""
        return _mean(self.scores_TS[:, -1 if steps is None else steps])

    def __str__(self) -> str:
        lines = [f"before       {self.before}"]
        lines += [f"{step:2} step{'s' if step > 1 else ' '}     {self.after(step)}" for step in range(1, self.scores_TS.shape[1])]
        return "\n".join([*lines, f"{len(self.scores_TS)} tasks, 95 % intervals"])


def measure_adaptation(start: Start, batches: Sequence[TaskBatch], *, steps: int) -> AdaptationReport:
    """Adapt to every task, and score its query set before and after each step; the start itself stays as it is."""
    shared = {name: value.detach() for name, value in start.shared().items()}
    network = start.adaptable

    def one(support: Points, query: Points) -> Tensor:
        parameters = network.begin(shared, support)
        scores = [network.score(parameters, query)]
        for _ in range(steps):
            parameters = adapt(network, parameters, [support], rates=start.rates, second_order=False)
            scores.append(network.score(parameters, query))
        return torch.stack(scores)

    return AdaptationReport(torch.cat([vmap(one)(batch.support, batch.query).detach() for batch in batches]))


def compare_adaptation(first: AdaptationReport, second: AdaptationReport) -> Mean:
    """How much better the first is than the second after the last step, paired by task; 0 inside the interval: not shown."""
    return _mean(first.scores_TS[:, -1] - second.scores_TS[:, -1])


def _mean(values_T: Tensor) -> Mean:
    spread = float(values_T.std()) if len(values_T) > 1 else float("nan")
    return Mean(float(values_T.mean()), _Z95 * spread / len(values_T) ** 0.5)
