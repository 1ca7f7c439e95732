"""Alignment of generators: DPO from preference pairs, GRPO from rewards of the sandbox, of form and of length."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from metagpt.lab.alignment.rewards import FormReward, LengthReward, TestsReward
from metagpt.lab.alignment.settings import Settings as AlignSettings
from metagpt.lab.jobs import Recipe, run_recipe

__all__ = ["AlignSettings", "FormReward", "LengthReward", "TestsReward", "align"]


def align(method: Literal["dpo", "grpo"], *, model: str, data: str, out: Path | None = None, **settings: Any) -> dict[str, Any]:
    """Tune a model by preferences or rewards; see `AlignSettings` for what may be set.

    Args:
        method: `dpo` learns from rows of text, chosen and rejected; `grpo` from rewards of answers to rows of text.
        model: What to start from: `embedded`, `hub:NAME@ALIAS` or a folder.
        data: `hub:NAME`, a folder or a .jsonl file.
        out: The run's new folder; one below `.metagpt/lab` if left out.
        settings: `max_steps`, `learning_rate`, `lora`, `push`, …

    Returns:
        First and last loss and reward, and `model`, the folder of the tuned model.

    Raises:
        ConfigError: a bad setting.
        LabError: data without pairs or tests, or a loss that is no number.
    """
    values = {"method": method, "model": model, "data": data, **settings}
    _, results = run_recipe(Recipe(kind="align", values=values, source="align"), out=out)
    return results
