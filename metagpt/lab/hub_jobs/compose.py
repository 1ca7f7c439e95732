"""The job "compose": several models of the hub as one entry, tried on a set before it is pushed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from metagpt.hub import Card, ModelHub
from metagpt.hub.composition import Composition, compose, parse_composition, prepare_composition
from metagpt.hub.data import TextData, check_splits, load_data
from metagpt.lab.evaluation.evaluate import evaluate_model
from metagpt.lab.evaluation.predicting import answers_of
from metagpt.lab.hub_jobs.settings import HubJobSettings
from metagpt.lab.hub_jobs.steps import once
from metagpt.lab.jobs import RunFolder

__all__ = ["Settings", "run"]


class Settings(HubJobSettings):
    """The tree, as metagpt.hub.composition.recipe describes it, and the sets."""

    name: str = Field(description="Of the composition in the hub.")
    kind: str = Field(description="sequential, parallel, vote, mean or stacking.")
    members: list[Any] | dict[str, Any] = Field(
        description="References such as 'news@3', or tables with kind and members again; of a parallel one by name."
    )
    weights: list[float] | None = Field(None, description="Of the members of a vote or mean; equal if left out.")
    examples: str | None = Field(None, description="For stackings: a set that no member was trained on.")
    examples_split: str | None = Field(None, description="Which split of it, where it has several.")
    test: str | None = Field(None, description="A set to score the composition on before it is pushed.")
    test_split: str | None = Field(None, description="Which split of it, where it has several.")
    text: str = Field("text", description="The column of texts.")
    label: str = Field("label", description="The column of labels.")
    format: str | None = Field(None, description="csv, tsv, jsonl, parquet or conll, where the ending does not say it.")
    summary: str = Field("", description="What it is, for the card; told from the tree if left out.")
    alias: str | None = Field(None, description="Give the new version this alias.")

    @model_validator(mode="after")
    def _is_a_tree(self) -> Self:
        self.tree()
        return self

    def tree(self) -> Composition:
        """The tree, its members not looked up yet.

        Raises:
            HubError: an unknown kind, or members of the wrong form; the place is named.
        """
        said = {"kind": self.kind, "members": self.members}
        return parse_composition(said if self.weights is None else {**said, "weights": self.weights})


def run(settings: Settings, folder: RunFolder) -> Mapping[str, Any]:
    """Compose, score if a set is named, and push; a composition that fails on the set is not pushed.

    Returns:
        The reference, the tree with pinned members, and the scores; of a parallel one those of each branch.

    Raises:
        HubError: a member that is not there or cannot be loaded, or a stacking without examples.
        LabError: a set that does not read, sets that leak, or answers that do not belong to the labels.
    """
    hub = settings.open_hub()
    test = None if settings.test is None else _set(settings, hub, settings.test, settings.test_split)
    examples = None if settings.examples is None else _set(settings, hub, settings.examples, settings.examples_split)
    if examples is not None and test is not None:
        check_splits({"examples": examples, "test": test})
    tree = prepare_composition(hub, settings.tree(), examples=None if examples is None else (examples.texts, examples.labels))
    scores = {} if test is None else _scores(settings, tree, hub, test, folder)
    reference = once(folder, "pushed", lambda: _push(settings, tree, hub, scores))
    return {"reference": reference, "tree": str(tree), "members": tree.references(), **scores}


def _set(settings: Settings, hub: ModelHub, source: str, split: str | None) -> TextData:
    return load_data(
        source, text=settings.text, label=settings.label, split=split, hub=hub,
        format=settings.format,  # type: ignore[arg-type]  # load_data checks the word
    )  # fmt: skip


def _scores(settings: Settings, tree: Composition, hub: ModelHub, test: TextData, folder: RunFolder) -> dict[str, Any]:
    """Every measure; of a parallel composition in tables by branch, each with a report of its own."""
    scores: dict[str, Any] = {}
    for branch, said in _branches(answers_of(tree.build(hub.load), test)):
        title = f"{settings.name}{branch and f': {branch}'} on {test.name}"
        report = evaluate_model(said, test.labels, title=title, seed=settings.seed)
        where = folder.path / f"branch-{re.sub('[^A-Za-z0-9.-]', '_', branch)}" if branch else folder.path
        where.mkdir(exist_ok=True)
        report.save(where)
        scores |= {branch: report.json_values} if branch else report.json_values
    return {**scores, "examples": len(test)}


def _branches(said: list[Any], name: str = "") -> Iterator[tuple[str, list[Any]]]:
    """The answers; those of each branch where they are tables by name."""
    if not said or not isinstance(said[0], dict):
        yield name, said
        return
    for branch in said[0]:
        yield from _branches([each[branch] for each in said], f"{name}.{branch}" if name else str(branch))


def _push(settings: Settings, tree: Composition, hub: ModelHub, scores: Mapping[str, Any]) -> str:
    metrics = {name: value for name, value in scores.items() if isinstance(value, float)}
    card = Card(summary=settings.summary, metrics=metrics)
    return compose(hub, settings.name, tree, card=card, alias=settings.alias).reference
