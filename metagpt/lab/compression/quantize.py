"""A whole model into eight or four bits, and back into float32 numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from metagpt.errors import LabError
from metagpt.lab.compression.quantized import QuantizedEmbedding, QuantizedLinear, TiedHead

__all__ = ["put_quantized", "quantize_model", "unpack_model"]

_LEAST_NUMBERS = 4096
"""Smaller matrices stay as they are: they weigh nothing, and heads of few classes are where rounding shows."""


def quantize_model(model: Any, *, bits: int, group: int = 32) -> list[str]:  # Any: a model of transformers
    """Pack linear layers and embeddings of a model in place; norms, biases and small heads stay.

    Args:
        model: The model.
        bits: 8, with a scale for each output, or 4, with one for each group of inputs.
        group: Inputs of a group in four bits.

    Returns:
        The names of the packed modules, for `put_quantized`.

    Raises:
        LabError: nothing to pack.
    """
    names = [name for name, module in model.named_modules() if _is_packable(module) and _is_inside(model, name)]
    if not names:
        raise LabError(f"quantize: found no linear layers of {_LEAST_NUMBERS} numbers or more in {type(model).__name__}; expected some.")
    put_quantized(model, names, bits=bits, group=group)
    return names


def _is_packable(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear | nn.Embedding) and module.weight.numel() >= _LEAST_NUMBERS and module.weight.shape[1] % 2 == 0


def _is_inside(model: Any, name: str) -> bool:
    """Inside the base, or its output layer; what classifies stands behind the base and stays."""
    return name.startswith(f"{model.base_model_prefix}.") or model.get_submodule(name) is model.get_output_embeddings()


def put_quantized(model: Any, names: Sequence[str], *, bits: int, group: int) -> None:
    """Replace modules by packed ones; an output layer that shares the embedding's weight goes on sharing it."""
    head, table = model.get_output_embeddings(), model.get_input_embeddings()
    is_tied = head is not None and head.weight is table.weight
    tied: list[str] = []
    for name in names:
        module = model.get_submodule(name)
        if module is head and is_tied:
            tied.append(name)
        elif isinstance(module, nn.Embedding):
            _put(model, name, QuantizedEmbedding(module, bits=bits, group=group))
        else:
            _put(model, name, QuantizedLinear(module, bits=bits, group=group))
    for name in tied:
        embedding = model.get_input_embeddings()
        assert isinstance(embedding, QuantizedEmbedding), "a table that ties a packable head is packable"
        _put(model, name, TiedHead(embedding, getattr(head, "bias", None)))


def unpack_model(model: Any) -> Any:
    """Turn packed modules back into float32 ones in place: the speed of the original, with the rounding of the packed weights."""
    packed = [(name, module) for name, module in model.named_modules() if isinstance(module, QuantizedLinear | QuantizedEmbedding)]
    heads = [(name, module) for name, module in model.named_modules() if isinstance(module, TiedHead)]
    for name, module in packed:
        _put(model, name, module.unpacked())
    for name, head in heads:
        table = model.get_input_embeddings()
        layer = nn.Linear(table.embedding_dim, table.num_embeddings, bias=head.bias is not None)
        layer.weight = table.weight
        if head.bias is not None:
            layer.bias = head.bias
        _put(model, name, layer)
    return model


def _put(model: nn.Module, name: str, module: nn.Module) -> None:
    above, _, last = name.rpartition(".")
    setattr(model.get_submodule(above), last, module.eval())
