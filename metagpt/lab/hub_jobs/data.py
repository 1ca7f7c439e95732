"""The job "data": sets are read, cleaned, parted, checked for leaks and made a version of the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from metagpt.errors import ConfigError
from metagpt.hub import Card, ModelHub
from metagpt.hub.data import (
    CleaningRules,
    Leak,
    Preparation,
    Prepared,
    TextData,
    check_splits,
    find_leaks,
    load_data,
    prepare,
    push_data,
)
from metagpt.lab.hub_jobs.settings import HubJobSettings
from metagpt.lab.hub_jobs.steps import once
from metagpt.lab.jobs import RunFolder

__all__ = ["Settings", "run"]

Part = dict[str, str]


class Settings(HubJobSettings):
    """What is read, what is done to it, and what it is called."""

    name: str = Field(description="Of the set in the hub.")
    source: str | Part = Field(
        min_length=1,
        description="A file, a folder, hub:NAME@VERSION or hf:ORG/NAME; or one for each part, as {train = 'train.csv', test = 'test.csv'}.",
    )
    split: str | Part = Field(
        default_factory=dict, description="Which split of a source that has several; or one for each part, as {train = 'train'}."
    )
    text: str = Field("text", description="The column of texts.")
    label: str = Field("label", description="The column of labels; empty for a set without.")
    numbers: bool = Field(False, description="Labels are numbers to predict.")
    format: Literal["csv", "tsv", "jsonl", "parquet", "conll"] | None = Field(None, description="Where the ending does not say it.")
    alternatives: Literal["keep", "first", "last"] = Field("keep", description="Of several tags for a word in CoNLL: which to take.")
    clean: bool = Field(True, description="Unify texts; drop empty, doubled and contradictory ones.")
    max_characters: int | None = Field(None, ge=1, description="Cleaning drops longer texts.")
    near: float = Field(1.0, gt=0, le=1, description="Similarity from which texts count as one; 1: only equal ones.")
    shares: dict[str, float] = Field(
        default_factory=dict, description="Cut a single source into parts, as {train = 0.8, validation = 0.1, test = 0.1}."
    )
    stratify: bool = Field(True, description="Keep each class's share in every part.")
    group: str | None = Field(None, description="A field whose equal values stay in one part.")
    drop_leaks: bool = Field(False, description="Drop from each part what a later part holds too, instead of refusing the set.")
    stage: Literal["training", "intermediate", "result"] = Field("training", description="What the data is for.")
    summary: str = Field("", description="What it is, for the card; counted off the data if left out.")
    license: str | None = Field(None, description="Of the data, for the card.")
    parents: list[str] = Field(default_factory=list, description="What it was made from, beside sources in the hub: NAME@VERSION, run:ID.")
    alias: str | None = Field(None, description="Give the new version this alias.")

    @model_validator(mode="after")
    def _names_parts(self) -> Self:
        odd = next((part for part in [*self.parts(), *self.shares] if not part.isidentifier()), None)
        if odd is not None:
            raise ConfigError(f"lab data: found the part {odd!r}; expected a word such as train. Rename it.")
        if len(self.parts()) > 1 and self.shares:
            raise ConfigError("lab data: found several sources and shares; expected shares of a single one. Leave one of them out.")
        return self

    def parts(self) -> dict[str, tuple[str, str | None]]:
        """By part its source, and which split of that."""
        sources = self.source if isinstance(self.source, dict) else {"all": self.source}
        splits = self.split if isinstance(self.split, dict) else dict.fromkeys(sources, self.split)
        return {part: (source, splits.get(part)) for part, source in sources.items()}


def run(settings: Settings, folder: RunFolder) -> Mapping[str, Any]:
    """Prepare and publish; the folder then holds cleaning.json, leaks.json and report.md, also of a set that was refused.

    Returns:
        The reference, by part the counts and digests, and how many examples were cleaned and leaks found.

    Raises:
        LabError: data that does not read, parts that leak, or labels that only a test part has; nothing is pushed then.
    """
    hub = settings.open_hub()
    done = prepare(_loaded(settings, hub), _preparation(settings))
    leaks = [*done.dropped] or find_leaks(done.parts, near=settings.near, group=settings.group)
    _report(settings, done, leaks, folder)
    if len(done.parts) > 1:
        check_splits(done.parts, near=settings.near, group=settings.group)
    return {
        "reference": once(folder, "pushed", lambda: _push(settings, done, hub, folder)),
        "examples": {part: len(each) for part, each in done.parts.items()},
        "digests": {part: each.digest for part, each in done.parts.items()},
        "cleaned": {} if done.cleaning is None else done.cleaning.counts(),
        "leaks_dropped": len(done.dropped),
    }


def _loaded(settings: Settings, hub: ModelHub) -> dict[str, TextData]:
    return {
        part: load_data(
            source, text=settings.text, label=settings.label or None, format=settings.format, split=split,
            numbers=settings.numbers, alternatives=settings.alternatives, name=part, hub=hub,
        )
        for part, (source, split) in settings.parts().items()
    }  # fmt: skip


def _preparation(settings: Settings) -> Preparation:
    return Preparation(
        cleaning=CleaningRules(near=settings.near, max_characters=settings.max_characters) if settings.clean else None,
        shares=settings.shares,
        seed=settings.seed,
        stratify=settings.stratify,
        group=settings.group,
        drop_leaks=settings.drop_leaks,
        near=settings.near,
    )


def _report(settings: Settings, done: Prepared, leaks: list[Leak], folder: RunFolder) -> None:
    told = [f"# {settings.name}\n"]
    if done.cleaning is not None:
        folder.write_json(
            "cleaning.json",
            {"before": done.cleaning.before, "after": done.cleaning.after, "changes": [asdict(each) for each in done.cleaning.changes]},
        )
        told.append(done.cleaning.to_markdown())
    folder.write_json("leaks.json", [{"parts": each.parts, "similarity": each.similarity, "what": str(each)} for each in leaks])
    fate = "dropped" if done.dropped else "refused" if leaks else "none"
    told.append("## Leaks\n\n" + f"{len(leaks)} between {', '.join(done.parts)}: {fate}.\n" + "".join(f"- {leak}\n" for leak in leaks))
    folder.write_text("report.md", "\n".join(told))


def _push(settings: Settings, done: Prepared, hub: ModelHub, folder: RunFolder) -> str:
    outside = [source for source, _ in settings.parts().values() if source.startswith(("hub:", "hf:"))]
    return push_data(
        hub, settings.name, done.parts, stage=settings.stage, report=done.cleaning, alias=settings.alias, check=False,
        parents=[*outside, *settings.parents, f"run:{folder.path.name}"],
        card=Card(summary=settings.summary, license=settings.license),
    ).reference  # fmt: skip
