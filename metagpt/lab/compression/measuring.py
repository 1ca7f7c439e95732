"""How fast models are, measured side by side: in turn, round after round, so that a busy machine slows all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from metagpt.lab.compression.subject import Subject, tokens_in
from metagpt.lab.finetuning.batches import Features, batches_by_length

__all__ = ["speeds"]


def speeds(
    subjects: Mapping[str, Subject],
    features: Mapping[str, Sequence[Features]],
    *,
    rounds: int,
    batch_size: int,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, float]:
    """Tokens per second of each model for the same examples: the median of the rounds.

    Args:
        subjects: The models by name.
        features: The examples as each model takes them, without labels.
        rounds: How often each model computes all of them.
        batch_size: Examples of a batch.
        clock: Seconds from some moment on.
    """
    batches = {
        name: [subject.collate([features[name][place] for place in places]) for places in batches_by_length(features[name], batch_size)]
        for name, subject in subjects.items()
    }
    taken: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds + 1):  # the first warms up
        for name, subject in subjects.items():
            seconds = _seconds(subject, batches[name], clock)
            if number:
                taken[name].append(seconds)
    return {name: tokens_in(features[name]) / statistics.median(found) for name, found in taken.items()}


def _seconds(subject: Subject, batches: Sequence[dict[str, Tensor]], clock: Callable[[], float]) -> float:
    device = subject.model.device
    started = clock()
    with torch.inference_mode():
        for batch in batches:
            subject.logits({name: tensor.to(device) for name, tensor in batch.items()})
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return clock() - started
