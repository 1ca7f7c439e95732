"""The job "contrast": a few-shot classifier from a set of texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal

from pydantic import Field

from metagpt.hub import ModelHub, TaskDescription
from metagpt.hub.data import few_shot, load_data
from metagpt.lab.contrastive.candidates import ModelSource
from metagpt.lab.contrastive.settings import ContrastiveConfig
from metagpt.lab.contrastive.trainer import ContrastiveTrainer
from metagpt.lab.contrastive.training import Progress
from metagpt.lab.jobs import JobSettings, RunFolder
from metagpt.lab.saving import fresh

__all__ = ["Settings", "run"]

_DEFAULTS = ContrastiveConfig()


class Settings(JobSettings):
    """What is trained, on what."""

    data: str = Field(description="The training set: a file, a folder, hub:NAME@VERSION or hf:ORG/NAME.")
    validation: str | None = Field(None, description="The set to choose models by; a fifth of every class if left out.")
    test: str | None = Field(None, description="A set to evaluate the result on.")
    text: str = Field("text", description="The column of texts.")
    label: str = Field("label", description="The column of classes.")
    models: list[str] = Field(
        default_factory=lambda: ["minilm"], description="Names, folders or hub:NAME@VERSION of encoders.", min_length=1
    )
    task: str | None = Field(None, description="What the model is for, in words: the hub then selects the models.")
    top_n: int = Field(3, description="How many the hub selects.", ge=1)
    shots: int | None = Field(None, description="Examples of each class to take of the data; all if left out.", ge=1)
    temperature: float = Field(_DEFAULTS.temperature, description="Of the contrastive loss.", gt=0)
    max_epochs: int = Field(_DEFAULTS.max_epochs, description="Of each model.", ge=0)
    loss: Literal["supervised", "nt_xent"] = Field(_DEFAULTS.loss, description="supervised, or nt_xent, which looks at no labels.")
    learning_rate: float = Field(_DEFAULTS.learning_rate, description="At the peak.", gt=0)
    batch_size: int = Field(_DEFAULTS.batch_size, description="Texts in a batch, about.", ge=8)
    tuned_share: float = Field(_DEFAULTS.tuned_share, description="Of the tuned weights in the mean with those at the start.", ge=0, le=1)
    allow_leaks: bool = Field(_DEFAULTS.allow_leaks, description="Accept texts that stand in several of the sets.")
    name: str | None = Field(None, description="Push the result to the hub under this name.")


def run(settings: Settings, folder: RunFolder) -> Mapping[str, Any]:
    """Train, or go on where the checkpoint stands; the folder then holds the model.

    Raises:
        LabError: data that cannot be trained on, or a loss that is no number.
    """
    train, validation, test = (
        load_data(source, text=settings.text, label=settings.label) if source is not None else None
        for source in (settings.data, settings.validation, settings.test)
    )
    assert train is not None, "a required setting"
    if settings.shots is not None:
        train = few_shot(train, settings.shots, seed=settings.seed)
    models: list[ModelSource] = [*settings.models]
    if settings.task is not None:
        models = [*ModelHub().select_models(TaskDescription(settings.task), top_n=settings.top_n)]

    def watch(name: str, progress: Progress) -> None:
        folder.log(model=name, **asdict(progress))

    trainer = ContrastiveTrainer(models=models, config=_config(settings), device=settings.device, watch=watch)
    model = trainer.fit(train, validation, test=test, checkpoint=folder.checkpoint)
    results: dict[str, Any] = {"examples": len(train), "base": model.base, "table": [asdict(line) for line in model.table]}
    if test is not None:
        report = model.evaluate(test)
        results |= {"accuracy": report["accuracy"], "f1_macro": report["f1_macro"]}
        folder.write_text("report.md", f"{report}\n")
    model.save(fresh(folder.path / "model"))
    if settings.name is not None:
        results["hub"] = model.push(settings.name).reference
    return results | {"model": str(folder.path / "model")}


def _config(settings: Settings) -> ContrastiveConfig:
    return ContrastiveConfig(
        temperature=settings.temperature,
        max_epochs=settings.max_epochs,
        loss=settings.loss,
        learning_rate=settings.learning_rate,
        batch_size=settings.batch_size,
        tuned_share=settings.tuned_share,
        allow_leaks=settings.allow_leaks,
        seed=settings.seed,
    )
