"""A composition as a tree of references, written as JSON or TOML: how it is kept in the hub and made again.

A node is a reference (`"news@3"`), or a table with `kind`: `sequential`, `vote`, `mean` or `stacking` over a list `members`, or
`parallel` over a table of them; `weights` may stand in `vote` and `mean`. Members are nodes again, so that kinds nest.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.errors import HubError, did_you_mean
from metagpt.hub.card import Card, lay_over
from metagpt.hub.composition.ensembles import Mean, Stacking, Vote
from metagpt.hub.composition.predictor import Predictor
from metagpt.hub.composition.softmax_regression import SoftmaxRegression
from metagpt.hub.composition.structures import Parallel, Sequential
from metagpt.hub.entry import Entry

if TYPE_CHECKING:
    from metagpt.hub.hub import ModelHub

__all__ = [
    "FILE_NAME",
    "Composition",
    "Member",
    "compose",
    "open_composition",
    "parse_composition",
    "prepare_composition",
    "read_composition",
]

FILE_NAME = "composition.json"
_KINDS = ("sequential", "parallel", "vote", "mean", "stacking")


@dataclass(frozen=True, slots=True)
class Member:
    """A version of the hub as a part of a composition."""

    reference: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Composition:
    """A node with members."""

    kind: str
    """sequential, parallel, vote, mean or stacking."""
    members: tuple[Member | Composition, ...]
    names: tuple[str, ...] = ()
    """Of a parallel one: the members' names, in the same order."""
    weights: tuple[float, ...] | None = None
    final: SoftmaxRegression | None = None
    """Of a fitted stacking: what weighs the members."""

    def references(self) -> list[str]:
        """Those of all members, nested ones too, each once."""
        found = [[each.reference] if isinstance(each, Member) else each.references() for each in self.members]
        return list(dict.fromkeys(reference for group in found for reference in group))

    def build(self, load: Callable[[str], Predictor]) -> Predictor:
        """The predictor, its members loaded."""
        members: Any = [load(each.reference) if isinstance(each, Member) else each.build(load) for each in self.members]
        match self.kind:
            case "sequential":
                return Sequential(members)
            case "parallel":
                return Parallel(dict(zip(self.names, members, strict=True)))
            case "vote":
                return Vote(members, self.weights)
            case "mean":
                return Mean(members, self.weights)
            case _:
                return Stacking(members, self.final)

    def pinned(self, pin: Callable[[str], str]) -> Composition:
        """The same with every reference as `NAME@VERSION`."""
        pinned = tuple(Member(pin(each.reference)) if isinstance(each, Member) else each.pinned(pin) for each in self.members)
        return replace(self, members=pinned)

    def fitted(self, load: Callable[[str], Predictor], inputs: Any, labels: Any) -> Composition:
        """The same with every stacking fitted, the innermost first."""
        inner = tuple(each if isinstance(each, Member) else each.fitted(load, inputs, labels) for each in self.members)
        made = replace(self, members=inner)
        if self.kind != "stacking":
            return made
        stacking = made.build(load)
        assert isinstance(stacking, Stacking)
        return replace(made, final=stacking.fit(inputs, labels).final)

    def fitted_final(self) -> SoftmaxRegression:
        """What a stacking learned.

        Raises:
            HubError: it is not fitted.
        """
        if self.final is None:
            raise HubError("composition: found a stacking that is not fitted; expected held-out examples to fit it on. Pass examples=.")
        return self.final

    def stackings(self) -> Iterator[Composition]:
        """Every stacking in the tree, itself before its members."""
        if self.kind == "stacking":
            yield self
        for each in self.members:
            if isinstance(each, Composition):
                yield from each.stackings()

    def save(self, folder: Path) -> None:
        """Write composition.json, and a safetensors file for each stacking."""
        for number, each in enumerate(self.stackings()):
            each.fitted_final().save(folder / f"stacking-{number}.safetensors")
        (folder / FILE_NAME).write_text(json.dumps(_to_json(self), indent=1) + "\n", encoding="utf-8")

    def __str__(self) -> str:
        parts = [each.reference if isinstance(each, Member) else str(each) for each in self.members]
        parts = [f"{name}={part}" for name, part in zip(self.names, parts, strict=True)] if self.names else parts
        return f"{self.kind}({', '.join(parts)})"


