"""Adapting to one task by gradient descent, as a function that can itself be differentiated.

Shapes: T tasks, K support examples, Q query examples, D numbers in an input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

from torch import Tensor
from torch.func import grad

__all__ = ["Adaptable", "Parameters", "Points", "TaskBatch", "adapt"]

Parameters: TypeAlias = dict[str, Tensor]


class Points(NamedTuple):
    """Examples of one task, or of several with a leading dimension T."""

    inputs: Tensor
    targets: Tensor


class TaskBatch(NamedTuple):
    """Several tasks: what each is learned from, and what each is judged by."""

    support: Points
    """Inputs [T, K, D], targets [T, K, …]."""
    query: Points
    """Inputs [T, Q, D], targets [T, Q, …]."""


@runtime_checkable
class Adaptable(Protocol):
    """A network that adapts to tasks; a `torch.nn.Module` whose parameters are shared by all tasks."""

    def begin(self, shared: Parameters, support: Points) -> Parameters:
        """What a task starts from: the shared parameters, and those that its support set makes, such as a head for its classes."""
        ...

    def loss(self, parameters: Parameters, points: Points) -> Tensor:
        """The scalar that adapting lowers."""
        ...

    def score(self, parameters: Parameters, points: Points) -> Tensor:
        """The scalar that is reported, such as accuracy."""
        ...


def adapt(
    network: Adaptable, parameters: Parameters, turns: Sequence[Points], *, rates: Mapping[str, Tensor | float], second_order: bool
) -> Parameters:
    """θ_{i+1} = θ_i - alpha ∇L_i(θ_i), one step for each of `turns`. Source: Finn, Abbeel, Levine 2017, arXiv:1703.03400, eq. 1.

    Args:
        network: Whose loss L is lowered.
        parameters: θ_0.
        turns: The examples of each step.
        rates: alpha by parameter; a number, or a tensor of the parameter's shape.
        second_order: Whether what comes back can be differentiated through the gradients, too; else they count as constants.
    """
    for points in turns:
        at = parameters if second_order else {name: value.detach() for name, value in parameters.items()}
        gradients: Parameters = grad(network.loss)(at, points)
        parameters = {name: value - rates[name] * gradients[name] for name, value in parameters.items()}
    return parameters
