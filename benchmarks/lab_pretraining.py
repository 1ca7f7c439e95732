"""Pretraining on tiny Shakespeare at the CPU recipe of nanoGPT, beside a plain loop of that shape.

    python -m benchmarks.lab_pretraining [--data FILE] [--steps 2000] [--rounds 3] [--threads 1]

Characters, 4 layers of width 128, windows of 64, batches of 12. First the speed of the plain loop and of ours in 32 and 16
bits, in turns, as tokens for a second of CPU time, so that what else the machine does hardly counts; then ours over all steps,
with the loss on the last tenth of the text.
Reference: nanoGPT's README says 1.88 after 2,000 steps.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, gelu, scaled_dot_product_attention

from metagpt.lab import pretrain

DATA = Path(__file__).parents[2] / "shared" / "data" / "tinyshakespeare" / "input.txt"
LAYERS, WIDTH, HEADS, LENGTH, ROWS = 4, 128, 4, 64, 12
REFERENCE_LOSS = 1.88
SPEED_STEPS = 50


def main() -> None:
    """Print the table."""
    arguments = _arguments()
    torch.set_num_threads(arguments.threads)
    plain: list[float] = []
    ours: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    for number in range(arguments.rounds):
        plain.append(plain_speed(arguments.data.read_text(), SPEED_STEPS))
        for precision, speeds in ours.items():
            speeds.append(our_run(arguments.data, SPEED_STEPS, precision=precision)["tokens_per_cpu_second"])
        told = ", ".join(f"ours in {precision} {speeds[-1]:,.0f}" for precision, speeds in ours.items())
        print(f"round {number + 1}: plain {plain[-1]:,.0f}, {told} tokens per CPU second", flush=True)
    for precision, speeds in ours.items():
        ratio = statistics.median(mine / other for mine, other in zip(speeds, plain, strict=True))
        print(f"ours in {precision} / plain: {ratio:.2f} (median of {arguments.rounds}; aim 1 or more)")
    print(f"{arguments.threads} thread(s) of {os.cpu_count()}, torch {torch.__version__}")
    if arguments.steps:
        found = our_run(arguments.data, arguments.steps)
        print(
            f"{found['parameters']:,} parameters, {found['steps']} steps, {found['tokens']:,} tokens: validation loss"
            f" {found['validation_loss']:.4f} (reference {REFERENCE_LOSS} after 2000 steps)"
        )


def our_run(data: Path, steps: int, precision: str = "auto") -> dict[str, float]:
    """The job "pretrain" with its defaults, which are this recipe."""
    with tempfile.TemporaryDirectory() as folder:
        quiet: dict[str, Any] = {
            "validate_every": steps + 1,
            "sample_tokens": 0,
            "save_every": steps + 1,
            "device": "cpu",
            "precision": precision,
        }
        return dict(pretrain(data, out=Path(folder) / "run", steps=steps, **quiet).results)


class PlainBlock(nn.Module):
    """Attention and feed-forward as nanoGPT has them: norms before, four times the width, no biases."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH, bias=False) for _ in range(2))
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH, bias=False), nn.Linear(WIDTH, WIDTH, bias=False)
        self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH, bias=False), nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        rows, length, _ = x.shape
        q, k, v = (part.view(rows, length, HEADS, -1).transpose(1, 2) for part in self.qkv(self.norms[0](x)).split(WIDTH, dim=2))
        mixed = scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(rows, length, WIDTH)
        x = x + self.out(mixed)
        added: Tensor = x + self.down(gelu(self.up(self.norms[1](x))))
        return added


class Plain(nn.Module):
    """Learned places, blocks, and the embedding's weights as head."""

    def __init__(self, vocabulary: int) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(vocabulary, WIDTH), nn.Embedding(LENGTH, WIDTH)
        self.blocks = nn.Sequential(*(PlainBlock() for _ in range(LAYERS)))
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens: Tensor, targets: Tensor) -> Tensor:
        x = self.blocks(self.tokens(tokens) + self.places(torch.arange(tokens.shape[1])))
        logits = self.norm(x) @ self.tokens.weight.T
        return cross_entropy(logits.flatten(0, 1), targets.flatten())


def plain_speed(text: str, steps: int) -> float:
    """Tokens per CPU second of a loop of the same size written down plainly."""
    torch.manual_seed(7)
    numbers = {letter: number for number, letter in enumerate(sorted(set(text)))}
    row = torch.tensor([numbers[letter] for letter in text])
    model = Plain(len(numbers))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.1)
    begun = time.process_time()
    for number in range(steps):
        rate = 1e-4 + 0.9e-3 * (1 + math.cos(math.pi * number / steps)) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate
        starts = torch.randint(len(row) - LENGTH, (ROWS,))
        windows = torch.stack([row[start : start + LENGTH + 1] for start in starts.tolist()])
        loss = model(windows[:, :-1], windows[:, 1:])
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        float(loss.detach())
    return steps * ROWS * LENGTH / (time.process_time() - begun)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="the text; ../shared/data/tinyshakespeare/input.txt if left out")
    parser.add_argument("--steps", type=int, default=2000, help="of the run for the loss; 0: the speed alone")
    parser.add_argument("--rounds", type=int, default=3, help="how often both speeds are measured")
    parser.add_argument("--threads", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
