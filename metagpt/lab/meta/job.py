"""The job "meta": meta-training on sine waves or on texts; before and after adapting."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import torch
from pydantic import Field

from metagpt.errors import ConfigError
from metagpt.hub import ModelHub
from metagpt.hub.data import TextData, load_data
from metagpt.lab.checkpoints import read_checkpoint, write_checkpoint
from metagpt.lab.jobs import JobSettings, RunFolder
from metagpt.lab.meta.learner import EpisodeShape, MetaLearner
from metagpt.lab.meta.report import compare_adaptation, measure_adaptation
from metagpt.lab.meta.settings import MetaConfig
from metagpt.lab.meta.sinusoid import Regressor, SinusoidTasks
from metagpt.lab.meta.training import Start, meta_train
from metagpt.lab.saving import fresh

__all__ = ["Settings", "run"]

_SAVE_EVERY = 100


class Settings(JobSettings):
    """What is meta-trained, on what."""

    task: Literal["text", "sinusoid"] = Field("text", description="text: the sets below; sinusoid: sine waves made here.")
    data: str | None = Field(None, description="Texts of the classes to meta-train on: a file, a folder, hub: or hf:.")
    validation: str | None = Field(None, description="Texts of other classes; the state that adapts best to them is kept.")
    test: str | None = Field(None, description="Texts of yet other classes, to adapt to.")
    text: str = Field("text", description="The column of texts.")
    label: str = Field("label", description="The column of classes.")
    group: str | None = Field(None, description="A column, such as the domain; the classes of a task then come from one value of it.")
    algorithm: Literal["maml", "fomaml", "reptile"] = Field("maml", description="maml, fomaml or reptile.")
    ways: int = Field(5, description="Classes in a task.", ge=2)
    shots: int = Field(5, description="Support examples of a class, or of a sine wave.", ge=1)
    queries: int = Field(5, description="Query examples of a class, or of a sine wave.", ge=1)
    inner_rate: float | None = Field(None, description="Rate of adapting what is shared (text: 0, with reptile 0.1; sinusoid: 0.02).", ge=0)
    head_rate: float = Field(10.0, description="Rate of adapting a task's own head.", gt=0)
    inner_steps: int | None = Field(None, description="Steps of adapting (text: 5; sinusoid: 1, with reptile 5).", ge=1)
    learn_rates: bool = Field(False, description="Learn the inner rates with the start (Meta-SGD).")
    meta_rate: float | None = Field(None, description="Rate of meta-training (text: 0.001; sinusoid: 0.002).", gt=0)
    iterations: int | None = Field(None, description="Batches of tasks (text: 60; sinusoid: 3000).", ge=1)
    tasks: int | None = Field(None, description="Tasks in a batch (text: 8; sinusoid: 25).", ge=1)
    test_tasks: int = Field(200, description="Tasks to test on.", ge=2)
    allow_leaks: bool = Field(False, description="Accept texts and classes that stand in several of the sets.")
    name: str | None = Field(None, description="Push the learner of texts to the hub under this name.")


def run(settings: Settings, folder: RunFolder) -> Mapping[str, Any]:
    """Meta-train, or go on where the checkpoint stands.

    Returns:
        The score before adapting and after the last step, with intervals; of texts also that of the start without meta-training.

    Raises:
        ConfigError: texts without a data set.
        LabError: data that makes no tasks, or a loss that is no number.
    """
    if settings.task == "sinusoid":
        return _sinusoid(settings, folder)
    if settings.data is None:
        raise ConfigError("lab meta: found no data; expected texts to meta-train on. Pass --data FILE, or --task sinusoid.")
    return _text(settings, settings.data, folder)


def _sinusoid(settings: Settings, folder: RunFolder) -> Mapping[str, Any]:
    steps = 5 if settings.algorithm == "reptile" else 1
    config = _config(settings, inner_rate=0.02, inner_steps=steps, meta_rate=2e-3, iterations=3000, tasks=25)
    torch.manual_seed(settings.seed)
    start = Start(Regressor(), inner_rate=config.shared_rate, learn_rates=config.learn_rates)
    tasks = SinusoidTasks(shots=settings.shots, queries=settings.queries, tasks=config.tasks, seed=settings.seed)
    begun = read_checkpoint(folder.checkpoint)
    for step in meta_train(start, tasks, config, resume=begun):
        if step.number % 50 == 0:
            folder.log(step=step.number, loss=step.loss)
        if step.number % _SAVE_EVERY == 0:
            write_checkpoint(folder.checkpoint, step.state())
    held_out = SinusoidTasks(shots=settings.shots, queries=100, tasks=settings.test_tasks, seed=settings.seed + 1)[0]
    report = measure_adaptation(start, [held_out], steps=config.inner_steps)
    folder.write_text("report.md", f"Mean squared error\n\n{report}\n")
    return {"measure": "mean squared error", **_figures("before", report.before), **_figures("after", report.after())}


def _text(settings: Settings, data: str, folder: RunFolder) -> Mapping[str, Any]:
    train = load_data(data, text=settings.text, label=settings.label)
    validation, test = (_loaded(source, settings) for source in (settings.validation, settings.test))
    config = _config(settings, inner_rate=None, inner_steps=5, meta_rate=1e-3, iterations=60, tasks=8)
    shape = EpisodeShape(ways=settings.ways, shots=settings.shots, queries=settings.queries, group=settings.group)
    learner = MetaLearner(config)
    learner.fit(
        train, validation, test=test, shape=shape, checkpoint=folder.checkpoint,
        watch=lambda step: folder.log(step=step.number, loss=step.loss),
    )  # fmt: skip
    target = fresh(folder.path / "model")
    learner.save(target)
    results: dict[str, Any] = {"measure": "accuracy", "model": str(target)}
    if test is not None:
        plain = learner.untrained(train, ways=settings.ways).evaluate(test, shape=shape, tasks=settings.test_tasks)
        report = learner.evaluate(test, shape=shape, tasks=settings.test_tasks)
        folder.write_text("report.md", f"Accuracy\n\nMeta-trained\n\n{report}\n\nThe same start without meta-training\n\n{plain}\n")
        results |= _figures("before", report.before) | _figures("after", report.after())
        results |= _figures("plain", plain.after()) | _figures("gain", compare_adaptation(report, plain))
    if settings.name is not None:
        results["hub"] = ModelHub().push(learner, settings.name, kind="model").reference
    return results


def _loaded(source: str | None, settings: Settings) -> TextData | None:
    return None if source is None else load_data(source, text=settings.text, label=settings.label)


def _config(settings: Settings, **defaults: Any) -> MetaConfig:  # Any: the defaults of the task
    given = {name: getattr(settings, name) for name in defaults if getattr(settings, name) is not None}
    return MetaConfig(
        algorithm=settings.algorithm,
        head_rate=settings.head_rate,
        learn_rates=settings.learn_rates,
        allow_leaks=settings.allow_leaks,
        seed=settings.seed,
        **{**defaults, **given},
    )


def _figures(name: str, mean: Any) -> dict[str, float]:
    return {name: mean.value, f"{name}_half_width": mean.half_width}
