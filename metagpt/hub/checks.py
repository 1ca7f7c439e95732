"""Verifying: every manifest, alias and content of a hub against what was written, and that none was taken away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from metagpt.errors import HubError
from metagpt.hub.blobs import Blobs
from metagpt.hub.entry import Entry
from metagpt.hub.lost import find_lost
from metagpt.hub.registry import Registry
from metagpt.hub.safety import check_file

__all__ = ["Finding", "find_faults"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong."""

    where: str
    """`NAME@VERSION`, or a file of the hub."""
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def find_faults(registry: Registry, blobs: Blobs, entry: Entry | None = None) -> list[Finding]:
    """All faults of one entry, or of the whole hub."""
    if entry is not None:
        return list(_of_files(entry, blobs, {}))
    found: list[Finding] = []
    entries: list[Entry] = []
    for path in registry.manifests():
        try:
            entries.append(registry.read(path))
        except HubError as error:
            found.append(Finding(str(path), str(error)))
    known: dict[str, str] = {}
    for each in entries:
        found += _of_files(each, blobs, known)
    return found + [finding for part in (_of_aliases, _of_numbers, _of_runs, _of_lost) for finding in part(registry)]


def _of_files(entry: Entry, blobs: Blobs, known: dict[str, str]) -> Iterator[Finding]:
    """Faults of the entry's contents; each content is read once."""
    for inside, blob in entry.files.items():
        if blob.sha256 not in known:
            known[blob.sha256] = blobs.fault(blob)
        if known[blob.sha256]:
            yield Finding(entry.reference, f"{inside!r} {known[blob.sha256]}")
            continue
        try:
            check_file(blobs.path(blob.sha256), inside)
        except HubError as error:
            yield Finding(entry.reference, str(error))


def _of_aliases(registry: Registry) -> Iterator[Finding]:
    for path in sorted(registry.folder.glob("aliases/*.json")):
        try:
            aliases = registry.aliases(path.stem)
            present = {entry.version for entry in registry.versions(path.stem) if not entry.removed}
        except HubError as error:
            yield Finding(str(path), str(error))
            continue
        for alias, versions in aliases.items():
            if versions[-1] not in present:
                yield Finding(f"{path.stem}@{alias}", f"stands for version {versions[-1]}, which is not there")


def _of_numbers(registry: Registry) -> Iterator[Finding]:
    for path in sorted(registry.folder.glob("numbers/*.json")):
        try:
            registry.highest(path.stem)
        except HubError as error:
            yield Finding(str(path), str(error))


def _of_runs(registry: Registry) -> Iterator[Finding]:
    try:
        registry.runs()
    except HubError as error:
        yield Finding("runs", str(error))


def _of_lost(registry: Registry) -> Iterator[Finding]:
    for reference, told in find_lost(registry).items():
        yield Finding(
            reference, f"is not there, but {told}. Restore its manifest from a copy, or give it up with: metagpt hub remove {reference}"
        )
