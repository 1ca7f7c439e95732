"""`metagpt hub`: models, adapters, datasets and compositions in versions."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from metagpt.cli.hub_options import (
    AliasOption,
    HubOption,
    NameArgument,
    ParentOption,
    ReferenceArgument,
    entry_values,
    lineage_values,
    megabytes,
    open_hub,
    print_entries,
)
from metagpt.cli.options import JsonOption
from metagpt.cli.statuses import FAILURE
from metagpt.cli.wording import visible
from metagpt.errors import HubError

__all__ = ["hub"]

hub = typer.Typer(no_args_is_help=True, help="Models, adapters, datasets and compositions in versions.")


class _Kind(StrEnum):
    MODEL = "model"
    ADAPTER = "adapter"
    DATASET = "dataset"
    COMPOSITION = "composition"


class _Format(StrEnum):
    MERMAID = "mermaid"
    SVG = "svg"


@hub.command("list")
def list_entries(
    kind: Annotated[_Kind | None, typer.Option("--kind", show_default=False, help="Only entries of this kind.")] = None,
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """List the newest version of every name."""
    opened = open_hub(path)
    print_entries(opened, opened.list(None if kind is None else kind.value), json=json)


@hub.command()
def show(reference: ReferenceArgument, path: HubOption = None, json: JsonOption = False) -> None:
    """Show an entry: its card, files, versions and aliases."""
    from metagpt.hub.lineage import stated_training

    opened = open_hub(path)
    entry = opened.get(reference)
    card = opened.card(entry)
    values = entry_values(opened, entry, card)
    versions = [each.version for each in opened.versions(entry.name)]
    files = {inside: {"sha256": blob.sha256, "size_bytes": blob.size_bytes} for inside, blob in entry.files.items()}
    aliases = opened.aliases(entry.name)
    if json:
        print(jsonlib.dumps({**values, "versions": versions, "all_aliases": aliases, "files": files, "card": card.text}, default=str))
        return
    print(f"{entry.reference}: {entry.kind}, {megabytes(values)}" + (f", {entry.parameters:,} parameters" if entry.parameters else ""))
    for title, told in (
        ("summary", card.summary),
        ("task", ", ".join(dict.fromkeys([*([card.task] if card.task else []), *card.tasks]))),
        ("language", ", ".join(card.languages)),
        ("license", card.license or ""),
        ("scores", ", ".join(f"{name} {score:.4g}" for name, score in card.metrics.items())),
        ("made from", ", ".join(entry.parents)),
        ("data", ", ".join(card.datasets)),
        ("training", ", ".join(f"{name} {value}" for name, value in stated_training(card).items() if not isinstance(value, dict))),
        ("versions", ", ".join(map(str, versions))),
        ("aliases", ", ".join(f"{alias} = {version}" for alias, version in aliases.items())),
        ("folder", str(entry.folder or "")),
    ):
        if told:
            print(f"{title}: {visible(told)}")
    for inside, blob in entry.files.items():
        print(f"  {blob.sha256[:12]}  {blob.size_bytes:>12,}  {visible(inside)}")


@hub.command()
def push(
    name: NameArgument,
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="A folder, or hf:ORG/NAME[@REVISION].", show_default=False)],
    alias: AliasOption = None,
    parent: ParentOption = None,
    summary: Annotated[str, typer.Option("--summary", show_default=False, help="What it is, for the card.")] = "",
    task: Annotated[str | None, typer.Option("--task", show_default=False, help="What it is for: text-classification, …")] = None,
    language: Annotated[list[str] | None, typer.Option("--language", show_default=False, help="en, de, …; may be repeated.")] = None,
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """Add a version from a folder or from a model hub; weights as safetensors only."""
    from metagpt.hub.card import Card

    opened = open_hub(path)
    card = Card(summary=summary, task=task, languages=tuple(language or ()))
    said = card if card != Card() else None
    entry = opened.push(source, name, alias=alias, parents=parent or (), card=said)
    print(jsonlib.dumps(entry_values(opened, entry, opened.card(entry))) if json else f"pushed {entry.reference}")


@hub.command()
def pull(
    reference: ReferenceArgument,
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A new folder, or hf:ORG/NAME.", show_default=False)],
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """Copy an entry into a folder that Hugging Face libraries take, or to a model hub; every byte is checked."""
    opened = open_hub(path)
    pinned = opened.get(reference).reference
    where = str(opened.pull(pinned, target))
    print(jsonlib.dumps({"reference": pinned, "target": where}) if json else where)


@hub.command()
def tag(
    reference: ReferenceArgument,
    alias: Annotated[str, typer.Argument(metavar="ALIAS", show_default=False)],
    remove: Annotated[bool, typer.Option("--remove", help="Give the alias up.")] = False,
    back: Annotated[bool, typer.Option("--back", help="Give it to the version that had it before.")] = False,
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """Let an alias such as production stand for a version."""
    opened = open_hub(path)
    if remove and back:
        raise HubError("hub tag: found --remove and --back; expected one of them. Leave one out.")
    if remove:
        opened.untag(reference, alias)
        print(jsonlib.dumps({"name": reference, "alias": alias, "version": None}) if json else f"{reference}@{alias} is no more")
        return
    entry = opened.rollback(reference, alias) if back else opened.tag(reference, alias)
    told = {"name": entry.name, "alias": alias, "version": entry.version}
    print(jsonlib.dumps(told) if json else f"{entry.name}@{alias} is version {entry.version}")


@hub.command()
def remove(reference: ReferenceArgument, path: HubOption = None, json: JsonOption = False) -> None:
    """Give up a version; `metagpt hub prune` then frees the disk."""
    removed = open_hub(path).remove(reference).reference
    print(jsonlib.dumps({"removed": removed}) if json else f"removed {removed}")


@hub.command()
def prune(path: HubOption = None, json: JsonOption = False) -> None:
    """Remove contents that no version holds, and what killed processes left."""
    pruned = open_hub(path).prune()
    if json:
        print(jsonlib.dumps(asdict(pruned)))
        return
    print(f"removed {pruned.contents} content(s), {pruned.size_bytes / 1e6:.1f} MB, and {pruned.unfinished} unfinished piece(s)")


@hub.command()
def verify(
    reference: Annotated[str | None, typer.Argument(metavar="[REF]", help="One entry; all if left out.", show_default=False)] = None,
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """Read every byte and compare it with what was pushed; exit status 1 where something differs or was taken away.

    Contents that no version holds are no fault: `metagpt hub prune` removes them.
    """
    opened = open_hub(path)
    findings = opened.verify(reference)
    for finding in findings:
        print(jsonlib.dumps({"where": finding.where, "what": finding.what}) if json else visible(str(finding)))
    if findings:
        raise typer.Exit(FAILURE)
    if not json:
        unheld = len(opened.unheld()) if reference is None else 0
        print("nothing differs" + (f"; {unheld} content(s) that no version holds: see metagpt hub prune" if unheld else ""))


@hub.command()
def select(
    text: Annotated[str, typer.Argument(metavar="TASK", help="What a model is wanted for, in a sentence.", show_default=False)],
    top: Annotated[int, typer.Option("--top", metavar="N", help="How many to name.")] = 3,
    task: Annotated[str | None, typer.Option("--task", show_default=False, help="Only models for it: text-classification, …")] = None,
    language: Annotated[str | None, typer.Option("--language", show_default=False, help="Only models that know it: en, de, …")] = None,
    max_mb: Annotated[float | None, typer.Option("--max-mb", metavar="MB", show_default=False, help="Only models up to this size.")] = None,
    device: Annotated[str | None, typer.Option("--device", show_default=False, help="Only models that run there: cpu, cuda, mps.")] = None,
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """Name the models whose cards are nearest to a task, and why."""
    from metagpt.hub.selection import TaskDescription

    most = None if max_mb is None else int(max_mb * 1e6)
    wanted = TaskDescription(text, task=task, language=language, max_size_bytes=most, device=device)
    for found in open_hub(path).select_models(wanted, top):
        if json:
            print(jsonlib.dumps(found.as_json()))
        else:
            print(f"{found.score:.3f}  {found.reference}\n       {visible(found.why)}")


@hub.command()
def compose(
    name: NameArgument,
    recipe: Annotated[
        Path | None, typer.Argument(metavar="[RECIPE.toml]", help="The tree; needed for nested ones.", show_default=False)
    ] = None,
    kind: Annotated[str | None, typer.Option("--kind", show_default=False, help="sequential, vote, mean or stacking.")] = None,
    member: Annotated[list[str] | None, typer.Option("--member", metavar="REF", show_default=False, help="May be repeated.")] = None,
    examples: Annotated[Path | None, typer.Option("--examples", metavar="FILE", show_default=False, help="For stacking: held out.")] = None,
    alias: AliasOption = None,
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """Make several models one entry: in sequence, side by side, or as an ensemble."""
    from metagpt.hub.composition import compose as compose_entries
    from metagpt.hub.composition import read_composition
    from metagpt.hub.data import load_data

    if (recipe is None) == (kind is None):
        raise HubError(
            "hub compose: found a recipe and --kind, or neither; expected one of them. Name RECIPE.toml, or --kind and --member."
        )
    tree: dict[str, Any] = {"kind": kind, "members": member or []} if recipe is None else read_composition(recipe)
    given = None if examples is None else load_data(examples)
    opened = open_hub(path)
    entry = compose_entries(opened, name, tree, examples=None if given is None else (given.texts, given.labels), alias=alias)
    card = opened.card(entry)
    print(jsonlib.dumps(entry_values(opened, entry, card)) if json else f"composed {entry.reference}: {card.summary}")


@hub.command()
def lineage(
    reference: Annotated[str | None, typer.Argument(metavar="[REF]", help="One entry's; all if left out.", show_default=False)] = None,
    format: Annotated[_Format, typer.Option("--format", help="Mermaid for Markdown, SVG to look at.")] = _Format.MERMAID,
    path: HubOption = None,
    json: JsonOption = False,
) -> None:
    """Draw what was made from what: run, dataset, model, run.

    For a picture to look at: metagpt hub lineage --format svg > lineage.svg
    """
    opened = open_hub(path)
    if json:
        print(jsonlib.dumps(lineage_values(opened.lineage(reference))))
        return
    print(opened.diagram(format.value, reference), end="")
