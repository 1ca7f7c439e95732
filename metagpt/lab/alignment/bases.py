"""The model that a training starts from: a folder, and what it is called in the lineage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from metagpt.errors import LabError
from metagpt.hub import ModelHub
from metagpt.hub.names import parse_reference

__all__ = ["Base", "open_base"]


@dataclass(frozen=True, slots=True)
class Base:
    """A model to start from."""

    reference: str
    """`hub:NAME@VERSION` where it is in the hub, else its folder."""
    folder: Path

    @property
    def parents(self) -> tuple[str, ...]:
        """What a model made from it names as its parent."""
        return (self.reference.removeprefix("hub:"),) if self.reference.startswith("hub:") else ()

    @property
    def summary(self) -> str:
        """What a card calls it; no folder of this machine."""
        return self.reference if self.reference.startswith("hub:") else self.folder.name


def open_base(reference: str, hub: ModelHub) -> Base:
    """The model of `embedded`, `hub:NAME@ALIAS`, `local:FOLDER` or a folder.

    Raises:
        LabError: it is none that can be trained from.
        HubError: the hub has no such entry, or its bytes were changed.
    """
    place = reference.removeprefix("local:")
    if reference == "embedded" or reference.startswith("hub:"):
        entry = hub.get(parse_reference(reference))
        if entry.kind != "model":
            raise LabError(f"base: found the {entry.kind} {entry.reference}; expected a whole model. Name another.")
        return Base(f"hub:{entry.reference}", hub.folder(entry.reference))
    folder = Path(place).expanduser()
    if not (folder / "config.json").is_file():
        raise LabError(
            f"base: found {reference!r}; expected embedded, hub:NAME, or the folder of a model with config.json."
            " Push a model of a model hub first: metagpt hub push NAME hf:ORG/NAME"
        )
    return Base(str(folder.resolve()), folder.resolve())
