"""What leaves a hub: checked folders, whole or not at all."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from metagpt.errors import HubError
from metagpt.hub.blobs import copy_hashed, digest_of
from metagpt.hub.durable import sync_folder
from metagpt.hub.entry import Blob, Entry
from metagpt.hub.safety import check_file

__all__ = ["check_checkout", "fill", "new_target"]


def new_target(target: Path) -> Path:
    """The folder, if it may be filled.

    Raises:
        HubError: it is there already with something in it, or is no folder.
    """
    target = target.expanduser().absolute()
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise HubError(f"pull: found {str(target)!r}, which is no folder; expected a new or empty one. Name another.")
    if target.is_dir() and any(target.iterdir()):
        raise HubError(
            f"pull: found {str(target)!r} with files in it; expected a new or empty folder, as nothing is overwritten. Name another."
        )
    return target


def fill(entry: Entry, sources: Mapping[str, Path], target: Path) -> Path:
    """Copy the files beside the target, check every byte, and only then give the folder its name.

    Raises:
        HubError: bytes that were changed, or pickle.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.{uuid.uuid4().hex}")
    aside.mkdir()
    try:
        for inside, source in sources.items():
            copy = aside / inside
            copy.parent.mkdir(parents=True, exist_ok=True)
            _check_blob(entry, inside, copy_hashed(source, copy))
            check_file(copy, inside)
        if target.is_dir():
            target.rmdir()
        aside.rename(target)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    sync_folder(target.parent)
    return target


def check_checkout(entry: Entry, folder: Path) -> None:
    """Refuse a checked-out folder whose files are not exactly those of the entry.

    Raises:
        HubError: a file that was changed, lacks or was added.
    """
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    odd = sorted(present ^ set(entry.files))
    if odd:
        raise HubError(
            f"hub: {entry.reference}: found {odd[0]!r} added to or missing from {folder}; expected it unchanged. Delete that folder."
        )
    for inside in entry.files:
        _check_blob(entry, inside, Blob(digest_of(folder / inside), (folder / inside).stat().st_size))
        check_file(folder / inside, inside)


def _check_blob(entry: Entry, inside: str, found: Blob) -> None:
    if entry.folder is None and found != entry.files[inside]:
        raise HubError(
            f"hub: {entry.reference}: found other bytes in {inside!r} than were pushed (sha256 {found.sha256[:12]});"
            f" expected {entry.files[inside].sha256[:12]}. Nothing was given out; push the files again, or restore the hub from a copy."
        )
