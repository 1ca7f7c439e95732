"""Model folders, written so that there is a whole one or none: aside first, then flushed and given their name."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metagpt.errors import LabError
from metagpt.hub.durable import move_into_place, refusal, sync_file, sync_folder

__all__ = ["check_new", "fresh", "whole_folder"]


@contextmanager
def whole_folder(target: Path, owner: str) -> Iterator[Path]:
    """A folder beside `target` to write a model into, which gets that name when the block ends, and is gone when the block fails.

    Raises:
        LabError: the target holds something, or the disk takes no more; then nothing is left.
    """
    check_new(target, owner)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    try:
        aside.mkdir(parents=True)
        yield aside
        _flush(aside)
        if target.is_dir():
            target.rmdir()
        move_into_place(aside, target)
    except Exception as error:
        said = refusal(error)
        if said is None:
            raise
        raise LabError(
            f"{owner}: {target}: {said}; expected room, and a folder that may be written."
            " Nothing of the model was left there. Make room, or name another."
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def check_new(target: Path, owner: str) -> None:
    """Refuse a place where something stands.

    Raises:
        LabError: it holds something.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise LabError(
            f"{owner}: found {str(target)!r} with something in it; expected a new folder, as nothing is overwritten. Name another."
        )


def fresh(folder: Path) -> Path:
    """The place of a run's model; what a run left there that was cut before it knew its results is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def _flush(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            sync_file(path)
        else:
            sync_folder(path)
    sync_folder(folder)
