"""The job "hub": an entry is imported, verified, tagged and exported, as far as the settings ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from metagpt.errors import ConfigError, HubError
from metagpt.hub import Card, ModelHub
from metagpt.hub.entry import Kind
from metagpt.hub.telling import entry_values
from metagpt.lab.hub_jobs.settings import HubJobSettings
from metagpt.lab.hub_jobs.steps import once
from metagpt.lab.jobs import RunFolder

__all__ = ["Settings", "run"]

_OF_IMPORTS = ("kind", "summary", "task", "languages", "license", "tags", "predictor", "parents")


class Settings(HubJobSettings):
    """Which entry, and what is done with it."""

    name: str = Field(description="The entry's name; without a source NAME, NAME@VERSION or NAME@ALIAS of one that is there.")
    source: str | None = Field(None, description="Import it from this folder, or from hf:ORG/NAME[@REVISION].")
    kind: Kind | None = Field(None, description="What is imported; read off the files if left out.")
    summary: str = Field("", description="What it is, for the card of what is imported.")
    task: str | None = Field(None, description="What it is for, for the card: text-classification, …")
    languages: list[str] = Field(default_factory=list, description="For the card: en, de, …")
    license: str | None = Field(None, description="For the card.")
    tags: list[str] = Field(default_factory=list, description="For the card: words to find it by.")
    predictor: str | None = Field(None, description="For the card: the plugin of metagpt.predictors that loads it.")
    parents: list[str] = Field(default_factory=list, description="What it was made from: NAME@VERSION, run:ID, hf:ORG/NAME.")
    verify: bool = Field(True, description="Read every byte of it and compare; nothing is tagged or exported where one differs.")
    aliases: list[str] = Field(default_factory=list, description="Aliases that stand for it from now on, such as production.")
    export: str | None = Field(None, description="Copy it into this new folder, or to hf:ORG/NAME.")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        said = [name for name in _OF_IMPORTS if getattr(self, name)]
        if self.source is None and said:
            raise ConfigError(f"lab hub: found {said[0]!r} without a source; expected it with an import. Add source, or leave it out.")
        return self


def run(settings: Settings, folder: RunFolder) -> Mapping[str, Any]:
    """Do what is asked, in the order import, verify, tag, export; report.md then tells of the entry.

    Returns:
        The entry as `metagpt hub show --json` tells it, how many files were verified, and where it was exported to.

    Raises:
        HubError: pickle, spoiled files, no such entry, bytes that differ, or a folder with something in it.
    """
    hub = settings.open_hub()
    if settings.source is None:
        reference = once(folder, "found", lambda: hub.get(settings.name).reference)
    else:
        reference = once(folder, "pushed", lambda: _import(settings, hub, folder))
    if settings.verify:
        _verify(hub, reference)
    for alias in settings.aliases:
        hub.tag(reference, alias)
    results: dict[str, Any] = {}
    if settings.export is not None:
        target = settings.export
        results["exported"] = once(folder, "exported", lambda: str(hub.pull(reference, target)))
    entry = hub.get(reference)
    card = hub.card(entry)
    folder.write_text("report.md", f"{_told(hub, reference)}\n{card.text}\n")
    return {**entry_values(hub, entry, card), "files": len(entry.files), "verified": settings.verify, **results}


def _import(settings: Settings, hub: ModelHub, folder: RunFolder) -> str:
    card = Card(
        summary=settings.summary, task=settings.task, languages=tuple(settings.languages), license=settings.license,
        tags=tuple(settings.tags), predictor=settings.predictor,
    )  # fmt: skip
    parents = [*settings.parents, f"run:{folder.path.name}"]
    said = card if card != Card() else None
    return hub.push(settings.source, settings.name, kind=settings.kind, card=said, parents=parents).reference


def _verify(hub: ModelHub, reference: str) -> None:
    findings = hub.verify(reference)
    if findings:
        told = "\n".join(f"  - {finding}" for finding in findings)
        raise HubError(
            f"lab hub: found {len(findings)} fault(s) in {reference}; expected the bytes that were pushed. Push it again, or restore the"
            f" hub from a copy.\n{told}"
        )


def _told(hub: ModelHub, reference: str) -> str:
    entry = hub.get(reference)
    files = "".join(f"| {inside} | {blob.size_bytes} | {blob.sha256} |\n" for inside, blob in entry.files.items())
    table = f"| file | bytes | sha256 |\n|---|---|---|\n{files}"
    return f"# {reference}\n\n{table}\n```mermaid\n{hub.diagram('mermaid', reference)}```\n"
