"""The job `align`: a model tuned by preferences (DPO) or rewards (GRPO)."""

from __future__ import annotations

from typing import Any

from metagpt.hub import Card, ModelHub
from metagpt.hub.data import TextData, load_data, load_splits
from metagpt.lab.alignment.bases import open_base
from metagpt.lab.alignment.rows import pair_rows, prompt_rows
from metagpt.lab.alignment.settings import Settings
from metagpt.lab.alignment.tuning import tune_by_preferences, tune_by_rewards
from metagpt.lab.alignment.weights import save_tuned
from metagpt.lab.jobs import RunFolder
from metagpt.lab.saving import fresh

__all__ = ["Settings", "run"]


def run(settings: Settings, folder: RunFolder) -> dict[str, Any]:
    """Tune, and leave the model in the folder's `model`; returns first and last loss and reward.

    Raises:
        LabError: data without pairs or tests, or a loss that is no number.
        HubError: a model or set that the hub lacks.
    """
    hub = ModelHub(settings.hub)
    base = open_base(settings.model, hub)
    data = _data(settings, hub)
    if settings.method == "dpo":
        rows = pair_rows(data)
        model, figures = tune_by_preferences(base.folder, rows, settings, folder)
    else:
        rows = prompt_rows(data, needs_tests=settings.tests_weight > 0)
        model, figures = tune_by_rewards(base.folder, rows, settings, folder)
    card = Card(
        summary=f"{base.summary} after {settings.method.upper()} on {len(rows)} rows of {_named(settings.data)}.",
        text=f"# Tuned by {settings.method.upper()}\n\n" + "\n".join(f"- {name}: {value:g}" for name, value in figures.items()),
    )
    saved = save_tuned(model, base.folder, fresh(folder.path / "model"), card)
    results: dict[str, Any] = {"rows": len(rows), **figures, "model": str(saved)}
    if settings.push:
        parents = [*base.parents, *([hub.get(settings.data).reference] if settings.data.startswith("hub:") else [])]
        results["pushed"] = hub.push(saved, settings.push, parents=parents).reference
    return results


def _data(settings: Settings, hub: ModelHub) -> TextData:
    if settings.data.endswith((".jsonl", ".csv", ".parquet")):
        return load_data(settings.data, label=None)
    splits = load_splits(settings.data, hub=hub)
    chosen = settings.split or ("train" if "train" in splits else None)
    return load_data(settings.data, split=chosen, hub=hub)


def _named(data: str) -> str:
    return data if data.startswith("hub:") else data.rpartition("/")[2]
