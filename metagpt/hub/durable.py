"""Writing so that a crash leaves the old state or the new one: write aside, flush to the disk, rename."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from metagpt.errors import HubError

__all__ = [
    "link_or_copy",
    "move_into_place",
    "new_folder",
    "no_room",
    "refusal",
    "replacing",
    "sync_file",
    "sync_folder",
    "told_plainly",
    "write_durably",
]

_NO_ROOM = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}
_TORCH_WRITER = ("PytorchStreamWriter", "inline_container", "iostream error")


@contextmanager
def told_plainly(doing: str) -> Iterator[None]:
    """Turn what the system refuses (a full disk, a folder of somebody else) into a HubError."""
    try:
        yield
    except Exception as error:
        said = refusal(error)
        if said is None:
            raise
        raise HubError(
            f"hub: {doing} failed: {said}; expected a disk with room that may be written to."
            " Nothing was changed. Make room or change the mode, and do it again."
        ) from error


def refusal(error: Exception) -> str | None:
    """What the system said as it refused a file; None where the error is of another kind.

    Writers in Rust (safetensors, tokenizers) and C++ (torch) raise errors of their own in the place of an OSError.
    """
    text = str(error)
    if isinstance(error, OSError):
        return error.strerror or text
    if "(os error " in text:
        return text.partition(" (os error ")[0].rpartition(": ")[2]
    is_of_torch = isinstance(error, RuntimeError) and any(mark in text for mark in _TORCH_WRITER)
    return "the file could not be written to its end" if is_of_torch else None


def no_room(error: Exception) -> str | None:
    """What the system said of a full disk, quota or file limit; None where the error is of another kind."""
    return None if isinstance(error, OSError) and error.errno not in _NO_ROOM else refusal(error)


def sync_file(path: Path) -> None:
    """Wait until the file's bytes are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Wait until the names in the folder are on the disk, where the system can."""
    if os.name == "posix":
        sync_file(folder)


def new_folder(folder: Path) -> Path:
    """The folder, made with all above it if it was not there, for its owner alone."""
    if not folder.is_dir():
        if folder.parent != folder:
            new_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)
    return folder


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` to write, which takes its place, flushed, when the block ends, and is gone when the block fails."""
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        yield aside
        sync_file(aside)
        move_into_place(aside, path)
    finally:
        aside.unlink(missing_ok=True)


def write_durably(path: Path, content: bytes) -> None:
    """Replace the file whole, for its owner alone; others see the old bytes or the new ones, also after a crash."""
    with replacing(path) as aside:
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)


def move_into_place(source: Path, target: Path) -> None:
    """Rename over whatever stands at the target."""
    source.replace(target)
    sync_folder(target.parent)


def link_or_copy(source: Path, target: Path) -> None:
    """The same bytes under a second name: a hard link, or a copy where the file system has none."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
