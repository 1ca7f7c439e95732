"""The job "pretrain": a causal language model from a text or a generated corpus, or a saved one trained further."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metagpt.hub.card import render_card
from metagpt.lab.jobs import RunFolder
from metagpt.lab.pretraining.cards import card_of_run, origins, run_name
from metagpt.lab.pretraining.settings import PretrainSettings
from metagpt.lab.pretraining.training import SUMMARY, prepare, train
from metagpt.lab.pretraining.watching import draw_chart, steps_of
from metagpt.lab.pretraining.workers import free_port

__all__ = ["Settings", "run"]

Settings = PretrainSettings


def run(settings: PretrainSettings, folder: RunFolder) -> Mapping[str, Any]:
    """Pretrain, or go on where the checkpoint stands; the folder then holds model, chart and samples.

    Returns:
        Loss and perplexity of what is held out, tokens seen, speed, and where the model is.

    Raises:
        LabError: data that cannot be trained on, or a training that diverged.
    """
    if not (folder.path / SUMMARY).is_file():
        _train(settings, folder)
    summary = json.loads((folder.path / SUMMARY).read_text())
    lines = steps_of(folder)
    draw_chart(lines, folder.path / "losses.png", tokens_per_step=settings.tokens_per_step)
    folder.write_text(
        "samples.md", "".join(f"## Step {line['step']}\n\n```\n{line['sample']}\n```\n\n" for line in lines if "sample" in line)
    )
    results = {**summary, "perplexity": math.exp(min(summary["validation_loss"], 700))}
    (Path(summary["model"]) / "README.md").write_text(render_card(card_of_run(settings, folder, results)), encoding="utf-8")
    if settings.name is not None:
        results["hub"] = _push(settings, folder, Path(summary["model"]))
    return results


def _train(settings: PretrainSettings, folder: RunFolder) -> None:
    if settings.workers == 1:
        train(0, settings, folder)
        return
    from torch.multiprocessing.spawn import spawn

    prepare(settings, folder)
    start: Any = spawn  # untyped in torch
    start(train, args=(settings, folder, free_port()), nprocs=settings.workers)


def _push(settings: PretrainSettings, folder: RunFolder, model: Path) -> str:
    """The lineage then leads from the data over the run to the model."""
    from metagpt.hub import ModelHub

    assert settings.name is not None, "asked by the caller"
    hub = ModelHub()
    hub.record_run(run_name(folder), origins(folder))
    return hub.push(model, settings.name, parents=[f"run:{run_name(folder)}"]).reference
