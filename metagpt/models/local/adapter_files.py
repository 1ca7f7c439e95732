"""LoRA adapters as peft saves them: adapter_config.json and adapter_model.safetensors, read and checked.

What an adapter may hold here is pairs of factors for linear layers and nothing else. Whatever would change the base for all roles
(initialisations that rewrite its weights, replaced layers, biases, tokens of its own) is refused, with what to do instead.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import torch
from torch import Tensor

from metagpt.errors import ModelUnavailableError

__all__ = ["Factors", "LoraFiles", "read_adapter"]

_TENSOR = re.compile(r"(?:base_model\.model\.)?(?P<layer>.+)\.lora_(?P<side>[AB])\.weight")
_HARMLESS = frozenset({
    "task_type", "peft_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode", "r",
    "target_modules", "exclude_modules", "lora_alpha", "lora_dropout", "fan_in_fan_out", "bias", "use_rslora", "init_lora_weights",
    "layers_to_transform", "layers_pattern", "rank_pattern", "alpha_pattern", "megatron_core", "eva_config", "qalora_group_size",
})  # fmt: skip
"""Fields that say how an adapter was trained, or that are read here; any other that is set asks for more than two factors a layer."""
_OWN_WEIGHTS_ALONE = (True, False, "gaussian", "eva", "orthogonal")
"""Initialisations that leave the base as it is."""


@dataclass(frozen=True, slots=True)
class Factors:
    """One layer's update: scale · B A. Shapes: I inputs, O outputs, R rank."""

    a_RI: Tensor
    b_OR: Tensor
    scale: float


@dataclass(frozen=True, slots=True)
class LoraFiles:
    """An adapter as read, by name of the base's layer."""

    base: str
    """What it says it was trained on."""
    layers: Mapping[str, Factors]


def read_adapter(owner: str, folder: Path) -> LoraFiles:
    """Read an adapter's folder.

    Raises:
        ModelUnavailableError: a file is missing or broken, it is no LoRA adapter, or one that does more than LoRA.
    """
    config = _config(owner, folder)
    _check_config(owner, config)
    halves: dict[str, dict[str, Tensor]] = {}
    for name, tensor in _tensors(owner, folder).items():
        parts = _TENSOR.fullmatch(name)
        if parts is None:
            _refuse(owner, f"the tensor {name!r}", "pairs of lora_A and lora_B for linear layers alone", "Merge it into its base.")
        if not tensor.is_floating_point() or tensor.dim() != 2 or not torch.isfinite(tensor).all():
            _refuse(owner, f"{name!r} that is no matrix of finite numbers", "one", "Train or save the adapter anew.")
        halves.setdefault(parts["layer"], {})[parts["side"]] = tensor
    layers = {layer: _factors(owner, layer, sides, config) for layer, sides in halves.items()}
    if not layers:
        _refuse(owner, "no tensors", "some layers' factors", "Train or save the adapter anew.")
    return LoraFiles(base=str(config.get("base_model_name_or_path") or "an unnamed model"), layers=layers)


def _config(owner: str, folder: Path) -> dict[str, Any]:  # Any: JSON values
    file = folder / "adapter_config.json"
    if not file.is_file():
        _refuse(owner, f"no adapter_config.json in {str(folder)!r}", "a folder that peft saved", "Correct the path behind +adapter=.")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelUnavailableError(f"{owner}: {file} is no JSON ({error}); expected an object. Save the adapter anew.") from error
    if not isinstance(config, dict):
        _refuse(owner, f"{file} that holds no object", "one", "Save the adapter anew.")
    return config


def _check_config(owner: str, config: Mapping[str, Any]) -> None:  # Any: as above
    if config.get("peft_type") != "LORA":
        _refuse(owner, f"an adapter of type {config.get('peft_type')!r}", "LORA", "Merge it into its base.")
    more = sorted(name for name, value in config.items() if value and name not in _HARMLESS)
    if config.get("bias", "none") != "none":
        more.append("bias")
    if config.get("init_lora_weights", True) not in _OWN_WEIGHTS_ALONE:
        more.append("init_lora_weights")
    if more:
        settings = ", ".join(f"{name} = {config[name]!r}" for name in more)
        _refuse(owner, settings, "plain LoRA, which leaves the base as it is for other roles", "Merge it into its base, or train without.")


def _tensors(owner: str, folder: Path) -> Mapping[str, Tensor]:
    file = folder / "adapter_model.safetensors"
    if not file.is_file():
        pickled = " (its adapter_model.bin is a pickle, which can run code)" if (folder / "adapter_model.bin").is_file() else ""
        _refuse(owner, f"no adapter_model.safetensors in {str(folder)!r}{pickled}", "the weights there", "Save the adapter as safetensors.")
    safetensors = importlib.import_module("safetensors")
    try:
        tensors: Mapping[str, Tensor] = importlib.import_module("safetensors.torch").load_file(file)
    except (safetensors.SafetensorError, OSError) as error:
        raise ModelUnavailableError(f"{owner}: {file} cannot be read ({error}); expected safetensors. Get the file anew.") from error
    return tensors


def _factors(owner: str, layer: str, sides: Mapping[str, Tensor], config: Mapping[str, Any]) -> Factors:  # Any: as above
    if sides.keys() != {"A", "B"} or sides["A"].shape[0] != sides["B"].shape[1]:
        shapes = ", ".join(f"lora_{side} {tuple(tensor.shape)}" for side, tensor in sorted(sides.items()))
        _refuse(owner, f"{shapes} of {layer!r}", "a pair of one rank", "Train or save the adapter anew.")
    rank = sides["A"].shape[0]
    alpha = _of_layer(layer, config.get("alpha_pattern") or {}, config.get("lora_alpha"))
    if isinstance(alpha, bool) or not isinstance(alpha, int | float):
        _refuse(owner, f"lora_alpha = {alpha!r} for {layer!r}", "a number", "Correct adapter_config.json.")
    return Factors(sides["A"], sides["B"], alpha / (rank**0.5 if config.get("use_rslora") else rank))


def _of_layer(layer: str, patterns: Mapping[str, Any], default: Any) -> Any:  # Any: as above
    """The value of the first pattern that the end of the layer's name matches, as peft reads `alpha_pattern`."""
    return next((value for pattern, value in patterns.items() if re.fullmatch(rf"(.*\.)?({pattern})", layer)), default)


def _refuse(owner: str, found: str, expected: str, mend: str) -> NoReturn:
    raise ModelUnavailableError(f"{owner}: found {found}; expected {expected}. {mend}")
