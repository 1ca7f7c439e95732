"""LoRA adapters on one base: every row of a batch has its own adapter or none, and the base is in memory once.

Why not peft's own mixed batches (`adapter_names=`), which do run inside our batch: peft hooks every layer anew at each step, and
then picks, multiplies and puts back rows adapter by adapter, layer by layer. A step of eight rows with three adapters took
2.5 times as long as without any (320 wide, 5 layers, one core); this takes 1.3 times. peft also builds an adapter by its training
initialisation, some of which rewrite the base. What would change our mind: adapters that are no LoRA, asked for in one batch.

All adapters of a layer stand one beside the other in two matrices; a row's own scale is that of its adapter in the columns of
its adapter and zero elsewhere: two products, whatever the number of adapters.

Shapes: B rows, T tokens, I inputs, O outputs, R ranks of all adapters of a layer together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from metagpt.errors import ModelUnavailableError
from metagpt.models.local.adapter_files import Factors, LoraFiles, read_adapter

__all__ = ["Adapters"]

Layout: TypeAlias = tuple[tuple[str, int, float], ...]
"""The adapters of a layer: path, rank, scale; in the order of their columns."""


class _Site:
    """A layer of the base that some adapters change."""

    def __init__(self, layer: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
        inputs, outputs = _widths(layer)
        self.a_RI = torch.zeros(0, inputs, device=device, dtype=dtype)
        self.b_OR = torch.zeros(outputs, 0, device=device, dtype=dtype)
        self.layout: Layout = ()
        self.hook: Any = None  # Any: torch names its handles in a private module

    def add(self, path: str, factors: Factors) -> None:
        """Put an adapter's factors beside the others."""
        self.a_RI = torch.cat([self.a_RI, factors.a_RI.to(self.a_RI)])
        self.b_OR = torch.cat([self.b_OR, factors.b_OR.to(self.b_OR)], dim=1)
        self.layout = (*self.layout, (path, factors.a_RI.shape[0], factors.scale))

    def remove(self, path: str) -> None:
        """Take an adapter's factors out."""
        kept_R = torch.tensor([name != path for name, rank, _ in self.layout for _ in range(rank)], device=self.a_RI.device)
        self.a_RI, self.b_OR = self.a_RI[kept_R], self.b_OR[:, kept_R]
        self.layout = tuple(part for part in self.layout if part[0] != path)


class Adapters:
    """The adapters loaded onto one model; used by its thread alone."""

    def __init__(self, owner: str, model: nn.Module, *, device: torch.device, dtype: torch.dtype) -> None:
        self._owner = owner
        self._model = model
        self._device = device
        self._dtype = dtype
        self._sites: dict[str, _Site] = {}
        self._rows: tuple[str, ...] = ()
        self._scales: dict[Layout, Tensor] = {}
        self.loaded: set[str] = set()
        """Their paths."""

    def load(self, path: str) -> None:
        """Read an adapter's folder; does nothing if it is loaded.

        Raises:
            ModelUnavailableError: it cannot be read, or was not made for this base.
        """
        if not path or path in self.loaded:
            return
        files = read_adapter(f"{self._owner}+adapter={path}", Path(path))
        layers = self._checked(path, files)
        for name, factors in files.layers.items():
            site = self._sites.get(name)
            if site is None:
                site = self._sites[name] = _Site(layers[name], self._device, self._dtype)
                site.hook = layers[name].register_forward_hook(partial(self._adapted, site))
            site.add(path, factors)
        self._changed(self.loaded | {path})

    def keep_only(self, paths: Collection[str]) -> None:
        """Free all other adapters."""
        for path in self.loaded.difference(paths):
            for name, site in list(self._sites.items()):
                site.remove(path)
                if not site.layout:
                    site.hook.remove()
                    del self._sites[name]
        self._changed(self.loaded & set(paths))

    def choose(self, rows: Sequence[str]) -> None:
        """Whose adapter each row of the next steps has, by path; empty: none."""
        if self._rows != tuple(rows):
            self._rows = tuple(rows)
            self._scales = {}

    @property
    def size_bytes(self) -> int:
        """Of all factors in memory."""
        return sum(part.numel() * part.element_size() for site in self._sites.values() for part in (site.a_RI, site.b_OR))

    def _changed(self, loaded: set[str]) -> None:
        self.loaded = loaded
        self._rows, self._scales = (), {}

    def _adapted(self, site: _Site, layer: nn.Module, inputs: tuple[Tensor, ...], outputs_BTO: Tensor) -> Tensor | None:
        """Wx + s ⊙ BAx with s = alpha/r in the columns of the row's own adapter. Source: Hu et al. 2021, arXiv:2106.09685, eq. 3."""
        if not any(self._rows):
            return None
        [x_BTI] = inputs
        if x_BTI.dim() != 3 or x_BTI.shape[0] != len(self._rows):
            raise ModelUnavailableError(
                f"{self._owner}: a {type(layer).__name__} that mixes the rows of a batch has adapters; expected one that keeps them apart. "
                "Merge the adapter into its base."
            )
        reduced_BTR = linear(x_BTI, site.a_RI) * self._row_scales(site.layout)
        return outputs_BTO + linear(reduced_BTR, site.b_OR)

    def _row_scales(self, layout: Layout) -> Tensor:
        """B x 1 x R; made once for all layers of one layout, and anew when rows join or leave."""
        if layout not in self._scales:
            scales = [[scale if path == row else 0.0 for path, rank, scale in layout for _ in range(rank)] for row in self._rows]
            self._scales[layout] = torch.tensor(scales, device=self._device, dtype=self._dtype)[:, None]
        return self._scales[layout]

    def _checked(self, path: str, files: LoraFiles) -> Mapping[str, nn.Module]:
        """The base's layers that the adapter changes, all of them there and of its widths."""
        layers = {}
        for name, factors in files.layers.items():
            try:
                layers[name] = self._model.get_submodule(name)
                found = _widths(layers[name])
            except AttributeError as error:
                raise self._misfit(path, files, f"has no linear layer {name!r}") from error
            wanted = (factors.a_RI.shape[1], factors.b_OR.shape[0])
            if found != wanted:
                raise self._misfit(
                    path, files, f"has a layer {name!r} from {found[0]} to {found[1]} numbers, not {wanted[0]} to {wanted[1]}"
                )
        return layers

    def _misfit(self, path: str, files: LoraFiles, reason: str) -> ModelUnavailableError:
        return ModelUnavailableError(
            f"{self._owner}+adapter={path}: the base {reason}; expected the one it was trained on, {files.base!r}. Name that base."
        )


def _widths(layer: nn.Module) -> tuple[int, int]:
    """Inputs and outputs of a linear layer, in whichever of the ways that transformers has.

    Raises:
        AttributeError: it is none.
    """
    if type(layer).__name__ == "Conv1D":  # GPT-2's: its weight is the transpose
        inputs, outputs = layer.weight.shape  # type: ignore[misc]  # transformers leaves the class untyped
        return int(inputs), int(outputs)
    return int(layer.in_features), int(layer.out_features)  # type: ignore[arg-type]  # a Module's attributes have no type
