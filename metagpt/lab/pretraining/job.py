"""The job "pretrain": a causal language model from a text, or a saved one trained further."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metagpt.hub.card import Card, render_card
from metagpt.lab.jobs import RunFolder
from metagpt.lab.pretraining.settings import PretrainSettings
from metagpt.lab.pretraining.training import SUMMARY, train
from metagpt.lab.pretraining.watching import draw_chart
from metagpt.lab.pretraining.workers import free_port

__all__ = ["Settings", "run"]

Settings = PretrainSettings


def run(settings: PretrainSettings, folder: RunFolder) -> Mapping[str, Any]:
    """Pretrain, or go on where the checkpoint stands; the folder then holds model, chart and samples.

    Returns:
        Loss and perplexity of the held-out text, tokens seen, speed, and where the model is.

    Raises:
        LabError: data that cannot be trained on, or a training that diverged.
    """
    if not (folder.path / SUMMARY).is_file():
        _train(settings, folder)
    summary = json.loads((folder.path / SUMMARY).read_text())
    lines = _lines(folder)
    draw_chart(lines, folder.path / "losses.png", tokens_per_step=settings.tokens_per_step)
    folder.write_text(
        "samples.md", "".join(f"## Step {line['step']}\n\n```\n{line['sample']}\n```\n\n" for line in lines if "sample" in line)
    )
    results = {**summary, "perplexity": math.exp(min(summary["validation_loss"], 700))}
    (Path(summary["model"]) / "README.md").write_text(render_card(_card(settings, results)), encoding="utf-8")
    if settings.name is not None:
        results["hub"] = _push(settings, folder, Path(summary["model"]))
    return results


def _train(settings: PretrainSettings, folder: RunFolder) -> None:
    if settings.workers == 1:
        train(0, settings, folder)
        return
    from torch.multiprocessing.spawn import spawn

    start: Any = spawn  # untyped in torch
    start(train, args=(settings, folder, free_port()), nprocs=settings.workers)


def _lines(folder: RunFolder) -> list[dict[str, Any]]:
    """What was logged for each step; where a run was cut and made steps anew, the last line of each counts."""
    steps: dict[int, dict[str, Any]] = {}
    for line in folder.logged():
        steps[line["step"]] = {**(steps.get(line["step"], {}) if "loss" not in line else {}), **line}
    return [steps[number] for number in sorted(steps)]


def _card(settings: PretrainSettings, results: Mapping[str, Any]) -> Card:
    loss, tokens = results["validation_loss"], results["tokens"]
    start = "from nothing" if settings.base is None else f"on from {Path(settings.base).name}"
    size = f"{results['parameters']:,} parameters"
    return Card(
        summary=f"A language model of {size}, pretrained {start} on {Path(settings.data).name}.",
        task="text-generation",
        library="transformers",
        tags=("metagpt", "pretrained"),
        datasets=(settings.data.removeprefix("hub:"),) if settings.data.startswith("hub:") else (),
        metrics={"validation_loss": round(loss, 4), "perplexity": round(results["perplexity"], 3)},
        text=(
            f"# Pretrained on {Path(settings.data).name}\n\n{size}, {tokens:,} tokens seen in {results['steps']} steps;"
            f" loss {loss:.4f} nats per token on {results['held_out_tokens']:,} held-out tokens.\n"
        ),
    )


def _push(settings: PretrainSettings, folder: RunFolder, model: Path) -> str:
    from metagpt.hub import ModelHub

    assert settings.name is not None, "asked by the caller"
    parents = [f"run:{folder.path.name}", *([settings.data.removeprefix("hub:")] if settings.data.startswith("hub:") else [])]
    return ModelHub().push(model, settings.name, parents=parents).reference
