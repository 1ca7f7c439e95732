"""Entries as something that predicts: by the plugin that the card names, by what config.json says, or member by member."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.errors import HubError
from metagpt.hub.entry import Entry
from metagpt.models.local.architectures import register_architecture
from metagpt.plugins import load_plugin

if TYPE_CHECKING:
    from numpy import float64
    from numpy.typing import NDArray

    from metagpt.hub.hub import ModelHub

__all__ = ["SequenceClassifier", "load_predictor"]


def load_predictor(hub: ModelHub, entry: Entry) -> Any:  # Any: each plugin makes its own kind
    """What predicts as the entry does.

    Raises:
        HubError: it is a dataset, or nothing is known that could load it.
    """
    folder = hub.folder(entry.reference)
    if entry.kind == "composition":
        from metagpt.hub.composition.recipe import open_composition

        return open_composition(folder, hub.load)
    named = hub.card(entry).predictor
    if named is not None:
        return load_plugin("predictors", named)(folder)
    if entry.kind == "model" and _architecture(folder).endswith("ForSequenceClassification"):
        return SequenceClassifier(folder)
    raise HubError(
        f"hub: {entry.reference}: found a {entry.kind} that is no text classifier and whose card names no predictor; expected `predictor:`"
        " in the front matter of its README.md. Push it with card=Card(predictor=...)."
    )


def _architecture(folder: Path) -> str:
    config = folder / "config.json"
    said = json.loads(config.read_text(encoding="utf-8")) if config.is_file() else {}
    return str(next(iter(said.get("architectures") or []), ""))


class SequenceClassifier:
    """A text classifier of transformers, from its folder; the weights are loaded at the first prediction."""

    def __init__(self, folder: Path, *, device: str = "cpu", batch_size: int = 32) -> None:
        said = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        names = said.get("id2label") or {str(number): f"LABEL_{number}" for number in range(2)}
        self.classes_ = [names[str(number)] for number in range(len(names))]
        self._folder = folder
        self._device = device
        self._batch_size = batch_size
        self._loaded: tuple[Any, Any] | None = None  # Any: transformers' model and tokenizer

    def predict_proba(self, inputs: Sequence[str]) -> NDArray[float64]:
        """A row for each text, a column for each of `classes_`."""
        import numpy
        import torch

        model, tokenizer = self._open()
        rows = []
        for start in range(0, len(inputs), self._batch_size):
            texts = list(inputs[start : start + self._batch_size])
            encoded = tokenizer(texts, padding=True, truncation=True, return_tensors="pt").to(self._device)
            with torch.inference_mode():
                rows.append(torch.softmax(model(**encoded).logits.double(), dim=-1).cpu().numpy())
        return numpy.concatenate(rows) if rows else numpy.zeros((0, len(self.classes_)))

    def predict(self, inputs: Sequence[str]) -> list[str]:
        """The most probable class of each text."""
        return [self.classes_[index] for index in self.predict_proba(inputs).argmax(axis=1)]

    def _open(self) -> tuple[Any, Any]:
        if self._loaded is None:
            from transformers import AutoModelForSequenceClassification, AutoTokenizer

            register_architecture(self._folder)
            model = AutoModelForSequenceClassification.from_pretrained(self._folder, local_files_only=True, use_safetensors=True)
            tokenizer = AutoTokenizer.from_pretrained(self._folder, local_files_only=True)
            self._loaded = (model.eval().to(self._device), tokenizer)
        return self._loaded
