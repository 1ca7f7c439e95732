"""Training the embedded model: two workers, one seed, resumable at any moment."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.multiprocessing.spawn import spawn
from transformers import AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerBase

from metagpt.lab.checkpoints import read_checkpoint, write_checkpoint
from metagpt.lab.embedded.averaging import WeightAverage
from metagpt.lab.embedded.muon import MuonWithAdam
from metagpt.lab.embedded.network import new_model, packed_loss
from metagpt.lab.embedded.packing import CorpusBatches, PackedBatch
from metagpt.lab.train import fit

__all__ = ["TrainingConfig", "measured_tokens", "train", "warmup_stable_decay"]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """One training; the same values give the same losses on the same machine."""

    folder: Path
    """Checkpoint, log and tokenizer; a training found in it is gone on with."""
    seed: int = 7
    num_tokens: int = 30_000_000
    """Positions seen by all workers together, padding included."""
    num_workers: int = 2
    rows: int = 16
    length: int = 256
    layers: int = 5
    width: int = 256
    heads: int = 4
    hidden: int = 688
    muon_lr: float = 0.02
    adam_lr: float = 3e-3
    warmup: int = 60
    """Steps."""
    decay_share: float = 0.34
    """Part of all steps over which the rate falls to zero in a line."""
    save_every: int = 100
    validate_every: int = 200

    @property
    def max_steps(self) -> int:
        return self.num_tokens // (self.num_workers * self.rows * self.length)


def warmup_stable_decay(max_steps: int, *, warmup: int, decay_share: float) -> Callable[[int], float]:
    """Rate factor: up in a line, level, down to zero in a line over the last part.

    Source: Hu et al. 2024, MiniCPM, arXiv:2404.06395, section 4.
    """
    decay = max(1, int(max_steps * decay_share))

    def factor(number: int) -> float:
        return min(1.0, (number + 1) / warmup, (max_steps - number) / decay)

    return factor


def train(config: TrainingConfig) -> None:
    """Train until the tokens are seen; interrupt it at will, and call it again to go on."""
    (config.folder / "workers").unlink(missing_ok=True)
    (config.folder / "training.json").write_text(json.dumps({**asdict(config), "folder": "."}, indent=1) + "\n")
    if config.num_workers == 1:
        _work(0, config)
    else:
        begin: Any = spawn  # untyped in torch
        begin(_work, args=(config,), nprocs=config.num_workers)


def measured_tokens(config: TrainingConfig, minutes: float) -> TrainingConfig:
    """The same training with the tokens that fill so many minutes at the speed of its first eight steps."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(config.folder, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoint*", "log*", "workers"))
        trial = replace(
            config,
            folder=Path(folder),
            num_tokens=8 * config.num_workers * config.rows * config.length,
            validate_every=1000,
            save_every=1000,
        )
        train(trial)
        seconds = [json.loads(line)["seconds"] for line in (Path(folder) / "log.jsonl").read_text().splitlines()]
    speed = 5 * config.num_workers * config.rows * config.length / (seconds[-2] - seconds[1])
    return replace(config, num_tokens=int(speed * minutes * 60))


def _work(worker: int, config: TrainingConfig) -> None:
    torch.set_num_threads(1)
    if config.num_workers > 1:
        meeting = f"file://{(config.folder / 'workers').resolve()}"
        dist.init_process_group("gloo", init_method=meeting, rank=worker, world_size=config.num_workers, timeout=timedelta(minutes=20))
    tokenizer = AutoTokenizer.from_pretrained(config.folder)
    model = new_model(tokenizer, layers=config.layers, width=config.width, heads=config.heads, hidden=config.hidden, seed=config.seed)
    model.model.compile()
    average = WeightAverage(model)
    start = read_checkpoint(config.folder / "checkpoint.pt")
    if start is not None:
        average.load(start["average"])
    steps = fit(
        model,
        CorpusBatches(tokenizer, config.seed, worker, config.rows, config.length),
        optimizer=MuonWithAdam(model, muon_lr=config.muon_lr, adam_lr=config.adam_lr),
        schedule=warmup_stable_decay(config.max_steps, warmup=config.warmup, decay_share=config.decay_share),
        max_steps=config.max_steps,
        loss_of=packed_loss,
        share_gradients=_average_gradients if config.num_workers > 1 else None,
        start=start,
    )
    if worker == 0:
        _watch(steps, model, average, tokenizer, config)
    else:
        for _ in steps:
            continue


def _average_gradients(gradients: Sequence[Tensor]) -> None:
    flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
    dist.all_reduce(flat)
    flat /= dist.get_world_size()
    place = 0
    for gradient in gradients:
        gradient.copy_(flat[place : place + gradient.numel()].view_as(gradient))
        place += gradient.numel()


def _watch(steps: Any, model: LlamaForCausalLM, average: WeightAverage, tokenizer: PreTrainedTokenizerBase, config: TrainingConfig) -> None:
    """The first worker's part: log, validate, save."""
    batches = [CorpusBatches(tokenizer, config.seed, 0, config.rows, config.length, stage="validation")[number] for number in range(4)]
    started = time.monotonic()
    with (config.folder / "log.jsonl").open("a", buffering=1) as log:
        for step in steps:
            average.update(model, step.number)
            line: dict[str, Any] = {
                "step": step.number,
                "loss": round(step.loss, 4),
                "norm": round(step.gradient_norm, 3),
                "seconds": round(time.monotonic() - started, 1),
            }
            last = step.number == config.max_steps
            if step.number % config.validate_every == 0 or last:
                line["validation"] = round(_validation_loss(model, average, batches), 4)
            log.write(json.dumps(line) + "\n")
            if step.number % config.save_every == 0 or last:
                write_checkpoint(config.folder / "checkpoint.pt", {**step.state(), "average": average.weights})


@torch.no_grad()
def _validation_loss(model: LlamaForCausalLM, average: WeightAverage, batches: Sequence[PackedBatch]) -> float:
    """Loss of the averaged weights on examples of the training's own kind that it never sees."""
    current = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.load_state_dict(average.weights)
    losses = [float(packed_loss(model, batch)) for batch in batches]
    model.load_state_dict(current)
    return sum(losses) / len(losses)
