"""The hub: versioned models, adapters, datasets and compositions in one folder."""

from __future__ import annotations

import builtins  # `list` is a method here
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from metagpt.errors import HubError
from metagpt.hub import hugging_face
from metagpt.hub.blobs import Blobs
from metagpt.hub.builtin import builtin_card
from metagpt.hub.card import Card, card_of
from metagpt.hub.checks import Finding, find_faults
from metagpt.hub.cleanup import Pruned, prune, unheld
from metagpt.hub.durable import move_into_place, new_folder, told_plainly
from metagpt.hub.entry import Entry, Kind
from metagpt.hub.intake import Taken, take_folder, write_out
from metagpt.hub.lost import find_lost
from metagpt.hub.names import LATEST, Reference, check_alias, check_name, parse_reference
from metagpt.hub.outlet import check_checkout, fill, new_target
from metagpt.hub.place import hub_folder
from metagpt.hub.registry import Registry
from metagpt.hub.staging import Stage

if TYPE_CHECKING:
    import networkx

    from metagpt.hub.selection import SelectedModel, TaskDescription
    from metagpt.memory.vector.encoder import Encoder

__all__ = ["ModelHub"]

_LOCK_TIMEOUT_S = 300.0


class ModelHub:
    """Versions (`news@3`), aliases (`news@production`), lineage, and selection by what a task says.

    Several processes may use one hub at once: whatever changes it holds its lock, and every file is replaced whole. Reading
    neither locks nor writes. Every hub begins with the built-in entries.
    """

    def __init__(self, path: Path | str | None = None, *, clock: Callable[[], float] = time.time, encoder: Encoder | None = None) -> None:
        """Open the hub of that folder; see `hub_folder` for where it is if left out. The folder is made by the first push.

        Args:
            path: The folder.
            clock: Seconds since 1970 UTC.
            encoder: What `select_models` embeds texts with; the MiniLM sentence encoder if left out.
        """
        self.path = hub_folder(path)
        self.registry = Registry(self.path)
        self.blobs = Blobs(self.path / "blobs")
        self._clock = clock
        self._encoder = encoder

    # what is there

    def list(self, kind: Kind | None = None) -> list[Entry]:
        """The newest version of every name, of one kind or of all."""
        newest = []
        for name in self.registry.names():
            present = [entry for entry in self.registry.versions(name) if not entry.removed]
            newest += [present[-1]] if present else []
        return [entry for entry in newest if kind is None or entry.kind == kind]

    def versions(self, name: str) -> builtins.list[Entry]:
        """Every version of the name that is there."""
        return [entry for entry in self.registry.versions(check_name(name)) if not entry.removed]

    def get(self, reference: str | Reference) -> Entry:
        """The entry of `NAME`, `NAME@VERSION` or `NAME@ALIAS`; a name alone means its newest version.

        Raises:
            HubError: there is none.
        """
        return self.registry.get(parse_reference(reference))

    def aliases(self, name: str) -> dict[str, int]:
        """The aliases of the name, and the version each stands for."""
        return {alias: versions[-1] for alias, versions in self.registry.aliases(check_name(name)).items()}

    def card(self, reference: str | Reference | Entry) -> Card:
        """The entry's card."""
        entry = reference if isinstance(reference, Entry) else self.get(reference)
        if entry.folder is not None:
            return builtin_card(entry)
        blob = entry.files.get("README.md")
        if blob is None:
            return Card()
        if self.blobs.fault(blob):
            raise HubError(f"hub: {entry.reference}: its README.md {self.blobs.fault(blob)}; expected its card. Push the entry again.")
        return card_of(self.blobs.path(blob.sha256).read_text(encoding="utf-8", errors="replace"), f"{entry.reference}: README.md")

    # in

    def push(
        self,
        source: object,
        name: str,
        *,
        kind: Kind | None = None,
        card: Card | None = None,
        parents: Sequence[str] = (),
        alias: str | None = None,
    ) -> Entry:
        """Add a version.

        Args:
            source: A folder; an object with `save_pretrained` or `save`; or `hf:ORG/NAME[@REVISION]`, downloaded from a model hub.
            name: The first push of a name makes version 1, each further one the next number; numbers are never given twice.
            kind: Read off the files if left out.
            card: Its filled fields replace those of the folder's README.md.
            parents: What it was made from, for the lineage: references of this hub, `run:ID`, `hf:ORG/NAME`.
            alias: Given to the new version at once.

        Raises:
            HubError: pickle or spoiled files, no room on the disk; then nothing was added.
        """
        check_name(name)
        alias = None if alias is None else check_alias(alias)
        pinned = tuple(dict.fromkeys(self._pin(parent) for parent in parents))
        with told_plainly(f"pushing {name!r}"), self._stage() as work:
            if isinstance(source, str) and source.startswith("hf:"):
                folder, origin = hugging_face.download(source, work / "source")
                pinned += (origin,)
            else:
                folder = write_out(source, work / "source")
            taken = take_folder(folder, work, kind=kind, card=card)
            with self._locked():
                return self._add(name, taken, pinned, alias)

    def _add(self, name: str, taken: Taken, parents: tuple[str, ...], alias: str | None) -> Entry:
        """Blobs first, the manifest last: a version that is there is whole."""
        for staged, blob in taken.staged.values():
            self.blobs.take(staged, blob)
        version = self.registry.next_version(name)
        entry = Entry(
            name=name, version=version, kind=taken.kind, files=taken.files, created=self._clock(),
            parents=parents, parameters=taken.parameters,
        )  # fmt: skip
        self.registry.add(entry)
        if alias is not None:
            self._point(name, alias, version)
        return entry

    def _pin(self, parent: str) -> str:
        """A parent in this hub as `NAME@VERSION`, so that a moving alias does not move the past."""
        prefix, colon, _ = parent.partition(":")
        return parent if colon and prefix != "hub" else self.get(parent).reference

    # out

    def pull(self, reference: str | Reference, target: Path | str) -> Path | str:
        """Copy an entry's files into a new folder, or to a model hub with `hf:ORG/NAME`. Every byte is checked.

        Raises:
            HubError: changed bytes, a folder with something in it, a hub that cannot be reached; then nothing was written.
        """
        entry = self.get(reference)
        if isinstance(target, str) and target.startswith("hf:"):
            return hugging_face.upload(self.folder(entry.reference), target, entry)
        where = new_target(Path(target))
        with told_plainly(f"pulling {entry.reference!r}"):
            if entry.folder is not None:
                paths = (path for path in entry.folder.rglob("*") if path.is_file() and not path.name.startswith("."))
                return fill(entry, {path.relative_to(entry.folder).as_posix(): path for path in paths}, where)
            with self._stage() as work:
                return fill(entry, self._link(entry, work), where)

    def folder(self, reference: str | Reference) -> Path:
        """A folder with the entry's files, to load from; it belongs to the hub and is checked at every call.

        Raises:
            HubError: changed bytes.
        """
        entry = self.get(reference)
        if entry.folder is not None:
            return entry.folder
        checkout = self.path / "checkouts" / entry.reference
        if not checkout.is_dir():
            with told_plainly(f"opening {entry.reference!r}"), self._stage() as work:
                self._link(entry, work)
                check_checkout(entry, work)
                with self._locked():
                    self.get(entry.reference)  # still there
                    if not checkout.is_dir():
                        move_into_place(work, new_folder(checkout.parent) / checkout.name)
            return checkout
        check_checkout(entry, checkout)
        return checkout

    def _link(self, entry: Entry, work: Path) -> dict[str, Path]:
        """Names of its own for an entry's contents, which a prune meanwhile cannot take away."""
        with self._locked():
            self.get(Reference(entry.name, entry.version))  # still there
            for inside, blob in entry.files.items():
                self.blobs.link(entry.reference, blob, work / inside)
        return {inside: work / inside for inside in entry.files}

    def load(self, reference: str | Reference) -> Any:  # Any: whatever its predictor plugin makes
        """The entry as something that predicts; compositions load their members.

        Raises:
            HubError: nothing is known that could load it.
        """
        from metagpt.hub.predictors import load_predictor

        return load_predictor(self, self.get(reference))

    # names

    def tag(self, reference: str | Reference, alias: str) -> Entry:
        """Let the alias stand for that version from now on."""
        check_alias(alias)
        with told_plainly(f"tagging {str(reference)!r}"), self._locked():
            entry = self.get(reference)
            self._point(entry.name, alias, entry.version)
        return entry

    def _point(self, name: str, alias: str, version: int) -> None:
        aliases = dict(self.registry.aliases(name))
        past = aliases.get(alias, ())
        if not past or past[-1] != version:
            self.registry.set_aliases(name, {**aliases, alias: (*past, version)})

    def untag(self, name: str, alias: str) -> None:
        """Give up an alias.

        Raises:
            HubError: the name has no such alias.
        """
        with told_plainly(f"untagging {name!r}"), self._locked():
            self.get(Reference(check_name(name), check_alias(alias)))
            self.registry.set_aliases(name, {known: past for known, past in self.registry.aliases(name).items() if known != alias})

    def rollback(self, name: str, alias: str) -> Entry:
        """Let the alias stand for the version that had it before.

        Raises:
            HubError: no version had it before.
        """
        with told_plainly(f"rolling back {name!r}"), self._locked():
            self.get(Reference(check_name(name), check_alias(alias)))
            aliases = dict(self.registry.aliases(name))
            if len(aliases[alias]) < 2:
                raise HubError(f"hub: {name}@{alias}: found no version that had the alias before; expected one. Tag a version instead.")
            self.registry.set_aliases(name, {**aliases, alias: aliases[alias][:-1]})
            return self.get(Reference(name, alias))

    # out of the way

    def remove(self, reference: str | Reference) -> Entry:
        """Give up a version; its number is never given again, and the lineage goes on showing it.

        The disk has its room back after `prune`. A version whose manifest was taken away can be given up, too.

        Raises:
            HubError: an alias, a composition or an adapter needs it, or it is built in.
        """
        wanted = parse_reference(reference)
        if wanted.selector == LATEST:
            raise HubError(f"remove: found {wanted.name!r} without a version; expected NAME@VERSION. Say which one.")
        with told_plainly(f"removing {str(wanted)!r}"), self._locked():
            entry = self._lost(wanted) or self.get(wanted)
            self._check_free(entry)
            self.registry.add(replace(entry, files={}, removed=True))
            aliases = self.registry.aliases(entry.name)
            if any(entry.version in past for past in aliases.values()):
                kept = {alias: tuple(v for v in past if v != entry.version) for alias, past in aliases.items()}
                self.registry.set_aliases(entry.name, kept)
            shutil.rmtree(self.path / "checkouts" / entry.reference, ignore_errors=True)
        return entry

    def _lost(self, wanted: Reference) -> Entry | None:
        """What stands for a version whose manifest was taken away: nothing is known but that it was there."""
        if not isinstance(wanted.selector, int) or str(wanted) not in find_lost(self.registry):
            return None
        return Entry(name=wanted.name, version=wanted.selector, kind="model", files={})

    def _check_free(self, entry: Entry) -> None:
        if entry.folder is not None:
            raise HubError(f"remove: {entry.reference} is built in; expected a version that was pushed. Push others of that name over it.")
        held = [alias for alias, version in self.aliases(entry.name).items() if version == entry.version]
        if held:
            raise HubError(f"remove: {entry.reference} is {held[0]!r}; expected a version without alias. Tag another version first.")
        for user in self.entries():
            if user.kind in ("composition", "adapter") and not user.removed and entry.reference in user.parents:
                raise HubError(f"remove: {entry.reference} is part of {user.reference}; expected nothing that needs it. Remove that first.")

    def entries(self) -> Iterator[Entry]:
        """Every version of every name, the removed ones too."""
        for name in self.registry.names():
            yield from self.registry.versions(name)

    def prune(self) -> Pruned:
        """Remove contents that no version holds, and what killed processes left.

        Raises:
            HubError: a manifest cannot be read or was taken away, so nothing can be called unused; nothing was removed.
        """
        if not self.path.is_dir():
            return Pruned()
        with told_plainly("pruning"), self._locked():
            return prune(self.path, self.registry, self.blobs)

    def verify(self, reference: str | Reference | None = None) -> builtins.list[Finding]:
        """Everything that is wrong with one entry, or with the whole hub; nothing is changed."""
        return find_faults(self.registry, self.blobs, None if reference is None else self.get(reference))

    def unheld(self) -> builtins.list[Path]:
        """Contents that no version holds: of removed versions, and of pushes that were cut or are under way. `prune` removes them.

        Raises:
            HubError: a manifest cannot be read.
        """
        return unheld(self.entries(), self.blobs)

    # what it is for

    def select_models(self, task: TaskDescription | str, top_n: int = 3) -> builtins.list[SelectedModel]:
        """The models whose cards are nearest to the task, best first, each with its score and why; fewer where there are fewer.

        Raises:
            HubError: no model passes the task's filters.
        """
        from metagpt.hub.selection import select

        return select(self, task, top_n, self._encoder)

    def record_run(self, run_id: str, used: Sequence[str]) -> None:
        """Note which versions answered in a run, for the lineage."""
        run_id = check_name(run_id.removeprefix("run:"))
        pinned = [self._pin(each) for each in used]
        with told_plainly(f"noting the run {run_id!r}"), self._locked():
            known = self.registry.runs().get(run_id, [])
            self.registry.add_run(run_id, list(dict.fromkeys([*known, *pinned])))

    def lineage(self, reference: str | Reference | None = None) -> networkx.DiGraph[str]:
        """What was made from what: runs, datasets, models and runs again; of one entry or of all."""
        from metagpt.hub.lineage import lineage

        return lineage(self, None if reference is None else self.get(reference))

    def diagram(self, format: Literal["mermaid", "svg"] = "mermaid", reference: str | Reference | None = None) -> str:
        """The lineage as a picture."""
        from metagpt.hub.picture import draw_lineage

        return draw_lineage(self.lineage(reference), format)

    @contextmanager
    def _stage(self) -> Iterator[Path]:
        """A folder of this call alone for unfinished work."""
        with self._locked():
            opened = Stage(self.path / "staging")
        with closing(opened):
            yield opened.work

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone in changing the hub, across processes."""
        from filelock import FileLock, Timeout

        try:
            with FileLock(new_folder(self.path) / "hub.lock", timeout=_LOCK_TIMEOUT_S, mode=0o600):
                yield
        except Timeout as error:
            raise HubError(f"hub {self.path}: another process holds the lock for {_LOCK_TIMEOUT_S:g} s. Wait for it, or end it.") from error
