"""Unstructured pruning: the smallest weights become zero. It makes neither files smaller nor matrices faster; structured pruning does.

Source: Han et al. 2015, arXiv:1506.02626, section 3.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from metagpt.errors import LabError

__all__ = ["Masks", "apply_masks", "prune_smallest", "zero_share"]

Masks = dict[str, Tensor]
"""By name of the weight: true where it is kept."""


def prune_smallest(model: Any, *, share: float) -> Masks:  # Any: a model of transformers
    """Zero the share of smallest weights of every linear layer inside the base model, in place.

    Args:
        model: The model.
        share: Between 0 and 1; of each layer, so that none dies.

    Returns:
        What is kept, for `apply_masks` after steps of further training.

    Raises:
        LabError: a share that is none, or a model without linear layers.
    """
    if not 0 < share < 1:
        raise LabError(f"prune: found share = {share!r}; expected a number between 0 and 1. Correct it.")
    prefix = f"{model.base_model_prefix}."
    layers = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear) and name.startswith(prefix)}
    if not layers:
        raise LabError(f"prune: found no linear layers in {type(model).__name__}; expected some. Take another model.")
    masks: Masks = {}
    for name, layer in layers.items():
        sizes = layer.weight.detach().abs().flatten()
        cut = round(share * sizes.numel())
        kept = torch.ones_like(sizes, dtype=torch.bool)
        kept[sizes.argsort(stable=True)[:cut]] = False
        masks[f"{name}.weight"] = kept.view_as(layer.weight)
    apply_masks(model, masks)
    return masks


def apply_masks(model: nn.Module, masks: Masks) -> None:
    """Zero again what was pruned."""
    with torch.no_grad():
        for name, kept in masks.items():
            model.get_parameter(name).mul_(kept)


def zero_share(model: Any) -> float:
    """The share of zeros among the weights of linear layers inside the base model."""
    weights = [m.weight for name, m in model.named_modules() if isinstance(m, nn.Linear) and name.startswith(f"{model.base_model_prefix}.")]
    return sum(int((weight == 0).sum()) for weight in weights) / max(1, sum(weight.numel() for weight in weights))
