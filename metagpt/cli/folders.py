"""The folder that a run's products go into."""

from __future__ import annotations

import re
from pathlib import Path

from metagpt.errors import ConfigError

__all__ = ["check_output_folder", "slug"]

_LONGEST = 40


def slug(goal: str) -> str:
    """A folder name made of the goal's first words: `count-the-vowels-of-a-text`."""
    words = re.findall(r"[^\W_]+", goal.lower())
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word[:_LONGEST]
        if len(longer) > _LONGEST:
            break
        name = longer
    return name or "run"


def check_output_folder(folder: Path) -> Path:
    """The folder, if a run may fill it.

    Raises:
        ConfigError: it is there already with something in it, or is no folder.
    """
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ConfigError(f"--out: found {str(folder)!r}, which is no folder; expected a new or empty one. Name another with --out DIR.")
    if folder.is_dir() and any(folder.iterdir()):
        raise ConfigError(
            f"--out: found {str(folder)!r} with files in it; expected a new or empty folder, as nothing is ever overwritten."
            " Name another with --out DIR, or move that one away."
        )
    return folder
