"""Architectures of plugins: made known to transformers when a model of theirs is to be loaded.

A plugin of the entry point group `metagpt.architectures` is named as the `model_type` of its config.json and is a
function that registers its classes with the Auto classes.
"""

from __future__ import annotations

import json
from importlib.metadata import entry_points
from pathlib import Path

__all__ = ["register_architecture"]


def register_architecture(folder: Path) -> None:
    """Make known the architecture of a model's folder, where a plugin has it; transformers says what is wrong with all others."""
    try:
        model_type = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError):
        return
    for point in entry_points(group="metagpt.architectures", name=str(model_type)):
        point.load()()
