"""Pruning: what no version holds, and what killed processes left behind. The caller holds the hub's lock."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from metagpt.errors import HubError
from metagpt.hub.blobs import Blobs
from metagpt.hub.entry import Entry
from metagpt.hub.lost import find_lost
from metagpt.hub.registry import Registry
from metagpt.hub.staging import sweep

__all__ = ["Pruned", "prune", "unheld"]


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
        HubError: a manifest cannot be read, or was taken away; nothing was removed.
    """
    lost = find_lost(registry)
    if lost:
        reference, told = next(iter(lost.items()))
        raise HubError(
            f"prune: found no manifest of {reference}, but {told}; expected it, as nobody else knows its contents. Restore it from a copy,"
            f" or give the version up: metagpt hub remove {reference}"
        )
    entries = [registry.read(path) for path in registry.manifests()]
    unused = unheld(entries, blobs)
    size = sum(path.stat().st_size for path in unused)
    for path in unused:
        path.unlink()
    present = {entry.reference for entry in entries if not entry.removed}
    for checkout in (folder / "checkouts").iterdir() if (folder / "checkouts").is_dir() else ():
        if checkout.name not in present:
            shutil.rmtree(checkout, ignore_errors=True)
    return Pruned(len(unused), size, sweep(folder / "staging") + _forget_asides(folder))


def unheld(entries: Iterable[Entry], blobs: Blobs) -> list[Path]:
    """Contents that none of the entries holds."""
    held = {blob.sha256 for entry in entries for blob in entry.files.values()}
    return [path for path in blobs.all() if path.name not in held]


def _forget_asides(folder: Path) -> int:
    """Files written aside and never renamed: only a holder of the lock writes them, so their writers are dead."""
    asides = [path for part in ("entries/*", "aliases", "numbers", "runs") for path in folder.glob(f"{part}/.*.json.*")]
    for path in asides:
        path.unlink(missing_ok=True)
    return len(asides)
