"""One encoder, trained: the contrastive loss through the lab's loop, then the head."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from metagpt.lab.checkpoints import read_checkpoint, write_checkpoint
from metagpt.lab.contrastive.batches import BalancedBatches
from metagpt.lab.contrastive.encoder import Tokens, TrainedEncoder
from metagpt.lab.contrastive.head import LinearHead, fit_head
from metagpt.lab.contrastive.losses import nt_xent, supervised_contrastive
from metagpt.lab.contrastive.settings import ContrastiveConfig
from metagpt.lab.progress import progress_bar
from metagpt.lab.train import fit

__all__ = ["Progress", "tune_encoder", "tuned_head"]

_WARMUP = 0.1
_SAVE_EVERY = 50


@dataclass(frozen=True)
class Progress:
    """Where a training stands."""

    step: int
    steps: int
    loss: float


def tune_encoder(
    encoder: TrainedEncoder,
    tokens: Tokens,
    targets: Sequence[int],
    config: ContrastiveConfig,
    *,
    checkpoint: Path | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> None:
    """Train the encoder in place.

    Args:
        encoder: What is trained, all but its token vectors.
        tokens: Of the texts.
        targets: The number of each text's class.
        config: How.
        checkpoint: A file to go on from if it is there; it is written now and then.
        watch: Told of every step.

    Raises:
        LabError: the loss is no number any more.
    """
    batches = BalancedBatches(labels=targets, size=config.batch_size, seed=config.seed)
    steps = config.max_epochs * batches.per_epoch
    if steps == 0:
        return
    encoder.freeze_token_vectors()
    trained = [parameter for parameter in encoder.parameters() if parameter.requires_grad]
    begun = [parameter.detach().clone() for parameter in trained]
    optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=config.weight_decay)
    start = None if checkpoint is None else read_checkpoint(checkpoint)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        schedule = partial(_warm_up_and_fall, steps=steps)
        loss_of = partial(_loss, tokens=tokens, targets=torch.tensor(targets, device=encoder.device), config=config)
        made = fit(encoder, batches, optimizer=optimizer, schedule=schedule, max_steps=steps, loss_of=loss_of, start=start)
        with progress_bar(steps, "contrast", done=0 if start is None else start["number"]) as bar:
            for step in made:
                if watch is not None:
                    watch(Progress(step.number, steps, step.loss))
                if checkpoint is not None and step.number % _SAVE_EVERY == 0:
                    write_checkpoint(checkpoint, step.state())
                bar.update()
    _interpolate(trained, begun, config.tuned_share)


def tuned_head(encoder: TrainedEncoder, tokens: Tokens, targets: Sequence[int], *, classes: int, penalty: float) -> LinearHead:
    """The head on what the encoder now says of the texts."""
    return fit_head(encoder.encode(tokens), torch.tensor(targets), classes=classes, penalty=penalty)


def _loss(encoder: nn.Module, batch: Sequence[int], *, tokens: Tokens, targets: Tensor, config: ContrastiveConfig) -> Tensor:
    """The loss of a batch; where a class has one text alone, two views by dropout give it a positive.

    Source of the views: Gao, Yao, Chen 2021, "SimCSE", arXiv:2104.08821, section 3.
    """
    texts = [tokens[place] for place in batch]
    labels_N = targets[list(batch)]
    vectors_ND = encoder(texts)
    if config.loss == "nt_xent":
        return nt_xent(vectors_ND, encoder(texts), temperature=config.temperature)
    if int(labels_N.bincount()[labels_N].min()) == 1:
        vectors_ND, labels_N = torch.cat([vectors_ND, encoder(texts)]), labels_N.repeat(2)
    return supervised_contrastive(vectors_ND, labels_N, temperature=config.temperature)


def _warm_up_and_fall(number: int, *, steps: int) -> float:
    return min(1.0, (number + 1) / max(1.0, _WARMUP * steps)) * (1 - number / steps)


@torch.no_grad()
def _interpolate(trained: Sequence[nn.Parameter], begun: Sequence[Tensor], share: float) -> None:
    """θ = w · tuned + (1 - w) · start. Source: Wortsman et al. 2022, "Robust fine-tuning", arXiv:2109.01903, eq. 1."""
    for parameter, before in zip(trained, begun, strict=True):
        parameter.lerp_(before, 1 - share)
