"""`metagpt data`: sets of data in the hub."""

from __future__ import annotations

import json as jsonlib
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from metagpt.cli.from_runs import from_runs
from metagpt.cli.hub_options import (
    AliasOption,
    HubOption,
    NameArgument,
    ParentOption,
    ReferenceArgument,
    entry_values,
    lineage_values,
    open_hub,
    print_entries,
)
from metagpt.cli.options import JsonOption
from metagpt.cli.statuses import FAILURE
from metagpt.cli.wording import visible
from metagpt.errors import LabError

if TYPE_CHECKING:
    from metagpt.hub.data import Splits
    from metagpt.hub.entry import Entry
    from metagpt.hub.hub import ModelHub

__all__ = ["data"]

data = typer.Typer(no_args_is_help=True, help="Sets of data: added, cleaned, split, checked.")
data.command("from-runs")(from_runs)


class _Stage(StrEnum):
    TRAINING = "training"
    INTERMEDIATE = "intermediate"
    RESULT = "result"


GroupOption = Annotated[
    str | None, typer.Option("--group", metavar="FIELD", show_default=False, help="A field whose equal values stay in one part.")
]
NearOption = Annotated[float, typer.Option("--near", metavar="S", help="Similarity from which texts count as one; 1: only equal ones.")]


@data.command()
def add(
    name: NameArgument,
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="A file or hf:ORG/NAME; several as PART=FILE.", show_default=False)
    ],
    text: Annotated[str, typer.Option("--text", help="The column of texts.")] = "text",
    label: Annotated[str, typer.Option("--label", help="The column of labels; empty for none.")] = "label",
    numbers: Annotated[bool, typer.Option("--numbers", help="Labels are numbers to predict.")] = False,
    clean: Annotated[bool, typer.Option("--clean", help="Unify texts; drop empty, doubled and contradictory ones; report it.")] = False,
    near: NearOption = 1.0,
    unleak: Annotated[bool, typer.Option("--drop-leaks", help="Drop from each part what a later part holds too.")] = False,
    stage: Annotated[_Stage, typer.Option("--stage", help="What the data is for.")] = _Stage.TRAINING,
    alias: AliasOption = None,
    parent: ParentOption = None,
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """Read data, check it and make it a version of the hub."""
    from metagpt.hub.data import CleaningRules, Preparation, load_data, prepare, push_data

    parts = _parts(sources)
    loaded = {part: load_data(source, text=text, label=label or None, numbers=numbers, name=part) for part, source in parts.items()}
    done = prepare(loaded, Preparation(cleaning=CleaningRules(near=near) if clean else None, drop_leaks=unleak, near=near))
    for leak in done.dropped:
        print(f"dropped: {visible(str(leak))}", file=sys.stderr)
    single = next(iter(done.parts.values())) if len(done.parts) == 1 else None
    opened = open_hub(path)
    entry = push_data(opened, name, single or done.parts, stage=stage.value, parents=parent or (), report=done.cleaning, alias=alias)
    _tell(opened, entry, "added", json=json)
    if done.cleaning is not None and not json:
        print(visible(done.cleaning.to_markdown()), end="")


def _parts(sources: list[str]) -> dict[str, str]:
    named = {}
    for source in sources:
        part, equals, rest = source.partition("=")
        if len(sources) > 1 and not (equals and part.isidentifier() and rest):
            raise LabError(f"data add: found {source!r} among several sources; expected PART=FILE, such as train=train.csv. Name the part.")
        named[part if equals and part.isidentifier() else "all"] = rest if equals and part.isidentifier() else source
    if len(named) < len(sources):
        raise LabError(f"data add: found a part twice in {', '.join(sources)}; expected each once. Rename one.")
    return named


def _tell(hub: ModelHub, entry: Entry, what: str, *, json: bool) -> None:
    card = hub.card(entry)
    print(jsonlib.dumps(entry_values(hub, entry, card)) if json else f"{what} {entry.reference}: {card.summary}")


