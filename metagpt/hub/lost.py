"""Versions whose manifests were taken away: what is left of the hub still tells of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeAlias, TypeVar

from metagpt.errors import HubError
from metagpt.hub.registry import Registry

__all__ = ["find_lost"]

Read = TypeVar("Read")
Told: TypeAlias = tuple[str, int, str]
"""A name, a number, and how the version of that number is known."""


def find_lost(registry: Registry) -> dict[str, str]:
    """By version that has no manifest, what tells of it. A removed version keeps its manifest, so it is not lost.

    What does not read tells of nothing here; verifying reports it by itself. Right without the hub's lock, too: manifests are written
    before whatever tells of them, and are looked for after it was read.
    """
    found: dict[str, str] = {}
    for name, number, told in _told(registry):
        if not registry.has(name, number):
            found.setdefault(f"{name}@{number}", told)
    return found


def _told(registry: Registry) -> Iterator[Told]:
    for run, used in (_if_read(registry.runs) or {}).items():
        yield from _pinned(used, f"it was used in run:{run}")
    counted = {path.stem for part in ("numbers", "aliases") for path in registry.folder.glob(f"{part}/*.json")}
    manifests = [path for path in registry.manifests() if path.stem.isdigit()]
    for name in sorted(counted | {path.parent.name for path in manifests}):
        yield from _of_name(registry, name, [int(path.stem) for path in manifests if path.parent.name == name])
    for path in manifests:
        entry = _if_read(partial(registry.read, path))
        if entry is not None:
            yield from _pinned(entry.parents, f"{entry.reference} was made from it")


def _of_name(registry: Registry, name: str, present: list[int]) -> Iterator[Told]:
    for alias, past in (_if_read(lambda: registry.aliases(name)) or {}).items():
        yield from ((name, number, f"it has or had the alias {alias!r}") for number in past)
    highest = max([_if_read(lambda: registry.highest(name)) or 0, *present])
    yield from ((name, number, f"numbers up to {highest} were given") for number in range(1, highest + 1))


def _pinned(references: Iterable[str], told: str) -> Iterator[Told]:
    """Those that name a version of this hub; what stands outside it has a colon, as `run:ID` and `hf:ORG/NAME@COMMIT`."""
    for reference in references:
        name, _, number = reference.rpartition("@")
        if ":" not in reference and number.isdigit():
            yield name, int(number), told


def _if_read(read: Callable[[], Read]) -> Read | None:
    try:
        return read()
    except HubError:
        return None
