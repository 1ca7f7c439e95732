"""The job `finetune`: a recipe in, a model folder with card, charts and scores out."""

from __future__ import annotations

import shutil
from typing import Any

from pydantic import Field

from metagpt.errors import LabError
from metagpt.hub.data import TextData, load_data
from metagpt.lab.finetuning.chart import draw_history
from metagpt.lab.finetuning.finetune import finetune
from metagpt.lab.finetuning.finetuned import FinetunedModel
from metagpt.lab.finetuning.settings import FinetuneSettings
from metagpt.lab.jobs import RunFolder

__all__ = ["Settings", "run"]


class Settings(FinetuneSettings):
    """What to train on what, and where the result goes."""

    model: str = Field(description="The base: a folder, hub:NAME@VERSION, or the id of a model in the cache of transformers.")
    data: str = Field(description="The training set: a file, a folder, hub:NAME@VERSION or hf:ORG/NAME.")
    split: str | None = Field(None, description="Which split of a set that has several.")
    validation: str | None = Field(None, description="A set to choose the best checkpoint by; split off the training set if left out.")
    test: str | None = Field(None, description="A set to evaluate the result on.")
    text: str = Field("text", description="The column of texts.")
    label: str = Field("label", description="The column of labels.")
    format: str | None = Field(None, description="csv, tsv, jsonl, parquet or conll, where the ending does not say it.")
    merge: bool = Field(False, description="Fold LoRA or IA3 into the weights before saving.")
    hub_name: str | None = Field(None, description="Push the result to the hub under this name.")
    alias: str | None = Field(None, description="Give the pushed version this alias.")


def run(settings: Settings, folder: RunFolder) -> dict[str, Any]:
    """Train, save, draw, evaluate, push; a run that was cut goes on from its last checkpoint."""
    if settings.alias is not None and settings.hub_name is None:
        raise LabError("finetune: found an alias without hub_name; expected the name that it is given to. Set hub_name.")
    test = _load(settings, settings.test) if settings.test else None
    where = folder.path / "model"
    model = _open_or_train(settings, folder, test)
    draw_history(model.record.history, folder.path / "loss.png")
    results: dict[str, Any] = {"trained_parameters": model.record.trained, "parameters": model.record.parameters, "model": str(where)}
    if test is not None:
        report = model.evaluate(test)
        report.save(folder.path / "evaluation")
        results |= report.json_values
    if not where.is_dir():
        model.save(where)
    if settings.hub_name is not None:
        results["pushed"] = model.push(settings.hub_name, alias=settings.alias, parents=[f"run:{folder.path.name}"]).reference
    shutil.rmtree(folder.checkpoint, ignore_errors=True)
    return results


def _open_or_train(settings: Settings, folder: RunFolder, test: TextData | None) -> FinetunedModel:
    """The model that the run had saved before it was cut, or else trained now, from the last checkpoint if there is one."""
    if (folder.path / "model").is_dir():
        return FinetunedModel.load(folder.path / "model")
    train = _load(settings, settings.data)
    validation = _load(settings, settings.validation) if settings.validation else None
    chosen = settings.model_dump(include=set(FinetuneSettings.model_fields), exclude_unset=True)
    model = finetune(
        settings.model, train, validation=validation, test=test, checkpoint=folder.checkpoint,
        on_log=lambda values: folder.log(**values), **chosen,
    )  # fmt: skip
    return model.merged() if settings.merge else model


def _load(settings: Settings, source: str) -> TextData:
    return load_data(
        source, text=settings.text, label=settings.label, format=settings.format,  # type: ignore[arg-type]  # load_data checks the word
        split=settings.split if source == settings.data else None, numbers=settings.task == "regression",
    )  # fmt: skip