@data.command("list")
def list_data(path: HubOption = None, json: JsonOption = False) -> None:
    """List the sets of the hub."""
    opened = open_hub(path)
    print_entries(opened, opened.list("dataset"), json=json)


@data.command()
def show(
    reference: ReferenceArgument,
    examples: Annotated[int, typer.Option("--examples", metavar="N", help="How many examples of each part to print.")] = 3,
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """Show a set: its parts, classes and first examples."""
    opened, splits = _open(reference, path)
    if json:
        shown = {
            part: {"examples": len(each), "digest": each.digest, "first": [example.as_json() for example in each[:examples]]}
            for part, each in splits.items()
        }
        print(jsonlib.dumps({"reference": opened.get(reference).reference, "parts": shown}, ensure_ascii=False))
        return
    print(visible(opened.card(reference).text.strip()))
    for part, each in splits.items():
        for example in each[:examples]:
            print(f"[{part}] {example.label}: {visible(example.text)}")


@data.command()
def split(
    reference: ReferenceArgument,
    share: Annotated[list[str] | None, typer.Option("--share", metavar="PART=SHARE", show_default=False, help="May be repeated.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the order.")] = 0,
    stratify: Annotated[bool, typer.Option(help="Keep each class's share in every part.")] = True,
    group: GroupOption = None,
    name: Annotated[
        str | None, typer.Option("--name", show_default=False, help="Of the new set; a new version of the old if left out.")
    ] = None,
    alias: AliasOption = None,
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """Part a set into train, validation and test, or as the shares say; equal seeds give equal parts."""
    from metagpt.hub.data import load_data, push_data
    from metagpt.hub.data import split as split_data

    shares = _shares(share or ["train=0.8", "validation=0.1", "test=0.1"])
    opened = open_hub(path)
    entry = opened.get(reference)
    whole = load_data(f"hub:{entry.reference}", hub=opened)
    parts = split_data(whole, shares, seed=seed, stratify=stratify, group=group)
    _tell(opened, push_data(opened, name or entry.name, parts, parents=(entry.reference,), alias=alias), "split", json=json)


def _shares(given: list[str]) -> dict[str, float]:
    shares = {}
    for text in given:
        part, _, number = text.partition("=")
        try:
            shares[part] = float(number)
        except ValueError as error:
            raise LabError(f"--share: found {text!r}; expected PART=SHARE, such as train=0.8. Write both halves.") from error
    return shares


@data.command()
def verify(
    reference: Annotated[str | None, typer.Argument(metavar="[REF]", help="One set; all if left out.", show_default=False)] = None,
    near: NearOption = 1.0,
    group: GroupOption = None,
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """Check bytes, classes, and that no text stands in two parts; exit status 1 where something is wrong."""
    from metagpt.hub.data import check_splits, load_splits

    opened = open_hub(path)
    entries = opened.list("dataset") if reference is None else [opened.get(reference)]
    faults = 0
    for entry in entries:
        findings = [str(finding) for finding in opened.verify(entry.reference)]
        if not findings:
            try:
                splits = load_splits(f"hub:{entry.reference}", hub=opened)
                if len(splits) > 1:
                    check_splits(splits, near=near, group=group)
            except LabError as error:
                findings = [str(error)]
        faults += len(findings)
        if json:
            print(jsonlib.dumps({"reference": entry.reference, "findings": findings}))
        else:
            print("\n".join(visible(finding) for finding in findings) or f"{entry.reference}: nothing is wrong")
    if faults:
        raise typer.Exit(FAILURE)


@data.command()
def lineage(reference: ReferenceArgument, path: HubOption = None, json: JsonOption = False) -> None:
    """Draw what a set was made from and what was made from it, as Mermaid."""
    opened = open_hub(path)
    if json:
        print(jsonlib.dumps(lineage_values(opened.lineage(reference))))
        return
    print(opened.diagram("mermaid", reference), end="")


def _open(reference: str, path: Path | None) -> tuple[ModelHub, Splits]:
    from metagpt.hub.data import load_splits

    opened = open_hub(path)
    return opened, load_splits(f"hub:{opened.get(reference).reference}", hub=opened)
