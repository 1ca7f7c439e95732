"""Structured pruning: attention heads and feed-forward neurons are taken out, so that the matrices are smaller and faster.

How much a head or neuron counts is either the squared size of its weights, or its first-order effect on the loss,
I_u = Σ_batches (Σ_{w in u} w · ∂L/∂w)². Source: Michel et al. 2019, arXiv:1905.10650, and Molchanov et al. 2019, arXiv:1906.10771, eq. 8.

Shapes: U heads or neurons.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from metagpt.errors import LabError

__all__ = ["Unit", "effects", "linear_shapes", "prune_structured", "reshape_linears", "sizes"]


@dataclass(frozen=True, slots=True)
class _Family:
    """Where the projections of a layer are."""

    query: str
    key: str
    value: str
    output: str
    ups: tuple[str, ...]
    down: str


_FAMILIES = (
    _Family("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
            ("intermediate.dense",), "output.dense"),
    _Family("attention.q_lin", "attention.k_lin", "attention.v_lin", "attention.out_lin", ("ffn.lin1",), "ffn.lin2"),
    _Family("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj",
            ("mlp.gate_proj", "mlp.up_proj"), "mlp.down_proj"),
    _Family("attention.q_proj", "attention.k_proj", "attention.v_proj", "attention.o_proj",
            ("feed_forward.gate_proj", "feed_forward.up_proj"), "feed_forward.down_proj"),
)  # fmt: skip
"""BERT and its kin; DistilBERT; Llama, Mistral, Qwen and their kin; ours."""


@dataclass(frozen=True, slots=True)
class Unit:
    """The heads of one layer, or its neurons."""

    name: str
    count: int
    rows: tuple[tuple[nn.Linear, int], ...]
    """Layers that lose rows, with the rows of one head or neuron."""
    columns: tuple[nn.Linear, int]
    """The layer that loses columns."""
    is_head: bool

    def sums(self, of: Callable[[Tensor], Tensor]) -> Tensor:
        """For each head or neuron the sum of `of(weight)` over its weights."""
        total_U = of(self.columns[0].weight).sum(dim=0).view(self.count, -1).sum(dim=1)
        for layer, _ in self.rows:
            total_U = total_U + of(layer.weight).sum(dim=1).view(self.count, -1).sum(dim=1)
        return total_U

    def keep(self, kept_U: Tensor) -> None:
        """Take all other heads or neurons out."""
        with torch.no_grad():
            for layer, width in self.rows:
                _narrow(layer, _spread(kept_U, width), dim=0)
            layer, width = self.columns
            _narrow(layer, _spread(kept_U, width), dim=1)


def _spread(units_U: Tensor, width: int) -> Tensor:
    return (units_U[:, None] * width + torch.arange(width, device=units_U.device)).flatten()


def _narrow(layer: nn.Linear, places: Tensor, *, dim: int) -> None:
    layer.weight = nn.Parameter(layer.weight.index_select(dim, places).contiguous())
    if dim == 0:
        layer.out_features = len(places)
        if layer.bias is not None:
            layer.bias = nn.Parameter(layer.bias[places].contiguous())
    else:
        layer.in_features = len(places)


def _units(model: nn.Module) -> list[Unit]:
    found: list[Unit] = []
    for name, layer in model.named_modules():
        family = next((each for each in _FAMILIES if _has(layer, each)), None)
        if family is not None:
            found += [_heads(name, layer, family), _neurons(name, layer, family)]
    if not found:
        raise LabError(
            f"prune: found no layers in {type(model).__name__} whose projections are known; expected those of BERT, DistilBERT, Llama and"
            " their kin, or ours. Use magnitude, int8 or int4."
        )
    return found


def _linear(layer: nn.Module, path: str) -> nn.Linear | None:
    found: Any = layer
    for part in path.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, nn.Linear) else None


def _has(layer: nn.Module, family: _Family) -> bool:
    return all(_linear(layer, path) is not None for path in (family.query, family.key, family.value, family.output, family.down))


def _heads(name: str, layer: nn.Module, family: _Family) -> Unit:
    """Keys and values of several queries go with all of these."""
    query, key, value, output = (_linear(layer, path) for path in (family.query, family.key, family.value, family.output))
    assert query is not None
    assert key is not None
    assert value is not None
    assert output is not None
    attention = layer.get_submodule(family.query.rpartition(".")[0])
    width = int(getattr(attention, "head_dim", 0) or getattr(attention, "attention_head_size", 0))
    count = key.out_features // width
    of_query = query.out_features // count
    return Unit(f"{name} heads", count, ((query, of_query), (key, width), (value, width)), (output, of_query), is_head=True)


def _neurons(name: str, layer: nn.Module, family: _Family) -> Unit:
    ups = tuple((up, 1) for path in family.ups if (up := _linear(layer, path)) is not None)
    down = _linear(layer, family.down)
    assert down is not None
    return Unit(f"{name} neurons", down.in_features, ups, (down, 1), is_head=False)


def effects(model: Any, losses: Iterable[Tensor]) -> dict[str, Tensor]:
    """What each head and neuron does to the loss, by first order.

    Args:
        model: The model that the losses come from; its gradients are emptied.
        losses: One for each batch, computed when it is asked for.
    """
    units = _units(model)
    found = {unit.name: torch.zeros(unit.count) for unit in units}
    for loss in losses:
        model.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        for unit in units:
            found[unit.name] += unit.sums(_times_gradient).detach().cpu().square()
    model.zero_grad()
    return found


def _times_gradient(weight: Tensor) -> Tensor:
    return weight * weight.grad if weight.grad is not None else torch.zeros_like(weight)


def prune_structured(
    model: Any, *, heads: float = 0.0, neurons: float = 0.0, importance: dict[str, Tensor] | None = None
) -> dict[str, tuple[int, int]]:
    """Take heads and neurons out of every layer, in place: of each layer the same share, the least important ones.

    Args:
        model: A model of transformers.
        heads: Share of each layer's heads; one always stays.
        neurons: Share of each layer's feed-forward neurons.
        importance: As `effects` gives it; the squared size of the weights if left out.

    Returns:
        For each layer's heads and neurons how many there were and are.

    Raises:
        LabError: a share that is none, or an architecture that is not known.
    """
    for name, share in (("heads", heads), ("neurons", neurons)):
        if not 0 <= share < 1:
            raise LabError(f"prune: found {name} = {share!r}; expected a share of at least 0 and below 1. Correct it.")
    found = {}
    for unit in _units(model):
        kept = max(1, round(unit.count * (1 - (heads if unit.is_head else neurons))))
        score_U = importance[unit.name] if importance else unit.sums(torch.square).detach()
        unit.keep(score_U.argsort(descending=True, stable=True)[:kept].sort().values)
        found[unit.name] = (unit.count, kept)
    _tell_config(model, found)
    return found


def _tell_config(model: Any, found: dict[str, tuple[int, int]]) -> None:
    """Whatever of it the configuration has a word for."""
    config = model.config
    neurons = {after for name, (_, after) in found.items() if name.endswith("neurons")}
    heads = {before: after for name, (before, after) in found.items() if name.endswith("heads")}
    for name in ("intermediate_size", "hidden_dim"):
        if isinstance(getattr(config, name, None), int):
            setattr(config, name, neurons.pop() if len(neurons) == 1 else getattr(config, name))
            break
    if "head_dim" in config.to_dict() and hasattr(config, "num_key_value_heads"):
        [(before, after)] = heads.items()
        config.num_attention_heads = config.num_attention_heads * after // before
        config.num_key_value_heads = after


def sizes(found: dict[str, tuple[int, int]]) -> dict[str, int]:
    """Heads and neurons of all layers, before and after."""
    return {
        f"{kind}_{when}": sum(counts[place] for name, counts in found.items() if name.endswith(kind))
        for kind in ("heads", "neurons")
        for place, when in ((0, "before"), (1, "after"))
    }


def linear_shapes(model: nn.Module) -> dict[str, list[int]]:
    """Outputs and inputs of every linear layer, by name."""
    return {name: list(module.weight.shape) for name, module in model.named_modules() if isinstance(module, nn.Linear)}


def reshape_linears(model: nn.Module, shapes: dict[str, list[int]]) -> None:
    """Make the linear layers of a new model as wide as those of a pruned one, before its weights are loaded."""
    for name, (outputs, inputs) in shapes.items():
        layer = model.get_submodule(name)
        if not isinstance(layer, nn.Linear):
            raise LabError(f"load: found {name!r} that is no linear layer; expected the model that was pruned. Get the files anew.")
        if list(layer.weight.shape) != [outputs, inputs]:
            _narrow(layer, torch.arange(outputs).clamp(max=layer.out_features - 1), dim=0)
            _narrow(layer, torch.arange(inputs).clamp(max=layer.in_features - 1), dim=1)
