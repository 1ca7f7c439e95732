"""Pruning: what no version holds, and what killed processes left behind. The caller holds the hub's lock."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from metagpt.hub.blobs import Blobs
from metagpt.hub.registry import Registry
from metagpt.hub.staging import sweep

__all__ = ["Pruned", "prune"]


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was removed."""

    contents: int = 0
    size_bytes: int = 0
    unfinished: int = 0
    """Folders and files of processes that died."""


def prune(folder: Path, registry: Registry, blobs: Blobs) -> Pruned:
    """Remove what nothing needs.

    Raises:
        HubError: a manifest cannot be read; nothing was removed.
    """
    entries = [registry.read(path) for path in registry.manifests()]
    held = {blob.sha256 for entry in entries for blob in entry.files.values()}
    count = size = 0
    for path in list(blobs.all()):
        if path.name not in held:
            size += path.stat().st_size
            count += 1
            path.unlink()
    present = {entry.reference for entry in entries if not entry.removed}
    for checkout in (folder / "checkouts").iterdir() if (folder / "checkouts").is_dir() else ():
        if checkout.name not in present:
            shutil.rmtree(checkout, ignore_errors=True)
    return Pruned(count, size, sweep(folder / "staging") + _forget_asides(folder))


def _forget_asides(folder: Path) -> int:
    """Files written aside and never renamed: only a holder of the lock writes them, so their writers are dead."""
    asides = [path for part in ("entries/*", "aliases", "runs") for path in folder.glob(f"{part}/.*.json.*")]
    for path in asides:
        path.unlink(missing_ok=True)
    return len(asides)
