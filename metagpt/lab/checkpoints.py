"""Checkpoints: all that a training needs to go on, written whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from metagpt.errors import LabError
from metagpt.hub.durable import no_room, replacing

__all__ = ["last_whole_checkpoint", "read_checkpoint", "trainer_checkpoints", "write_checkpoint"]


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


@contextmanager
def trainer_checkpoints(folder: Path, owner: str) -> Iterator[Path | None]:
    """What a trainer of transformers goes on from, while it writes further checkpoints into the folder.

    Raises:
        LabError: the disk is full; the checkpoint that did not fit is gone, those before it are still there.
    """
    try:
        yield last_whole_checkpoint(folder)
    except Exception as error:
        said = no_room(error)
        if said is None:
            raise
        for path in _by_step(folder):
            if not _is_whole(path):
                shutil.rmtree(path, ignore_errors=True)
        raise LabError(
            f"{owner}: {folder}: the checkpoint could not be written ({said}); expected room for it. Make room, then resume."
        ) from error


def last_whole_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint of a trainer that was written to its end: its state is what is written last."""
    return next((path for path in reversed(_by_step(folder)) if _is_whole(path)), None)


def _by_step(folder: Path) -> list[Path]:
    found = [path for path in folder.glob("checkpoint-*") if path.name.rpartition("-")[2].isdecimal()]
    return sorted(found, key=lambda path: int(path.name.rpartition("-")[2]))


def _is_whole(path: Path) -> bool:
    try:
        json.loads((path / "trainer_state.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True
