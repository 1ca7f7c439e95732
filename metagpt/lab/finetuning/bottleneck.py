"""Bottleneck adapters: small networks behind the two projections of every layer that write into the residual stream.

The adapted layer computes a(x) = y + W_up · gelu(W_down · y), with y what the projection gave. W_up is zero at the start, so that
training begins at the base model exactly. Trained are the adapters, the norms and the head; everything else stays as it is.

Source: Houlsby et al. 2019, arXiv:1902.00751, section 2.1. There W_up starts near zero, here at zero; the dropout of the base
stands behind the adapter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from metagpt.errors import LabError

__all__ = ["Adapted", "has_bottlenecks", "load_bottlenecks", "save_bottlenecks", "with_bottlenecks"]

WEIGHTS, CONFIG = "bottleneck.safetensors", "bottleneck.json"
TARGETS = ("output.dense", "out_lin", "lin2", "o_proj", "down_proj", "c_proj", "out_proj", "fc2", "attention.dense", "dense_4h_to_h")
"""Ends of the names that these projections have in the models of transformers."""


class Adapted(nn.Module):
    """A projection with a bottleneck behind it."""

    def __init__(self, inner: nn.Module, width: int) -> None:
        super().__init__()
        outputs = int(getattr(inner, "out_features", 0) or inner.nf)  # type: ignore[arg-type]  # GPT-2's own Linear says nf
        self.inner = inner
        self.down = nn.Linear(outputs, width)
        self.up = nn.Linear(width, outputs)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x_BTI: Tensor) -> Tensor:
        y_BTO: Tensor = self.inner(x_BTI)
        up_BTO: Tensor = self.up(nn.functional.gelu(self.down(y_BTO)))
        return y_BTO + up_BTO


def with_bottlenecks(model: Any, *, width: int, targets: Sequence[str] | None = None, train_head: bool = True) -> Any:
    """Put adapters into a model of transformers and freeze what is not trained; the model itself is changed.

    Args:
        model: The model.
        width: Inner width of every adapter.
        targets: Ends of the names of the modules to adapt, inside numbered layers; by the architecture if left out.
        train_head: Whether what stands behind the base model is trained; not for language models, whose head is the vocabulary.

    Raises:
        LabError: no module has such a name.
    """
    ends = tuple(targets or TARGETS)
    names = [name for name, _ in model.named_modules() if re.search(r"\.\d+\.", name) and name.endswith(ends)]
    if not names:
        raise LabError(f"bottleneck: found no module in {type(model).__name__} whose name ends in {', '.join(ends)}. Set targets.")
    model.requires_grad_(False)
    for name in names:
        above, _, last = name.rpartition(".")
        inner = model.get_submodule(name)
        weight = next(inner.parameters())
        setattr(model.get_submodule(above), last, Adapted(inner, width).to(device=weight.device, dtype=weight.dtype))
    for parameter in _trained(model, train_head):
        parameter.requires_grad_(True)
    return model


def _trained(model: Any, train_head: bool) -> Iterator[nn.Parameter]:
    for module in model.modules():
        if isinstance(module, Adapted):
            yield from (*module.down.parameters(), *module.up.parameters())
        elif type(module).__name__.endswith("Norm"):
            yield from module.parameters(recurse=False)
    if train_head:
        yield from (p for name, p in model.named_parameters() if not name.startswith(f"{model.base_model_prefix}."))


def has_bottlenecks(folder: Path) -> bool:
    """Whether the folder holds adapters of this kind."""
    return (folder / CONFIG).is_file()


def save_bottlenecks(model: Any, folder: Path, *, width: int, targets: Sequence[str] | None, train_head: bool) -> None:
    """Write what was trained, and how the adapters stand in the base."""
    from safetensors.torch import save_file

    weights = {name: parameter.detach().cpu().contiguous() for name, parameter in model.named_parameters() if parameter.requires_grad}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    said = {"width": width, "targets": list(targets) if targets else None, "train_head": train_head}
    (folder / CONFIG).write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def load_bottlenecks(model: Any, folder: Path) -> Any:
    """Put the adapters of a folder into their base model.

    Raises:
        LabError: they belong to another base.
    """
    from safetensors.torch import load_file

    said = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
    model = with_bottlenecks(model, width=said["width"], targets=said["targets"], train_head=said["train_head"])
    weights = load_file(folder / WEIGHTS)
    wanted = {name: parameter.shape for name, parameter in model.named_parameters() if parameter.requires_grad}
    if {name: tensor.shape for name, tensor in weights.items()} != wanted:
        raise LabError(f"bottleneck: {folder}: found adapters that do not fit {type(model).__name__}; expected their own base. Name it.")
    model.load_state_dict(weights, strict=False)
    return model
