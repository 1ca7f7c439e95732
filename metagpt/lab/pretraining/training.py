"""One worker's part of a pretraining: train, and if it is the first one, log, validate, sample and save."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from metagpt.errors import LabError
from metagpt.lab.checkpoints import read_checkpoint, write_checkpoint
from metagpt.lab.jobs import RunFolder
from metagpt.lab.pretraining.models import new_optimizer, start_model, start_tokenizer
from metagpt.lab.pretraining.packing import WindowBatch, Windows, pack
from metagpt.lab.pretraining.precision import is_16_bit
from metagpt.lab.pretraining.schedules import rate_schedule
from metagpt.lab.pretraining.settings import PretrainSettings
from metagpt.lab.pretraining.texts import Corpus, read_corpus
from metagpt.lab.pretraining.watching import sample_text, validation_loss
from metagpt.lab.pretraining.workers import Workers, join_workers
from metagpt.lab.train import Step, fit
from metagpt.models.local.bars import bars_for

__all__ = ["SUMMARY", "train"]

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
    held_out: Tensor
    steps: Iterator[Step]
    begun_at: int
    """Steps that a run made before it was cut."""


def train(rank: int, settings: PretrainSettings, folder: RunFolder, port: int = 0) -> None:
    """Train, or go on; the first worker leaves model, tokenizer and `SUMMARY` in the folder.

    Raises:
        LabError: data that is too short, or other than when the run began; a loss that is no number.
    """
    corpus = read_corpus(settings.data, validation_share=settings.validation_share, seed=settings.seed)
    _check_same_data(folder, corpus)
    workers = join_workers(rank, settings.workers, settings.device, port=port)
    training = _prepare(settings, folder, corpus, workers)
    if rank == 0:
        _watch(training, folder)
    else:
        for step in training.steps:
            workers.mean(step.loss)


def _check_same_data(folder: RunFolder, corpus: Corpus) -> None:
    file = folder.path / DATA
    found = json.loads(file.read_text())["sha256"] if file.is_file() else corpus.digest
    if found != corpus.digest:
        raise LabError(f"{folder.path}: found other data than the run began with; expected the same. Restore it, or start a new run.")


def _prepare(settings: PretrainSettings, folder: RunFolder, corpus: Corpus, workers: Workers) -> _Training:
    tokenizer = start_tokenizer(settings, corpus, folder.path / TOKENIZER)
    batches = Windows(
        pack(tokenizer, corpus.training), settings.rows, settings.length, settings.seed, workers.count, workers.rank, workers.device
    )
    model = start_model(settings, tokenizer).to(workers.device)
    if settings.checkpointing:
        model.activation_checkpointing_enable()
    start = read_checkpoint(folder.checkpoint)
    if workers.rank == 0 and start is None:
        tokenizer.save_pretrained(folder.path / TOKENIZER)
        folder.write_json(DATA, {"source": settings.data, "sha256": corpus.digest, "tokens": len(batches.tokens)})
    steps = fit(
        model,
        batches,
        optimizer=new_optimizer(settings, model),
        schedule=rate_schedule(settings.schedule, steps=settings.steps, warmup=settings.warmup, floor=settings.floor),
        max_steps=settings.steps,
        loss_of=_LossOf(settings, workers.device, is_16_bit(settings.precision, workers.device)),
        clip_norm=settings.clip,
        accumulate=settings.accumulate,
        share_gradients=workers.share if workers.count > 1 else None,
        start=start,
    )
    begun_at = 0 if start is None else int(start["number"])
    return _Training(settings, workers, tokenizer, model, pack(tokenizer, corpus.validation), steps, begun_at)


@dataclass(frozen=True)
class _LossOf:
    """Mean cross-entropy of the next tokens; dropout draws from the seed and the batch's number, so that a resumed run draws the same."""

    settings: PretrainSettings
    device: torch.device
    is_16_bit: bool

    def __call__(self, model: nn.Module, batch: WindowBatch) -> Tensor:
        if self.settings.dropout:
            torch.manual_seed(self.settings.seed + batch.number)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.is_16_bit):
            logits_BTV = model(input_ids=batch.tokens, use_cache=False).logits
        return cross_entropy(logits_BTV.flatten(0, 1).float(), batch.targets.flatten())


def _watch(training: _Training, folder: RunFolder) -> None:
    settings, done, wall_s, cpu_s = training.settings, training.begun_at, 0.0, 0.0
    with tqdm(total=settings.steps, initial=done, disable=None, unit="step", desc="pretrain") as bar:
        begun = time.perf_counter(), time.process_time()
        for step in training.steps:
            loss = training.workers.mean(step.loss)
            wall_s += time.perf_counter() - begun[0]
            cpu_s += time.process_time() - begun[1]
            _log(training, folder, step, loss)
            if step.number % settings.save_every == 0 or step.number == settings.steps:
                write_checkpoint(folder.checkpoint, step.state())
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            bar.update()
            begun = time.perf_counter(), time.process_time()
    tokens = (settings.steps - done) * settings.tokens_per_step
    speed = {"tokens_per_second": tokens / wall_s, "tokens_per_cpu_second": tokens / cpu_s / settings.workers} if tokens else {}
    _finish(training, folder, speed)


def _log(training: _Training, folder: RunFolder, step: Step, loss: float) -> None:
    settings, device = training.settings, training.workers.device
    line: dict[str, Any] = {"step": step.number, "loss": loss, "norm": step.gradient_norm}
    if step.number % settings.validate_every == 0 and step.number < settings.steps:
        line["validation"] = validation_loss(
            training.model, training.held_out, length=settings.length, device=device, most=settings.validation_tokens
        )
    if settings.sample_tokens and step.number % settings.sample_every == 0:
        line["sample"] = sample_text(
            training.model, training.tokenizer, settings.prompt, num_tokens=settings.sample_tokens, device=device, seed=settings.seed
        )
    folder.log(**line)


def _finish(training: _Training, folder: RunFolder, speed: dict[str, float]) -> None:
    """Model and tokenizer as a folder that `from_pretrained` takes, and the summary last: where it is, all is."""
    settings, model = training.settings, training.model
    loss = validation_loss(model, training.held_out, length=settings.length, device=training.workers.device)
    folder.log(step=settings.steps, validation=loss)
    place = folder.path / "model"
    _save_pretrained(model, training.tokenizer, place)
    summary: dict[str, Any] = {
        "model": str(place),
        "steps": settings.steps,
        "tokens": settings.steps * settings.tokens_per_step,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "vocabulary": len(training.tokenizer),
        "held_out_tokens": len(training.held_out),
        "validation_loss": loss,
        "device": str(training.workers.device),
        **speed,
    }
    folder.write_json(SUMMARY, summary)


def _save_pretrained(model: Any, tokenizer: Any, place: Path) -> None:
    with bars_for(long=False):
        model.save_pretrained(place)
    tokenizer.save_pretrained(place)
