"""Folders for unfinished work, beside the finished; those whose owner died are swept away by prune."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

from metagpt.hub.durable import new_folder

__all__ = ["Stage", "sweep"]

_LOCK_NAME = "owner.lock"


class Stage:
    """A new empty folder, and a lock that says that its owner lives. Made and swept under the hub's lock."""

    def __init__(self, root: Path) -> None:
        from filelock import FileLock

        self._folder = new_folder(root) / uuid.uuid4().hex
        self._folder.mkdir(mode=0o700)
        self._lock = FileLock(self._folder / _LOCK_NAME)
        self._lock.acquire()
        self.work = self._folder / "work"
        """Where to work."""
        self.work.mkdir(mode=0o700)

    def close(self) -> None:
        """Remove the folder with all that was left in it."""
        self._lock.release()
        shutil.rmtree(self._folder, ignore_errors=True)


def sweep(root: Path) -> int:
    """Remove the folders of dead owners; how many there were."""
    from filelock import FileLock, Timeout

    count = 0
    for folder in root.iterdir() if root.is_dir() else ():
        try:
            with FileLock(folder / _LOCK_NAME, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
                count += 1
        except (Timeout, FileNotFoundError):  # its owner is at work, or is just removing it
            continue
    return count
