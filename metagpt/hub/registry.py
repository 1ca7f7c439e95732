"""The small files of a hub: a manifest for each version, of each name the aliases and the highest number, the runs; each sealed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from metagpt.errors import HubError, did_you_mean
from metagpt.hub.builtin import EMBEDDED, MINILM, builtin_entries, builtin_runs
from metagpt.hub.durable import new_folder, write_durably
from metagpt.hub.entry import Entry, from_sealed, to_sealed
from metagpt.hub.names import LATEST, Reference

__all__ = ["Registry"]

Aliases = Mapping[str, tuple[int, ...]]
"""By alias the versions that had it, the present one last."""


class Registry:
    """Reads and writes manifests and aliases; whoever writes holds the hub's lock."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._builtin = {entry.name: entry for entry in builtin_entries()}
        self._builtin_runs = builtin_runs()

    def names(self) -> list[str]:
        """Every name with a version."""
        return sorted({path.parent.name for path in self.manifests()} | set(self._builtin))

    def manifests(self) -> Iterator[Path]:
        """Every manifest file."""
        yield from sorted(self.folder.glob("entries/*/[0-9]*.json"))

    def read(self, path: Path) -> Entry:
        """The entry of a manifest file.

        Raises:
            HubError: its bytes were changed, or it stands under another name than its own.
        """
        values = from_sealed(path, path.read_bytes())
        try:
            entry = Entry.from_json(values)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise HubError(f"{path}: found a manifest that does not read ({error!r}); expected one of a hub. Restore it.") from error
        if path != self._manifest(entry.name, entry.version):
            raise HubError(f"{path}: found the manifest of {entry.reference}; expected that of its own name. Move it back.")
        return entry

    def versions(self, name: str) -> list[Entry]:
        """All versions of the name, the removed ones too, in order."""
        stored = [self.read(path) for path in self.folder.glob(f"entries/{name}/[0-9]*.json")]
        built_in = [self._builtin[name]] if name in self._builtin else []
        return sorted([*built_in, *stored], key=lambda entry: entry.version)

    def get(self, reference: Reference) -> Entry:
        """The version that is meant.

        Raises:
            HubError: there is no such name, version or alias, or it was removed.
        """
        versions = self.versions(reference.name)
        present = [entry for entry in versions if not entry.removed]
        if not versions:
            raise HubError(
                f"hub {self.folder}: found no {reference.name!r}; expected an entry. {did_you_mean(reference.name, self.names())}"
            )
        number = self._number(reference, present)
        found = next((entry for entry in present if entry.version == number), None)
        if found is None:
            known = ", ".join(str(entry.version) for entry in present) or "none"
            gone = "a version that was removed" if any(entry.version == number for entry in versions) else "no such version"
            raise HubError(f"hub {self.folder}: {str(reference)!r}: found {gone}; expected one that is there. Versions: {known}.")
        return found

    def _number(self, reference: Reference, present: list[Entry]) -> int:
        if isinstance(reference.selector, int):
            return reference.selector
        if reference.selector == LATEST:
            return present[-1].version if present else 0
        aliases = self.aliases(reference.name)
        if reference.selector not in aliases:
            raise HubError(
                f"hub {self.folder}: {reference.name!r} has no alias {reference.selector!r}; expected a version or an alias."
                f" {did_you_mean(reference.selector, [*aliases, LATEST])}"
            )
        return aliases[reference.selector][-1]

    def add(self, entry: Entry) -> None:
        """Write the manifest; from then on the version is there.

        The number is written after it: where a crash comes between them, a version is there that is not counted yet, and none is
        counted that never was there.
        """
        path = self._manifest(entry.name, entry.version)
        new_folder(path.parent)
        write_durably(path, to_sealed(entry.as_json()))
        if entry.version > self.highest(entry.name):
            write_durably(new_folder(self.folder / "numbers") / f"{entry.name}.json", to_sealed({"highest": entry.version}))

    def next_version(self, name: str) -> int:
        """The number of the next version: above every one that was ever given."""
        return max([self.highest(name), *(entry.version for entry in self.versions(name))]) + 1

    def highest(self, name: str) -> int:
        """The highest number that was given to a version of the name; 0 where that was not written down."""
        path = self.folder / "numbers" / f"{name}.json"
        return int(from_sealed(path, path.read_bytes())["highest"]) if path.is_file() else 0

    def has(self, name: str, number: int) -> bool:
        """Whether the version has a manifest, or needs none: version 1 of a built-in name, which may be installed elsewhere alone."""
        return (number == 1 and name in (EMBEDDED, MINILM)) or self._manifest(name, number).is_file()

    def aliases(self, name: str) -> Aliases:
        """The aliases of the name."""
        path = self._aliases(name)
        if not path.is_file():
            return {}
        return {alias: tuple(versions) for alias, versions in from_sealed(path, path.read_bytes()).items()}

    def set_aliases(self, name: str, aliases: Aliases) -> None:
        """Write the aliases of the name."""
        path = self._aliases(name)
        new_folder(path.parent)
        write_durably(path, to_sealed({alias: list(versions) for alias, versions in aliases.items()}))

    def runs(self) -> dict[str, list[str]]:
        """By run the versions that answered in it, or that it was fed."""
        stored = {path.stem: list(from_sealed(path, path.read_bytes())["used"]) for path in sorted(self.folder.glob("runs/*.json"))}
        return {**self._builtin_runs, **stored}

    def add_run(self, run_id: str, used: list[str]) -> None:
        """Write what answered in a run."""
        path = new_folder(self.folder / "runs") / f"{run_id}.json"
        write_durably(path, to_sealed({"used": used}))

    def _manifest(self, name: str, version: int) -> Path:
        return self.folder / "entries" / name / f"{version}.json"

    def _aliases(self, name: str) -> Path:
        return self.folder / "aliases" / f"{name}.json"
