"""The head: logistic regression on the vectors, and the temperature that makes its probabilities honest.

Shapes: N examples, D numbers in a vector, C classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

__all__ = ["LinearHead", "fit_head", "fit_temperature"]

_STEPS = 200


@dataclass(frozen=True, eq=False)
class LinearHead:
    """p(c | z) = softmax((W z + b) / T)."""

    weight_CD: Tensor  # noqa: N815 - the shape, as in every name here
    bias_C: Tensor  # noqa: N815
    temperature: float = 1.0
    """T; above 1 makes surer probabilities less so, and changes no prediction."""

    def logits(self, vectors_ND: Tensor) -> Tensor:
        """Before the temperature, [N, C]."""
        return vectors_ND.double() @ self.weight_CD.T + self.bias_C

    def probabilities(self, vectors_ND: Tensor) -> Tensor:
        """Rows that add up to 1, [N, C]."""
        return (self.logits(vectors_ND) / self.temperature).softmax(-1)

    def save(self, path: Path) -> None:
        """Write it as a safetensors file."""
        from safetensors.torch import save_file

        tensors = {"weight": self.weight_CD.contiguous(), "bias": self.bias_C.contiguous()}
        save_file(tensors, path, metadata={"temperature": repr(self.temperature)})

    @classmethod
    def load(cls, path: Path) -> LinearHead:
        """Read what `save` wrote."""
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            return cls(file.get_tensor("weight"), file.get_tensor("bias"), float(file.metadata()["temperature"]))


def fit_head(vectors_ND: Tensor, targets_N: Tensor, *, classes: int, penalty: float) -> LinearHead:
    """Minimize Σ_n -log p(y_n | z_n) + penalty/2 · |W|², b unpenalized: convex, and solved by L-BFGS from zero.

    Args:
        vectors_ND: z.
        targets_N: y, numbers of classes from 0.
        classes: C.
        penalty: Above 0.
    """
    vectors_ND = vectors_ND.double()
    weight_CD = torch.zeros(classes, vectors_ND.shape[1], dtype=torch.float64, requires_grad=True)
    bias_C = torch.zeros(classes, dtype=torch.float64, requires_grad=True)

    def objective() -> Tensor:
        fit = cross_entropy(vectors_ND @ weight_CD.T + bias_C, targets_N, reduction="sum")
        return fit + penalty / 2 * (weight_CD**2).sum()

    _minimize([weight_CD, bias_C], objective)
    return LinearHead(weight_CD.detach(), bias_C.detach())


def fit_temperature(head: LinearHead, vectors_ND: Tensor, targets_N: Tensor) -> LinearHead:
    """The head with the temperature that makes these labels, unseen in training, most probable.

    Source: Guo, Pleiss, Sun, Weinberger 2017, "On Calibration of Modern Neural Networks", arXiv:1706.04599, section 4.2. Ours has
    the prior log T ~ N(0, 1): a few examples that are all right would take T to 0.
    """
    logits_NC = head.logits(vectors_ND)
    log_t = torch.zeros((), dtype=torch.float64, requires_grad=True)
    _minimize([log_t], lambda: cross_entropy(logits_NC / log_t.exp(), targets_N) + log_t**2 / (2 * len(targets_N)))
    return LinearHead(head.weight_CD, head.bias_C, float(log_t.detach().exp()))


def _minimize(parameters: list[Tensor], objective: Callable[[], Tensor]) -> None:
    optimizer = torch.optim.LBFGS(parameters, max_iter=_STEPS, tolerance_grad=1e-7, tolerance_change=1e-12, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        value = objective()
        torch.autograd.backward(value)
        return value

    optimizer.step(closure)  # type: ignore[no-untyped-call]
