"""A student made of a teacher: some of its layers, evenly spread, with their weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from metagpt.errors import LabError
from metagpt.lab.compression.subject import Subject

__all__ = ["have_same_logits", "have_same_tokens", "kept_layers", "student_of"]

_COUNTS = ("num_hidden_layers", "n_layers", "n_layer")


def kept_layers(total: int, wanted: int) -> list[int]:
    """Places of the layers that stay: the first and the last, and the others evenly between them.

    Source: as DistilBERT begins from BERT (Sanh et al. 2019, arXiv:1910.01108), for any number.
    """
    if wanted == 1:
        return [0]
    return [round(number * (total - 1) / (wanted - 1)) for number in range(wanted)]


def student_of(teacher: Subject, *, layers: int) -> Subject:
    """A smaller model that begins with the teacher's embeddings, head, and some of its layers.

    Raises:
        LabError: more layers than the teacher has, or layers that cannot be found.
    """
    model = copy.deepcopy(teacher.model)
    counts = [name for name in _COUNTS if isinstance(getattr(model.config, name, None), int)]
    total = getattr(model.config, counts[0]) if counts else 0
    stacks = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.ModuleList) and len(module) == total]
    if not counts or len(stacks) != 1:
        raise LabError(f"distill: found no list of layers in {type(model).__name__}; expected one. Give a student of your own.")
    if layers >= total:
        raise LabError(f"distill: found layers = {layers} for a teacher of {total}; expected fewer. Correct it.")
    name, stack = stacks[0]
    above, _, last = name.rpartition(".")
    kept = [stack[place] for place in kept_layers(total, layers)]
    for place, layer in enumerate(kept):
        _renumber(layer, place)
    setattr(model.get_submodule(above), last, nn.ModuleList(kept))
    setattr(model.config, counts[0], layers)
    _shorten_lists(model.config, total, layers)
    return teacher.with_model(model.eval())


def _renumber(layer: nn.Module, place: int) -> None:
    """Where a layer keeps its keys and values goes by its number."""
    for module in layer.modules():
        if isinstance(getattr(module, "layer_idx", None), int):
            setattr(module, "layer_idx", place)  # noqa: B010  # torch types every attribute of a module as a module


def _shorten_lists(config: Any, total: int, layers: int) -> None:
    """What the configuration lists for each layer."""
    for name, value in config.to_dict().items():
        if isinstance(value, list) and len(value) == total and name.startswith("layer"):
            setattr(config, name, [value[place] for place in kept_layers(total, layers)])


def have_same_tokens(first: Subject, second: Subject) -> bool:
    """Whether both read and write the same tokens."""
    return bool(first.tokenizer.get_vocab() == second.tokenizer.get_vocab())


def have_same_logits(first: Subject, second: Subject) -> bool:
    """Whether both give logits of the same width."""
    tokens = torch.tensor([[0, 0]])
    with torch.inference_mode():
        widths = {subject.model(input_ids=tokens.to(subject.model.device)).logits.shape[-1] for subject in (first, second)}
    return len(widths) == 1
