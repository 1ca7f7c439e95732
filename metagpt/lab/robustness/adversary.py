"""Adversarial training: the embeddings of a batch are moved to where the loss is higher, and the model is trained there.

An adversary computes the loss of a training step; it serves the lab's own loop (`adversarial_loss`), any Trainer of transformers or TRL
(`adversarial_trainer`), and `finetune(adversary=...)`. Dropout draws the same in all passes of a step, as FreeLB asks for.

Shapes: B rows, T tokens, D width of the embeddings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from metagpt.errors import LabError
from metagpt.lab.train import model_loss

__all__ = ["Adversary", "Fgm", "FreeLb", "adversarial_loss", "adversarial_trainer"]

_TINY = 1e-12


class Adversary(Protocol):
    """Makes the loss of a step adversarial."""

    def loss(self, model: Any, compute: Callable[[], Tensor]) -> Tensor:  # Any: models of transformers, wrapped or not
        """The loss to be minimized.

        Args:
            model: What `compute` runs.
            compute: The plain loss of the step's batch; called several times.
        """
        ...


class _Moved:
    """The embeddings of the batch, moved by `delta_BTD`."""

    def __init__(self, begin: Callable[[Tensor, Tensor], Tensor]) -> None:
        self.begin = begin
        self.delta_BTD: Tensor | None = None
        self.is_fresh = True

    def hook(self, layer: nn.Module, inputs: tuple[Tensor, ...], embedded_BTD: Tensor) -> Tensor | None:
        if not self.is_fresh:  # a decoder's own tokens, after those of the encoder
            return None
        self.is_fresh = False
        if self.delta_BTD is None:
            padding = getattr(layer, "padding_idx", None)
            counted_BT = torch.ones_like(inputs[0]) if padding is None else (inputs[0] != padding)
            self.delta_BTD = self.begin(embedded_BTD.detach(), counted_BT[..., None].to(embedded_BTD.dtype)).requires_grad_()
        return embedded_BTD + self.delta_BTD

    def gradient(self, loss: Tensor) -> Tensor:
        """Of the loss by the move."""
        if self.delta_BTD is None:
            raise LabError("adversary: found a model whose input embeddings the loss does not use; expected one fed with input_ids.")
        [gradient_BTD] = torch.autograd.grad(loss, self.delta_BTD, retain_graph=True)
        return gradient_BTD

    def move_to(self, delta_BTD: Tensor) -> None:
        self.delta_BTD = delta_BTD.detach().requires_grad_()


@dataclass(frozen=True, kw_only=True)
class Fgm:
    """L(x) + L(x + r), with r = ε g / ‖g‖₂ and g the gradient of L by the embeddings of a row.

    Source: Miyato, Dai and Goodfellow 2017, arXiv:1605.07725, eq. 2 and 4. They normalize the embeddings first, which would take
    a pretrained model off its weights; ε is in the unit of the embeddings here.
    """

    epsilon: float = 1.0
    """Length of the move of each row's embeddings taken together."""

    def loss(self, model: Any, compute: Callable[[], Tensor]) -> Tensor:
        with _moving(model, _Moved(lambda embedded, counted: torch.zeros_like(embedded))) as (moved, same_chance):
            clean = same_chance(compute)
            gradient_BTD = moved.gradient(clean)
            moved.move_to(self.epsilon * gradient_BTD / _lengths(gradient_BTD))
            return clean + same_chance(compute)


@dataclass(frozen=True, kw_only=True)
class FreeLb:
    """(1/K) Σ_t L(x + δ_t), with δ_{t+1} = Π(δ_t + a g / ‖g‖_F), Π back into the ball of radius ε, and δ_0 drawn evenly in it.

    Source: Zhu et al. 2020, arXiv:1909.11764, algorithm 1. The graphs of all K passes are kept until the step is made.
    """

    epsilon: float = 0.5
    """Radius of the ball, by the norm of each row's move."""
    rate: float = 0.2
    """The a of the formula: how far each ascent goes."""
    steps: int = 3
    """K, passes of a step."""

    def loss(self, model: Any, compute: Callable[[], Tensor]) -> Tensor:
        with _moving(model, _Moved(self._begin)) as (moved, same_chance):
            losses = [same_chance(compute)]
            for _ in range(self.steps - 1):
                gradient_BTD = moved.gradient(losses[-1])
                delta_BTD = moved.delta_BTD
                assert delta_BTD is not None, "made in the first pass"
                moved.move_to(_within(delta_BTD + self.rate * gradient_BTD / _lengths(gradient_BTD), self.epsilon))
                losses.append(same_chance(compute))
            return torch.stack(losses).mean()

    def _begin(self, embedded_BTD: Tensor, counted_BT1: Tensor) -> Tensor:
        """U(-ε, ε) / √N for N numbers of a row's tokens."""
        with torch.random.fork_rng(devices=_cuda_of(embedded_BTD)):  # or dropout would draw otherwise than in the later passes
            drawn_BTD = (torch.rand_like(embedded_BTD) * 2 - 1) * counted_BT1
        numbers_B11 = counted_BT1.sum(dim=(1, 2), keepdim=True).clamp(min=1) * embedded_BTD.shape[-1]
        return self.epsilon * drawn_BTD / numbers_B11.sqrt()


def _cuda_of(tensor: Tensor) -> list[int]:
    return [tensor.device.index or 0] if tensor.device.type == "cuda" else []


def _lengths(values_BTD: Tensor) -> Tensor:
    lengths_B: Tensor = torch.linalg.vector_norm(values_BTD.flatten(1), dim=1)
    return lengths_B.clamp(min=_TINY)[:, None, None]


def _within(delta_BTD: Tensor, radius: float) -> Tensor:
    return delta_BTD * (radius / _lengths(delta_BTD)).clamp(max=1.0)


@contextmanager
def _moving(model: Any, moved: _Moved) -> Iterator[tuple[_Moved, Callable[[Callable[[], Tensor]], Tensor]]]:
    """Move the input embeddings of all passes inside; `same_chance(compute)` is a pass that draws what the first one drew."""
    inner = getattr(model, "module", model)
    handle = inner.get_input_embeddings().register_forward_hook(moved.hook)
    devices = sorted({parameter.device.index or 0 for parameter in inner.parameters() if parameter.device.type == "cuda"})
    chance = torch.get_rng_state(), [torch.cuda.get_rng_state(device) for device in devices]

    def same_chance(compute: Callable[[], Tensor]) -> Tensor:
        torch.set_rng_state(chance[0])
        for device, state in zip(devices, chance[1], strict=True):
            torch.cuda.set_rng_state(state, device)
        moved.is_fresh = True
        return compute()

    try:
        yield moved, same_chance
    finally:
        handle.remove()


def adversarial_loss(adversary: Adversary, loss_of: Callable[[nn.Module, Any], Tensor] = model_loss) -> Callable[[nn.Module, Any], Tensor]:
    """The `loss_of` for `metagpt.lab.train.fit` that trains against an adversary."""
    return lambda model, batch: adversary.loss(model, lambda: loss_of(model, batch))


def adversarial_trainer(trainer: type[Any], adversary: Adversary) -> type[Any]:
    """A class of Trainer like the one given whose training steps, and no evaluations, have the adversary's loss."""

    class AdversarialTrainer(trainer):  # type: ignore[misc]  # any class of Trainer
        """Trains against an adversary."""

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **rest: Any) -> Any:
            plain = super().compute_loss
            if return_outputs or not model.training:
                return plain(model, inputs, return_outputs=return_outputs, **rest)
            return adversary.loss(model, lambda: plain(model, dict(inputs), **rest))

    return AdversarialTrainer
