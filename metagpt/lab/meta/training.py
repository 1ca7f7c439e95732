"""Meta-training: the lab's loop, with batches of tasks and one of the three losses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from metagpt.lab.meta.adaptation import Adaptable, Parameters, TaskBatch
from metagpt.lab.meta.algorithms import ALGORITHMS, Rates
from metagpt.lab.meta.rates import FixedRates, LearnedRates
from metagpt.lab.meta.settings import MetaConfig
from metagpt.lab.progress import progress_bar
from metagpt.lab.train import Step, fit

__all__ = ["Start", "Tasks", "meta_train"]


class Tasks(Protocol):
    """Batch n of tasks, the same whenever it is asked for."""

    def __getitem__(self, number: int, /) -> TaskBatch: ...


class Start(nn.Module):
    """What meta-training finds: shared parameters, and the rates to adapt them by."""

    def __init__(self, network: nn.Module, *, inner_rate: float, head_rate: float | None = None, learn_rates: bool = False) -> None:
        super().__init__()
        assert isinstance(network, Adaptable), "a network of ours, or of the caller's with its three methods"
        self.network = network
        head_rate = inner_rate if head_rate is None else head_rate
        self.learned = LearnedRates(network, inner_rate, head_rate) if learn_rates else None
        self._fixed = FixedRates(network, inner_rate, head_rate)

    @property
    def adaptable(self) -> Adaptable:
        """The network by its methods for adapting."""
        network: Any = self.network
        adaptable: Adaptable = network
        return adaptable

    @property
    def rates(self) -> Rates:
        """Alpha by parameter."""
        rates: Any = self._fixed if self.learned is None else self.learned
        chosen: Rates = rates
        return chosen

    def shared(self) -> Parameters:
        """The shared parameters by name, connected to the network for autograd."""
        return dict(self.network.named_parameters())


def meta_train(start: Start, tasks: Tasks, config: MetaConfig, *, resume: Mapping[str, Any] | None = None) -> Iterator[Step]:
    """Train the start in place; yields after every batch of tasks, whose mean loss after adapting is the step's loss.

    Args:
        start: Network and rates.
        tasks: What it learns to adapt to.
        config: How.
        resume: A `Step.state()` to go on from; the losses are then those of a training that never stopped.

    Raises:
        LabError: the loss is no number any more.
    """
    optimizer = torch.optim.Adam(start.parameters(), lr=config.meta_rate)
    steps = fit(
        start,
        tasks,
        optimizer=optimizer,
        schedule=partial(_fall, steps=config.iterations),
        max_steps=config.iterations,
        loss_of=partial(_loss, config=config),
        clip_norm=config.clip_norm,
        start=resume,
    )
    with progress_bar(config.iterations, "meta", done=0 if resume is None else resume["number"]) as bar:
        for step in steps:
            yield step
            bar.update()


def _loss(model: nn.Module, batch: TaskBatch, *, config: MetaConfig) -> Tensor:
    assert isinstance(model, Start), "the loop hands back what it was given"
    return ALGORITHMS[config.algorithm](model.adaptable, model.shared(), batch, model.rates, config.inner_steps)


def _fall(number: int, *, steps: int) -> float:
    """1 over the first half, then linearly to 0."""
    return min(1.0, 2 * (1 - number / steps))
