"""MAML, FOMAML and Reptile: what a batch of tasks says about the start that they share.

Each is a loss whose gradient is the algorithm's meta-gradient, so that the loop of the lab trains by all three; tasks go through `vmap`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import cycle, islice
from typing import TypeAlias

import torch
from torch import Tensor
from torch.func import vmap

from metagpt.lab.meta.adaptation import Adaptable, Parameters, Points, TaskBatch, adapt

__all__ = ["ALGORITHMS", "MetaLoss", "fomaml_loss", "maml_loss", "reptile_loss"]

Rates: TypeAlias = Mapping[str, Tensor | float]
MetaLoss: TypeAlias = Callable[[Adaptable, Parameters, TaskBatch, Rates, int], Tensor]
"""(network, shared parameters, tasks, inner rates, inner steps) -> a scalar; its value is the mean query loss after adapting."""


def maml_loss(network: Adaptable, shared: Parameters, tasks: TaskBatch, rates: Rates, steps: int) -> Tensor:
    """1/T Σ_t L_t^query(θ_t'), differentiated through the inner steps. Source: Finn et al. 2017, arXiv:1703.03400, algorithm 1."""
    return _query_loss(network, shared, tasks, rates, steps, second_order=True)


def fomaml_loss(network: Adaptable, shared: Parameters, tasks: TaskBatch, rates: Rates, steps: int) -> Tensor:
    """As MAML with ∂θ'/∂θ taken as the identity. Source: Finn et al. 2017, arXiv:1703.03400, section 5.2."""
    return _query_loss(network, shared, tasks, rates, steps, second_order=False)


def reptile_loss(network: Adaptable, shared: Parameters, tasks: TaskBatch, rates: Rates, steps: int) -> Tensor:
    """½ · 1/T Σ_t |θ - θ_t'|² with θ_t' constant: its gradient is θ - mean θ_t'. Source: Nichol et al. 2018, arXiv:1803.02999, algorithm 2.

    The inner steps take support and query set in turn: two or more steps, for Reptile learns from what minibatches of a task share.
    """

    def one(support: Points, query: Points) -> tuple[Tensor, Tensor]:
        turns = list(islice(cycle((support, query)), steps))
        adapted = adapt(network, network.begin(shared, support), turns, rates=rates, second_order=False)
        distance = torch.stack([((value - adapted[name].detach()) ** 2).sum() for name, value in shared.items()]).sum()
        return distance / 2, network.loss({name: value.detach() for name, value in adapted.items()}, query)

    distances_T, losses_T = vmap(one)(tasks.support, tasks.query)
    distance = distances_T.mean()
    return losses_T.mean().detach() + distance - distance.detach()


def _query_loss(network: Adaptable, shared: Parameters, tasks: TaskBatch, rates: Rates, steps: int, *, second_order: bool) -> Tensor:
    def one(support: Points, query: Points) -> Tensor:
        adapted = adapt(network, network.begin(shared, support), [support] * steps, rates=rates, second_order=second_order)
        return network.loss(adapted, query)

    losses_T: Tensor = vmap(one)(tasks.support, tasks.query)
    return losses_T.mean()


ALGORITHMS: Mapping[str, MetaLoss] = {"maml": maml_loss, "fomaml": fomaml_loss, "reptile": reptile_loss}
