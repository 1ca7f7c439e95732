"""From runs to a better role: gather, train, compare with what is in service on held-out tasks, promote only what is better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metagpt.lab.improvement.service import rollback
from metagpt.lab.improvement.settings import Settings as ImproveSettings
from metagpt.lab.jobs import Recipe, run_recipe

__all__ = ["ImproveSettings", "improve", "rollback"]


def improve(role: str, *, out: Path | None = None, **settings: Any) -> dict[str, Any]:
    """Train a candidate from a journal's runs and promote it if it is better; see `ImproveSettings` for what may be set.

    Args:
        role: `engineer`.
        out: The run's new folder; one below `.metagpt/lab` if left out.
        settings: `runs`, `base`, `method`, `count`, …

    Returns:
        `promoted`, `why`, the figures of the paired test, and `reference` of what is in service from now on.

    Raises:
        ConfigError: a bad setting.
        LabError: nothing to learn from or to compare on, or a loss that is no number.
    """
    _, results = run_recipe(Recipe(kind="improve", values={"role": role, **settings}, source="improve"), out=out)
    return results
