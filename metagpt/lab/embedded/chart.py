"""The loss chart of a training."""

import json
from pathlib import Path

from metagpt.lab.pictures import new_picture, save_picture

__all__ = ["draw_losses", "read_log"]


def read_log(path: Path) -> list[dict[str, float]]:
    """The steps of a training's log; where a resumed training repeated a step, its last line counts."""
    steps: dict[int, dict[str, float]] = {}
    for line in path.read_text().splitlines():
        found = json.loads(line)
        steps[int(found["step"])] = found
    return [steps[number] for number in sorted(steps)]


def draw_losses(log: Path, picture: Path, *, tokens_per_step: int) -> None:
    """Training loss (mean of 20 steps) and validation loss over millions of tokens, as a PNG."""
    steps = read_log(log)
    tokens = [step["step"] * tokens_per_step / 1e6 for step in steps]
    window = [steps[max(0, number - 19) : number + 1] for number in range(len(steps))]
    means = [sum(step["loss"] for step in part) / len(part) for part in window]
    checked = [(place, step["validation"]) for place, step in zip(tokens, steps, strict=True) if "validation" in step]
    figure, axes = new_picture()
    axes.plot(tokens, means, color="#4477aa", linewidth=1.2, label="training, mean of 20 steps")
    if checked:
        axes.plot(
            [place for place, _ in checked],
            [loss for _, loss in checked],
            "o-",
            color="#cc6677",
            markersize=3,
            linewidth=1,
            label="validation, averaged weights",
        )
    axes.set(xlabel="tokens seen, millions", ylabel="loss of the answers' tokens, nats", yscale="log")
    axes.legend()
    axes.grid(alpha=0.3, which="both")
    save_picture(figure, picture)
