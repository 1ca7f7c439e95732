"""Softmax regression, the final member of a stacking: small, convex, and kept as safetensors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.errors import HubError

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

__all__ = ["SoftmaxRegression"]

_STEPS = 2000
_TOLERANCE = 1e-6
"""The largest gradient entry, per example, at which the descent ends."""


@dataclass(eq=False)
class SoftmaxRegression:
    """p(c | x) = softmax(W x + b).   N examples, F features, C classes."""

    weight_CF: NDArray[float64]  # noqa: N815 - the shape, as in every name here
    bias_C: NDArray[float64]  # noqa: N815
    classes_: list[Any]

    @classmethod
    def fit(cls, features_NF: NDArray[float64], labels: Sequence[Any], *, penalty: float = 1.0) -> SoftmaxRegression:
        """Minimize Σ_n -log p(y_n | x_n) + penalty/2 · |W|², the bias unpenalized, by Nesterov's accelerated descent.

        The step is 1/L with the bound L = ½ · λ_max([x, 1]ᵀ[x, 1]) + penalty on the curvature (Böhning, 1992: the Hessian of the
        softmax is below ½ I in every example). Source of the descent: Nesterov, 1983.

        Raises:
            HubError: fewer than two classes, or another number of labels than of rows.
        """
        import numpy

        classes = sorted(set(labels), key=str)
        if len(labels) != len(features_NF) or len(classes) < 2:
            raise HubError(
                f"SoftmaxRegression: found {len(labels)} labels of {len(classes)} class(es) for {len(features_NF)} rows;"
                " expected a label for each row, and two classes or more. Give it other examples."
            )
        extended_NG = numpy.hstack([features_NF, numpy.ones((len(features_NF), 1))])
        target_NC = numpy.asarray([[float(label == each) for each in classes] for label in labels])
        penalty_G = numpy.append(numpy.full(features_NF.shape[1], penalty), 0.0)
        curvature = 0.5 * float(numpy.linalg.norm(extended_NG, 2)) ** 2 + penalty
        point_CG = numpy.zeros((len(classes), extended_NG.shape[1]))
        ahead_CG, momentum = point_CG, 1.0
        for _ in range(_STEPS):
            gradient_CG = (_softmax(extended_NG @ ahead_CG.T) - target_NC).T @ extended_NG + penalty_G * ahead_CG
            if numpy.abs(gradient_CG).max() < _TOLERANCE * len(labels):
                break
            following = ahead_CG - gradient_CG / curvature
            if float(numpy.sum(gradient_CG * (following - point_CG))) > 0:  # the momentum points uphill: begin it anew
                momentum = 1.0
            grown = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
            ahead_CG = following + (momentum - 1) / grown * (following - point_CG)
            point_CG, momentum = following, grown
        return cls(ahead_CG[:, :-1], ahead_CG[:, -1], classes)

    def predict_proba(self, features_NF: NDArray[float64]) -> NDArray[float64]:
        """A row for each example, a column for each of `classes_`."""
        return _softmax(features_NF @ self.weight_CF.T + self.bias_C)

    def predict(self, features_NF: NDArray[float64]) -> list[Any]:
        """The most probable class of each example."""
        return [self.classes_[index] for index in self.predict_proba(features_NF).argmax(axis=1)]

    def save(self, path: Path) -> None:
        """Write it as a safetensors file; the classes stand in its metadata."""
        from numpy import ascontiguousarray
        from safetensors.numpy import save_file

        tensors = {"weight": ascontiguousarray(self.weight_CF), "bias": ascontiguousarray(self.bias_C)}  # a view would be saved askew
        save_file(tensors, path, metadata={"classes": json.dumps(self.classes_)})

    @classmethod
    def load(cls, path: Path) -> SoftmaxRegression:
        """Read what `save` wrote."""
        from safetensors import safe_open

        with safe_open(path, framework="numpy") as file:
            return cls(file.get_tensor("weight"), file.get_tensor("bias"), json.loads(file.metadata()["classes"]))


def _softmax(logits_NC: NDArray[float64]) -> NDArray[float64]:
    import numpy

    shifted_NC = numpy.exp(logits_NC - logits_NC.max(axis=1, keepdims=True))
    rows: NDArray[float64] = shifted_NC / shifted_NC.sum(axis=1, keepdims=True)
    return rows
