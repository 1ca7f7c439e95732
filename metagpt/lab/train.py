"""The one training loop of our own: it yields after every step, and the caller evaluates, prints and saves."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, TypeVar

import torch
from torch import Tensor, nn

from metagpt.errors import LabError

__all__ = ["Batches", "Optimizer", "Step", "fit"]

B_co = TypeVar("B_co", covariant=True)


class Batches(Protocol[B_co]):
    """Batch number n of a training: a list, or a corpus that makes batch n from a seed and n."""

    def __getitem__(self, number: int, /) -> B_co: ...


class Optimizer(Protocol):
    """What the loop needs of an optimizer: torch's own, or several behind one face."""

    @property
    def param_groups(self) -> list[dict[str, Any]]: ...
    def step(self) -> Any: ...  # torch's optimizers return a loss or None, which the loop ignores
    def zero_grad(self) -> Any: ...
    def state_dict(self) -> dict[str, Any]: ...
    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any: ...


@dataclass(frozen=True)
class Step:
    """One step that was made."""

    number: int
    """Steps made so far, this one counted."""
    loss: float
    gradient_norm: float
    """Before clipping."""
    _save: Callable[[], dict[str, Any]]

    def state(self) -> dict[str, Any]:
        """Everything needed to go on from here: weights, optimizer, random state, step. Pass it to `fit(start=...)`."""
        return self._save()


def model_loss(model: nn.Module, batch: Mapping[str, Any]) -> Tensor:
    """The loss a transformers model computes itself when given labels."""
    loss: Tensor = model(**batch).loss
    return loss


def fit(
    model: nn.Module,
    batches: Batches[Any],
    *,
    optimizer: Optimizer,
    schedule: Callable[[int], float],
    max_steps: int,
    loss_of: Callable[[nn.Module, Any], Tensor] = model_loss,
    clip_norm: float = 1.0,
    accumulate: int = 1,
    share_gradients: Callable[[Sequence[Tensor]], None] | None = None,
    start: Mapping[str, Any] | None = None,
) -> Iterator[Step]:
    """Train until `max_steps`; yields after every step.

    Args:
        model: Trained in place; what differs between full, adapter and other training is which parameters need gradients.
        batches: `batches[n]` is the batch of step n + 1, so that a resumed run sees the same ones; where batches are accumulated,
            those of step n + 1 are `batches[n * accumulate]` and the next ones.
        optimizer: Its groups' learning rates at this moment are the peak rates.
        schedule: Step number (from 0) -> factor of the peak rates.
        max_steps: Counted from the very beginning, also when resumed.
        loss_of: (model, batch) -> scalar loss.
        clip_norm: Gradients are scaled down to this 2-norm over all parameters.
        accumulate: Batches of one step; its loss is the mean of theirs.
        share_gradients: Called with all gradients before clipping; workers of one training average them here.
        start: A `Step.state()` to go on from; the losses are then those of a run that never stopped.

    Raises:
        LabError: a loss or gradient that is no finite number; the weights are those of the step before.
    """
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    peaks = [group["lr"] for group in optimizer.param_groups]
    done = 0
    if start is not None:
        model.load_state_dict(start["model"])
        optimizer.load_state_dict(start["optimizer"])
        torch.set_rng_state(start["random"])
        done, peaks = start["number"], start["peaks"]
    model.train()
    for number in range(done, max_steps):
        for group, peak in zip(optimizer.param_groups, peaks, strict=True):
            group["lr"] = peak * schedule(number)
        optimizer.zero_grad()
        loss = 0.0
        for part in range(number * accumulate, (number + 1) * accumulate):
            loss += _backward(loss_of(model, batches[part]) / accumulate, number)
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        if share_gradients is not None:
            share_gradients(gradients)
        norm = float(nn.utils.clip_grad_norm_(parameters, clip_norm))
        _check_finite("gradient norm", norm, number)
        optimizer.step()
        yield Step(number + 1, loss, norm, partial(_state, model, optimizer, number + 1, peaks))


def _backward(loss: Tensor, number: int) -> float:
    value = float(loss.detach())
    _check_finite("loss", value, number)
    torch.autograd.backward(loss)
    return value


def _check_finite(what: str, value: float, number: int) -> None:
    if not math.isfinite(value):
        raise LabError(
            f"fit: found the {what} {value} in step {number + 1}; expected a finite number. Lower the learning rate, lengthen the warmup,"
            " or look for spoiled rows in that step's batch; then start anew, or go on from the last checkpoint."
        )


def _state(model: nn.Module, optimizer: Optimizer, number: int, peaks: Sequence[float]) -> dict[str, Any]:
    weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    return {"model": weights, "optimizer": optimizer.state_dict(), "random": torch.get_rng_state(), "number": number, "peaks": list(peaks)}