def compose(
    hub: ModelHub,
    name: str,
    recipe: Mapping[str, Any] | Composition,
    *,
    examples: tuple[Any, Any] | None = None,
    card: Card | None = None,
    alias: str | None = None,
) -> Entry:
    """Make a composition a version of the hub; its members are pinned to the versions they stand for now.

    Args:
        hub: Holds the members, and the composition from now on.
        name: Of the composition.
        recipe: The tree; see the top of this module.
        examples: (inputs, labels) that no member was trained on; needed where a stacking is in the tree.
        card: Its filled fields replace those that are made from the members.
        alias: Given to it at once.

    Raises:
        HubError: a recipe that cannot be, a member that is not there, or a stacking without examples.
    """
    tree = prepare_composition(hub, recipe, examples=examples)
    made = Card(summary=f"A composition: {tree}.", task=_common_task(hub, tree), tags=("composition", tree.kind))
    said = made if card is None else lay_over(card, made)
    return hub.push(tree, name, card=said, parents=tree.references(), alias=alias)


def prepare_composition(hub: ModelHub, recipe: Mapping[str, Any] | Composition, *, examples: tuple[Any, Any] | None = None) -> Composition:
    """The tree that `compose` pushes, to be tried before: its members pinned, its stackings fitted on the examples if there are any.

    Raises:
        HubError: as for `compose`.
    """
    tree = recipe if isinstance(recipe, Composition) else parse_composition(recipe)
    tree = tree.pinned(lambda reference: hub.get(reference).reference)
    if examples is not None and any(True for _ in tree.stackings()):
        tree = tree.fitted(hub.load, *examples)
    for each in tree.stackings():
        each.fitted_final()
    return tree


def read_composition(file: Path) -> dict[str, Any]:
    """The values of a tree in a TOML file.

    Raises:
        HubError: the file does not read.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HubError(f"{file}: found no TOML that reads ({error}); expected kind and members. Mend the file.") from error


def open_composition(folder: Path, load: Callable[[str], Predictor]) -> Predictor:
    """The predictor that a composition's folder describes."""
    try:
        values = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise HubError(f"{folder / FILE_NAME}: found no composition ({error}); expected JSON. Push it again.") from error
    return _with_finals(parse_composition(values), folder).build(load)


def parse_composition(values: Mapping[str, Any], where: str = "composition") -> Composition:
    """The tree that JSON or TOML values describe.

    Raises:
        HubError: an unknown kind or key, or members of the wrong form; the place is named.
    """
    kind = values.get("kind")
    if kind not in _KINDS:
        raise HubError(f"{where}: found kind {kind!r}; expected one of {', '.join(_KINDS)}. {did_you_mean(str(kind), _KINDS)}")
    allowed = {"kind", "members"} | ({"weights"} if kind in ("vote", "mean") else set())
    odd = sorted(set(values) - allowed)
    if odd:
        raise HubError(f"{where}: found {odd[0]!r} in a {kind}; expected {', '.join(sorted(allowed))} alone. Remove it.")
    members = values.get("members")
    if not isinstance(members, dict if kind == "parallel" else list) or not members:
        form = "a table of members by name" if kind == "parallel" else "a list of members"
        raise HubError(f"{where}: found members {members!r} in a {kind}; expected {form}. Correct it.")
    named = members if isinstance(members, dict) else dict(enumerate(members))
    weights = values.get("weights")
    return Composition(
        kind=kind,
        members=tuple(_parse_member(each, f"{where}.{key}") for key, each in named.items()),
        names=tuple(map(str, named)) if kind == "parallel" else (),
        weights=None if weights is None else tuple(float(weight) for weight in weights),
    )


def _parse_member(value: Any, where: str) -> Member | Composition:
    if isinstance(value, str):
        return Member(value)
    if isinstance(value, dict):
        return Member(str(value["ref"])) if set(value) == {"ref"} else parse_composition(value, where)
    raise HubError(f"{where}: found {value!r}; expected a reference such as 'news@3', or a table with a kind. Correct it.")


def _to_json(tree: Composition) -> dict[str, Any]:
    parts = [each.reference if isinstance(each, Member) else _to_json(each) for each in tree.members]
    values: dict[str, Any] = {"kind": tree.kind, "members": dict(zip(tree.names, parts, strict=True)) if tree.names else parts}
    return values if tree.weights is None else {**values, "weights": list(tree.weights)}


def _with_finals(tree: Composition, folder: Path) -> Composition:
    """The tree with what its stackings learned; the files are numbered in the order of `stackings`."""
    numbers = iter(range(len(list(tree.stackings()))))

    def filled(node: Member | Composition) -> Member | Composition:
        if isinstance(node, Member):
            return node
        final = SoftmaxRegression.load(folder / f"stacking-{next(numbers)}.safetensors") if node.kind == "stacking" else None
        return replace(node, final=final, members=tuple(filled(each) for each in node.members))

    made = filled(tree)
    assert isinstance(made, Composition)
    return made


def _common_task(hub: ModelHub, tree: Composition) -> str | None:
    """The task that all members are for; None where they differ."""
    tasks = {hub.card(reference).task for reference in tree.references()}
    return tasks.pop() if len(tasks) == 1 else None
