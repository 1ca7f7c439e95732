"""Files by their content: stored once under their sha256, read-only, put into place by renaming."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from metagpt.errors import HubError
from metagpt.hub.durable import link_or_copy, move_into_place, new_folder
from metagpt.hub.entry import Blob

__all__ = ["Blobs", "copy_hashed", "digest_of"]

_PIECE_BYTES = 1 << 20


def copy_hashed(source: Path, target: Path) -> Blob:
    """Copy the bytes, flush them to the disk, and say what was copied."""
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as reading, target.open("xb") as writing:
        while piece := reading.read(_PIECE_BYTES):
            digest.update(piece)
            writing.write(piece)
            size += len(piece)
        writing.flush()
        os.fsync(writing.fileno())
    return Blob(digest.hexdigest(), size)


def digest_of(path: Path) -> str:
    """The sha256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Blobs:
    """The folder of contents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, digest: str) -> Path:
        """Where the content of that digest stands, or would."""
        return self.folder / digest[:2] / digest

    def take(self, staged: Path, blob: Blob) -> None:
        """Move a staged file into place; one that is there already is replaced by its equal, which heals it if it was spoiled."""
        target = self.path(blob.sha256)
        new_folder(target.parent)
        staged.chmod(stat.S_IRUSR)
        move_into_place(staged, target)

    def fault(self, blob: Blob) -> str:
        """What is wrong with the content as it stands; empty if nothing is."""
        path = self.path(blob.sha256)
        if not path.is_file():
            return "is missing"
        if path.stat().st_size != blob.size_bytes or digest_of(path) != blob.sha256:
            return "has bytes that differ from those that were pushed"
        return ""

    def link(self, owner: str, blob: Blob, target: Path) -> None:
        """Give the content a second name, quickly.

        Raises:
            HubError: the content is not there.
        """
        path = self.path(blob.sha256)
        if not path.is_file():
            raise HubError(f"{owner}: found no content {blob.sha256[:12]}; expected it in {self.folder}. Push the entry again.")
        target.parent.mkdir(parents=True, exist_ok=True)
        link_or_copy(path, target)

    def all(self) -> Iterator[Path]:
        """Every content that is stored."""
        yield from sorted(path for path in self.folder.glob("??/*") if len(path.name) == 64)
