"""One worker's part of a pretraining: train, and if it is the first one, log, validate, sample and save."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metagpt.errors import LabError
from metagpt.lab.checkpoints import read_checkpoint, write_checkpoint
from metagpt.lab.jobs import RunFolder
from metagpt.lab.pretraining.averaging import WeightAverage
from metagpt.lab.pretraining.losses import LossOf, check_packable
from metagpt.lab.pretraining.material import HeldOut, Material, open_material
from metagpt.lab.pretraining.models import new_optimizer, start_model
from metagpt.lab.pretraining.precision import is_16_bit
from metagpt.lab.pretraining.schedules import rate_schedule
from metagpt.lab.pretraining.settings import PretrainSettings
from metagpt.lab.pretraining.tokenizers import kept_tokenizer
from metagpt.lab.pretraining.watching import sample_text
from metagpt.lab.pretraining.workers import Workers, join_workers
from metagpt.lab.progress import progress_bar
from metagpt.lab.saving import fresh, whole_folder
from metagpt.lab.train import Step, fit
from metagpt.models.local.bars import bars_for

__all__ = ["DATA", "SUMMARY", "TOKENIZER", "prepare", "save_model", "train"]

SUMMARY = "training.json"
"""Of the run folder: what the finished training says of itself."""
DATA = "data.json"
TOKENIZER = "tokenizer"


@dataclass(frozen=True)
class _Training:
    """What a worker trains with."""

    settings: PretrainSettings
    workers: Workers
    tokenizer: Any
    model: Any
    average: WeightAverage | None
    loss_of: LossOf
    held_out: HeldOut
    steps: Iterator[Step]
    begun_at: int
    """Steps that a run made before it was cut."""

    def settled(self) -> AbstractContextManager[None]:
        """The model with the weights that are validated and saved."""
        return nullcontext() if self.average is None else self.average.within(self.model)

    def validation_loss(self, *, most: int | None = None) -> float:
        """Of the held-out data."""
        return self.held_out.loss(self.model, self.loss_of, most=most)


def prepare(settings: PretrainSettings, folder: RunFolder) -> tuple[Material, Any]:
    """Read the data, and make the tokenizer unless the folder has it; several workers then find both.

    Raises:
        LabError: data that is too short, or other than when the run began.
    """
    material = open_material(settings)
    file = folder.path / DATA
    found = json.loads(file.read_text())["sha256"] if file.is_file() else material.digest
    if found != material.digest:
        raise LabError(f"{folder.path}: found other data than the run began with; expected the same. Restore it, or start a new run.")
    tokenizer = kept_tokenizer(settings, material, folder.path / TOKENIZER)
    if not file.is_file():
        folder.write_json(DATA, {"source": settings.data, "sha256": material.digest, "datasets": dict(material.datasets)})
    return material, tokenizer


def train(rank: int, settings: PretrainSettings, folder: RunFolder, port: int = 0) -> None:
    """Train, or go on; the first worker leaves model, tokenizer and `SUMMARY` in the folder.

    Raises:
        LabError: data that is too short, or other than when the run began; a loss that is no number.
    """
    material, tokenizer = prepare(settings, folder)
    workers = join_workers(rank, settings.workers, settings.device, port=port)
    training = _begin(settings, folder, material, tokenizer, workers)
    if rank == 0:
        _watch(training, folder)
    else:
        for step in training.steps:
            workers.mean(step.loss)


def _begin(settings: PretrainSettings, folder: RunFolder, material: Material, tokenizer: Any, workers: Workers) -> _Training:
    batches = material.batches(tokenizer, workers)
    model = start_model(settings, tokenizer).to(workers.device)
    if settings.is_packed:
        check_packable(model)
    if settings.checkpointing:
        model.activation_checkpointing_enable()
    if settings.compiled:
        model.base_model.compile()
    start = read_checkpoint(folder.checkpoint)
    average = WeightAverage(model, settings.average) if settings.average and workers.rank == 0 else None
    if average is not None and start is not None:
        average.load(start["average"])
    loss_of = LossOf(material.predict, settings.seed, workers.device, is_16_bit(settings.precision, workers.device))
    schedule = rate_schedule(
        settings.schedule, steps=settings.steps, warmup=settings.warmup, floor=settings.floor, decay_share=settings.decay_share
    )
    steps = fit(
        model,
        batches,
        optimizer=new_optimizer(settings, model),
        schedule=schedule,
        max_steps=settings.steps,
        loss_of=loss_of,
        clip_norm=settings.clip,
        accumulate=settings.accumulate,
        share_gradients=workers.share if workers.count > 1 else None,
        start=start,
    )
    begun_at = 0 if start is None else int(start["number"])
    return _Training(settings, workers, tokenizer, model, average, loss_of, material.held_out(tokenizer, workers), steps, begun_at)


def _watch(training: _Training, folder: RunFolder) -> None:
    settings, done, wall_s, cpu_s = training.settings, training.begun_at, 0.0, 0.0
    with progress_bar(settings.steps, "pretrain", done=done) as bar:
        begun = time.perf_counter(), time.process_time()
        for step in training.steps:
            loss = training.workers.mean(step.loss)
            if training.average is not None:
                training.average.update(training.model, step.number)
            wall_s += time.perf_counter() - begun[0]
            cpu_s += time.process_time() - begun[1]
            _log(training, folder, step, loss)
            if step.number % settings.save_every == 0 or step.number == settings.steps:
                write_checkpoint(folder.checkpoint, _state(training, step))
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update()
            begun = time.perf_counter(), time.process_time()
    tokens = (settings.steps - done) * settings.tokens_per_step
    speed = {"tokens_per_second": tokens / wall_s, "tokens_per_cpu_second": tokens / cpu_s / settings.workers} if tokens else {}
    _finish(training, folder, speed)


def _state(training: _Training, step: Step) -> dict[str, Any]:
    return step.state() if training.average is None else {**step.state(), "average": training.average.weights}


def _log(training: _Training, folder: RunFolder, step: Step, loss: float) -> None:
    settings = training.settings
    line: dict[str, Any] = {"step": step.number, "loss": loss, "norm": step.gradient_norm}
    is_validated = step.number % settings.validate_every == 0 and step.number < settings.steps
    is_sampled = settings.sample_tokens > 0 and step.number % settings.sample_every == 0
    if is_validated or is_sampled:
        with training.settled():
            if is_validated:
                line["validation"] = training.validation_loss(most=settings.validation_tokens)
            if is_sampled:
                line["sample"] = _sample(training)
    folder.log(**line)


def _sample(training: _Training) -> str:
    settings, device = training.settings, training.workers.device
    return sample_text(
        training.model, training.tokenizer, settings.prompt, num_tokens=settings.sample_tokens, device=device, seed=settings.seed
    )


def _finish(training: _Training, folder: RunFolder, speed: dict[str, float]) -> None:
    """Model and tokenizer as a folder that `from_pretrained` takes, and the summary last: where it is, all is."""
    settings, model = training.settings, training.model
    place = folder.path / "model"
    with training.settled():
        loss = training.validation_loss()
        with whole_folder(fresh(place), "pretrain") as aside:
            save_model(model, training.tokenizer, aside)
    folder.log(step=settings.steps, validation=loss)
    summary: dict[str, Any] = {
        "model": str(place),
        "steps": settings.steps,
        "tokens": settings.steps * settings.tokens_per_step,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "vocabulary": len(training.tokenizer),
        "held_out_tokens": training.held_out.num_tokens,
        "validation_loss": loss,
        "device": str(training.workers.device),
        **speed,
    }
    folder.write_json(SUMMARY, summary)


def save_model(model: Any, tokenizer: Any, place: Path) -> None:
    """Model and tokenizer as a folder that `from_pretrained` takes."""
    with bars_for(long=False):
        model.save_pretrained(place)
    tokenizer.save_pretrained(place)
