"""Checkpoints: all that a training needs to go on, written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from metagpt.errors import LabError
from metagpt.hub.durable import replacing

__all__ = ["read_checkpoint", "write_checkpoint"]


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:  # Any: tensors, numbers, and tables of them
    """Written beside, forced to the disk, then renamed: a kill at any moment leaves the old one or the new one.

    Raises:
        LabError: the disk is full or cannot be written to; the old one is still there.
    """
    try:
        with replacing(path) as aside:
            torch.save(dict(state), aside)
    except (OSError, RuntimeError) as error:  # torch reports a full disk as a RuntimeError
        raise LabError(f"{path}: the checkpoint could not be written ({error}); expected room for it. Make room, then resume.") from error


def read_checkpoint(path: Path) -> dict[str, Any] | None:
    """The state that was written last; None where there is none.

    Raises:
        LabError: the file is spoiled.
    """
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # torch raises anything on a spoiled file
        raise LabError(f"{path}: {error}; expected a checkpoint. Remove it to begin anew, or start another run.") from error
    return state
