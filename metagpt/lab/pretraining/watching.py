"""What is seen of a training while it runs: validation loss, samples of text, the chart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from metagpt.lab.jobs import RunFolder
from metagpt.lab.pictures import new_picture, save_picture
from metagpt.lab.pretraining.answers import AnswerBatch
from metagpt.lab.pretraining.losses import LossOf
from metagpt.lab.pretraining.packing import windows_in_order

__all__ = ["answers_loss", "draw_chart", "sample_text", "steps_of", "validation_loss"]


@contextmanager
def _at_rest(model: Any) -> Iterator[None]:
    """Without gradients and dropout, and not compiled: other shapes than those of the training are not worth a compilation."""
    is_compiled = getattr(getattr(model, "base_model", model), "_compiled_call_impl", None) is not None
    was_training = model.training
    model.eval()
    with torch.no_grad(), torch.compiler.set_stance("force_eager") if is_compiled else nullcontext():
        yield
    model.train(was_training)


def validation_loss(model: Any, tokens_N: Tensor, *, length: int, device: torch.device, most: int | None = None) -> float:
    """Mean cross-entropy in nats of the next token, over the held-out text or its first `most` tokens."""
    total, count = 0.0, 0
    with _at_rest(model):
        for inputs_BT, targets_BT in windows_in_order(tokens_N[:most], length=length, rows=64, device=device):
            logits_BTV = model(input_ids=inputs_BT, use_cache=False).logits
            total += float(cross_entropy(logits_BTV.flatten(0, 1).float(), targets_BT.flatten(), reduction="sum"))
            count += targets_BT.numel()
    return total / max(1, count)


def answers_loss(model: Any, batches: Sequence[AnswerBatch], loss_of: LossOf) -> float:
    """Mean cross-entropy in nats of the answers' tokens, in the precision of the training."""
    counts = [int((batch.targets != -100).sum()) for batch in batches]
    with _at_rest(model):
        total = sum(float(loss_of(model, batch)) * count for batch, count in zip(batches, counts, strict=True))
    return total / sum(counts)


def sample_text(model: Any, tokenizer: Any, prompt: str, *, num_tokens: int, device: torch.device, seed: int) -> str:
    """A text that the model goes on with, drawn at temperature 1; the training's own chance is left as it was."""
    ids = tokenizer(prompt, add_special_tokens=False)["input_ids"] or [tokenizer.eos_token_id or 0]
    num_tokens = min(num_tokens, max(1, _window(model) - len(ids)))
    devices = [device] if device.type == "cuda" else []
    with _at_rest(model), torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        made = model.generate(
            input_ids=torch.tensor([ids], device=device),
            attention_mask=torch.ones(1, len(ids), dtype=torch.long, device=device),
            max_new_tokens=num_tokens,
            do_sample=True,
            top_k=0,
        )
    text: str = tokenizer.decode(made[0], skip_special_tokens=True)
    return text


def _window(model: Any) -> int:
    return int(getattr(model.config, "max_position_embeddings", None) or 1024)


def steps_of(folder: RunFolder) -> list[dict[str, Any]]:
    """What was logged for each step; where a run was cut and made steps anew, the last line of each counts."""
    steps: dict[int, dict[str, Any]] = {}
    for line in folder.logged():
        steps[line["step"]] = {**(steps.get(line["step"], {}) if "loss" not in line else {}), **line}
    return [steps[number] for number in sorted(steps)]


def draw_chart(lines: Sequence[dict[str, Any]], picture: Path, *, tokens_per_step: int) -> None:
    """Training loss (mean of 20 steps) and validation loss over the tokens seen, as a PNG."""
    losses = [(line["step"], line["loss"]) for line in lines if "loss" in line]
    checked = [(line["step"], line["validation"]) for line in lines if "validation" in line]
    windows = [[loss for _, loss in losses[max(0, number - 19) : number + 1]] for number in range(len(losses))]
    figure, axes = new_picture()
    axes.plot(
        [step * tokens_per_step / 1e6 for step, _ in losses],
        [sum(window) / len(window) for window in windows],
        color="#4477aa",
        linewidth=1.2,
        label="training, mean of 20 steps",
    )
    if checked:
        axes.plot(
            [step * tokens_per_step / 1e6 for step, _ in checked],
            [loss for _, loss in checked],
            "o-",
            color="#cc6677",
            markersize=3,
            linewidth=1,
            label="validation",
        )
    axes.set(xlabel="tokens seen, millions", ylabel="loss, nats per token")
    if losses and losses[-1][1] < losses[0][1] / 10:
        axes.set_yscale("log")
    axes.legend()
    axes.grid(alpha=0.3, which="both")
    save_picture(figure, picture)
