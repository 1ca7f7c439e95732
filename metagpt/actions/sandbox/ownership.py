"""Under root: which user the program becomes, and the workspace lent to that user while it runs."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from metagpt.actions.sandbox.surroundings import open_to_others
from metagpt.errors import SandboxError

__all__ = ["NOBODY", "is_root", "lent", "uid_options"]

NOBODY = 65534
_UNUSED = range(0x7000_0000, 0x7010_0000)
"""Uids that no distribution and no container tool hands out (systemd's table calls them unused)."""


def is_root() -> bool:
    """Whether a program started here would be root's."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def uid_options(uid: int | None, paths: Iterable[str] = ()) -> list[str]:
    """What the launcher is told about the uid, so that the dropped one still gets to the paths it needs.

    Where one lies behind a folder closed to others (an interpreter under /root), the right to pass and read closed
    folders is kept, and no other: what may be read is then the backend's decision alone.
    """
    if uid is None:
        return []
    return [f"uid={uid}"] if all(open_to_others(path) for path in paths) else [f"uid={uid}", "read-all=1"]


@dataclass
class _Loan:
    uid: int
    owner: tuple[int, int]
    runs: int = 0


_loans: dict[tuple[int, int], _Loan] = {}
_lock = threading.Lock()


@contextlib.contextmanager
def lent(workspace: Path) -> Iterator[int | None]:
    """Under root, give the workspace to a uid for a run, and back after the last run that is on in it.

    Every workspace gets a uid of its own, so that runs at once neither share a process limit nor see one another;
    nobody's where a container maps no such uids. For an ordinary user nothing is done and the uid is None: the own one.

    Raises:
        SandboxError: When the file system does not let the owner be changed.
    """
    if not is_root():
        yield None
        return
    found = workspace.stat()
    key = (found.st_dev, found.st_ino)
    with _lock:
        loan = _loans.setdefault(key, _Loan(uid=_free_uid(), owner=(found.st_uid, found.st_gid)))
        loan.runs += 1
    try:
        with _lock:
            _give(workspace, loan.uid, loan.uid)
        yield loan.uid
    finally:
        with _lock:
            loan.runs -= 1
            if not loan.runs:
                del _loans[key]
                _give(workspace, *loan.owner)


def _free_uid() -> int:
    if not _maps_unused():
        return NOBODY
    taken = {loan.uid for loan in _loans.values()}
    while (uid := secrets.choice(_UNUSED)) in taken:
        pass
    return uid


@cache
def _maps_unused() -> bool:
    """Whether this user namespace has the range for users and groups."""
    return all(
        any(start <= _UNUSED.start and _UNUSED.stop <= start + count for start, count in _mapped(name)) for name in ("uid_map", "gid_map")
    )


def _mapped(name: str) -> list[tuple[int, int]]:
    try:
        lines = Path("/proc/self", name).read_text().splitlines()
    except OSError:
        return []
    return [(int(start), int(count)) for start, _, count in map(str.split, lines)]


def _give(workspace: Path, uid: int, gid: int) -> None:
    """Change the owner of the tree, following no link.

    Files with several names are left alone: another name may stand outside, and who owns the file can change it there.
    """
    try:
        for _, folders, files, here in os.fwalk(workspace, follow_symlinks=False):
            os.fchown(here, uid, gid)
            for name in (*files, *folders):
                with contextlib.suppress(FileNotFoundError):  # another run in this workspace is at work
                    found = os.stat(name, dir_fd=here, follow_symlinks=False)
                    if found.st_nlink == 1 or stat.S_ISDIR(found.st_mode):
                        os.chown(name, uid, gid, dir_fd=here, follow_symlinks=False)
    except OSError as error:
        raise SandboxError(
            f"Sandbox: the workspace {str(workspace)!r} cannot be given to the uid that root's programs run as ({error}). "
            "Run as an ordinary user, or choose a folder on a local file system."
        ) from error
