"""The card of a pretrained model, which also says what the hub's lineage needs: the run, and what the run was fed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from metagpt.hub.card import Card, read_card
from metagpt.hub.lineage import DATASET, TRAINING
from metagpt.lab.inheritance import inherited
from metagpt.lab.jobs import RunFolder
from metagpt.lab.pretraining.settings import PretrainSettings
from metagpt.lab.pretraining.training import DATA

__all__ = ["card_of_run", "datasets_of", "origins", "run_name", "training_facts"]


def run_name(folder: RunFolder) -> str:
    """The folder's name, as the hub knows the run."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.path.resolve().name).strip("-_.")[:80] or "run"


def card_of_run(settings: PretrainSettings, folder: RunFolder, results: Mapping[str, Any]) -> Card:
    """The card, from the settings and results of a finished run."""
    loss, tokens = results["validation_loss"], results["tokens"]
    start = "from nothing" if settings.base is None else f"on from {Path(settings.base).name}"
    size = f"{results['parameters']:,} parameters"
    card = Card(
        summary=f"A language model of {size}, pretrained {start} on {Path(settings.data).name}.",
        task="text-generation",
        library="transformers",
        tags=("metagpt", "pretrained"),
        datasets=tuple(datasets_of(folder)),
        metrics={"validation_loss": round(loss, 4), "perplexity": round(results["perplexity"], 3)},
        extra=training_facts(settings, folder, steps=results["steps"]),
        text=(
            f"# Pretrained on {Path(settings.data).name}\n\n{size}, {tokens:,} tokens seen in {results['steps']} steps;"
            f" loss {loss:.4f} nats per token on {results['held_out_tokens']:,} held-out tokens.\n"
        ),
    )
    return card if settings.base is None else inherited(card, read_card(Path(settings.base).expanduser()))


def training_facts(settings: PretrainSettings, folder: RunFolder, *, steps: int) -> dict[str, Any]:
    """For the front matter: the run by its folder's name, its recipe in short, and where its data stand."""
    facts: dict[str, Any] = {
        "run": run_name(folder),
        "job": "pretrain",
        "seed": settings.seed,
        "steps": steps,
        "tokens": steps * settings.tokens_per_step,
    }
    if settings.base is not None:
        facts["base"] = Path(settings.base).name
    return {TRAINING: {**facts, "data": datasets_of(folder) or {Path(settings.data).name: "a file"}}}


def origins(folder: RunFolder) -> list[str]:
    """What the run was fed, as references for the lineage: entries of the hub, `hf:` names, and sets that stand elsewhere."""
    return [name if where in (name, f"hub:{name}") else f"{DATASET}{name}" for name, where in datasets_of(folder).items()]


def datasets_of(folder: RunFolder) -> dict[str, str]:
    """The sets that the run was fed, by name, with where each stands; none where it was a mere file."""
    found: dict[str, str] = json.loads((folder.path / DATA).read_text())["datasets"]
    return found
