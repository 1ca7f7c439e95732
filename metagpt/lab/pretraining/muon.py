"""Muon: momentum whose matrix is made orthogonal before it is applied.

Source: Keller Jordan et al. 2024, https://kellerjordan.github.io/posts/muon, with the scale of Moonshot's variant left
out and the one of the original kept: max(1, rows / columns) ** 0.5. Vectors and embeddings belong to AdamW.
"""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from metagpt.lab.pretraining.precision import is_16_bit

__all__ = ["MuonWithAdam", "orthogonalized"]

# Quintic Newton-Schulz coefficients of the source: singular values end near 1 after five rounds.
_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonalized(gradient_MN: Tensor, rounds: int = 5) -> Tensor:
    """U Vᵀ of the singular value decomposition of the matrix, nearly: X <- aX + (bXXᵀ + c(XXᵀ)²)X.

    In bfloat16 where the device has instructions for it: a processor that imitates them takes thirty times as long as in float32.
    """
    flat = gradient_MN.size(-2) > gradient_MN.size(-1)
    x: Tensor = gradient_MN.bfloat16() if is_16_bit("auto", gradient_MN.device) else gradient_MN
    x = x.mT if flat else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(rounds):
        gram = x @ x.mT
        x = _A * x + (_B * gram + _C * gram @ gram) @ x
    x = x.mT if flat else x
    return x.to(gradient_MN.dtype)


class MuonWithAdam:
    """Muon for the hidden matrices, AdamW for embeddings, output layer and norms, behind one optimizer's face."""

    def __init__(
        self,
        model: nn.Module,
        *,
        muon_lr: float = 0.02,
        adam_lr: float = 3e-3,
        momentum: float = 0.95,
        beta2: float = 0.95,
        weight_decay: float = 0.01,
    ) -> None:
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        outer = _embeddings(model)
        matrices = [parameter for parameter in trained if parameter.ndim == 2 and id(parameter) not in outer]
        ids = {id(parameter) for parameter in matrices}
        rest = [parameter for parameter in trained if id(parameter) not in ids]
        self._adam = torch.optim.AdamW(rest, lr=adam_lr, betas=(0.9, beta2), weight_decay=0.0)
        self._muon: dict[str, Any] = {"params": matrices, "lr": muon_lr, "momentum": momentum, "weight_decay": weight_decay}
        self._momenta = [torch.zeros_like(p) for p in matrices]

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        return [*self._adam.param_groups, self._muon]

    @torch.no_grad()
    def step(self) -> None:
        self._adam.step()
        rate, momentum = self._muon["lr"], self._muon["momentum"]
        for parameter, average in zip(self._muon["params"], self._momenta, strict=True):
            if parameter.grad is None:
                continue
            average.lerp_(parameter.grad, 1 - momentum)
            update = orthogonalized(parameter.grad.lerp(average, momentum))
            scale = max(1.0, parameter.size(0) / parameter.size(1)) ** 0.5
            parameter.mul_(1 - rate * self._muon["weight_decay"])
            parameter.add_(update, alpha=-rate * scale)

    def zero_grad(self) -> None:
        self._adam.zero_grad()
        for parameter in self._muon["params"]:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        return {"adam": self._adam.state_dict(), "momenta": [average.clone() for average in self._momenta], "lr": self._muon["lr"]}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self._adam.load_state_dict(state_dict["adam"])
        self._muon["lr"] = state_dict["lr"]
        for average, saved in zip(self._momenta, state_dict["momenta"], strict=True):
            average.copy_(saved)


def _embeddings(model: nn.Module) -> set[int]:
    """The ids of the weights of all embeddings and of the layer that gives the logits."""
    get_head: Any = model.get_output_embeddings if isinstance(model, PreTrainedModel) else lambda: None  # untyped in transformers
    head = get_head()
    layers = [module for module in model.modules() if isinstance(module, nn.Embedding)] + ([] if head is None else [head])
    return {id(parameter) for layer in layers for parameter in layer.parameters()}
