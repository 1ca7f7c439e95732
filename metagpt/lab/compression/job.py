"""The job "compress": a model pruned or quantized, measured before and after."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field

from metagpt.hub.data import TextData, load_data
from metagpt.lab.compression.compressing import compress
from metagpt.lab.compression.settings import CompressSettings
from metagpt.lab.jobs import RunFolder
from metagpt.lab.saving import fresh

__all__ = ["Settings", "load_set", "pushed", "run"]


class Settings(CompressSettings):
    """Which model, and the examples that judge it."""

    model: str = Field(description="The folder of a fine-tuned or language model, hub:NAME@VERSION, or embedded.")
    data: str = Field(description="Held-out examples to score on: a file, a folder, hub:NAME@VERSION or hf:ORG/NAME.")
    train: str | None = Field(None, description="Examples that pruning may learn from.")
    text: str = Field("text", description="The column of texts.")
    label: str | None = Field("label", description="The column of labels; of bare language models none is needed.")
    format: str | None = Field(None, description="csv, tsv, jsonl, parquet or conll, where the ending does not say it.")
    hub_name: str | None = Field(None, description="Push the result to the hub under this name.")


def run(settings: Settings, folder: RunFolder) -> Mapping[str, Any]:
    """Compress, measure, write report.md and the model; a recovery that was cut goes on."""
    data = load_set(settings, settings.data)
    train = None if settings.train is None else load_set(settings, settings.train)
    where = fresh(folder.path / "model")
    chosen = {name: getattr(settings, name) for name in CompressSettings.model_fields if name in settings.model_fields_set}
    done = compress(settings.model, where, data, train=train, checkpoint=folder.checkpoint, on_step=folder.log, **chosen)
    folder.write_text("report.md", str(done))
    results = {**done.as_json(), "model": str(where)}
    return pushed(results, settings.hub_name, where, settings.model, folder)


def load_set(settings: Any, source: str) -> TextData:  # Any: settings with the names of the columns
    """A set as the settings say."""
    return load_data(source, text=settings.text, label=settings.label, format=settings.format)


def pushed(results: dict[str, Any], name: str | None, where: Path, model: str, folder: RunFolder) -> dict[str, Any]:
    """The results, with the reference of the entry where the model goes to the hub."""
    if name is None:
        return results
    from metagpt.hub.hub import ModelHub

    parents = [model] if model.startswith("hub:") else []
    return {**results, "pushed": ModelHub().push(where, name, kind="model", parents=[*parents, f"run:{folder.path.name}"]).reference}
