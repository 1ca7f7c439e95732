"""Lineage: what was made from what, as a graph from runs over datasets and models to the runs that they answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from metagpt.hub.card import Card
from metagpt.hub.entry import Entry

if TYPE_CHECKING:
    import networkx

    from metagpt.hub.hub import ModelHub

__all__ = ["DATASET", "TRAINING", "lineage", "stated_run", "stated_training"]

DATASET = "dataset:"
"""Begins the name of a set that stands outside the hub."""
TRAINING = "training"
"""The key of a card's front matter that says in which run a model was trained."""


def stated_training(card: Card) -> Mapping[str, Any]:
    """What the card says of how the model was trained: the run, its recipe, seed, steps and data; empty where it says nothing."""
    training = card.extra.get(TRAINING)
    return training if isinstance(training, dict) else {}


def stated_run(card: Card) -> tuple[str, list[str]] | None:
    """The run that the card says the model was trained in, and the sets that it says the run was fed; None where it says none."""
    run = stated_training(card).get("run")
    if not isinstance(run, str):
        return None
    return run, [f"{DATASET}{name}" for name in card.datasets]


def lineage(hub: ModelHub, entry: Entry | None = None) -> networkx.DiGraph[str]:
    """The graph; an edge leads from what was used to what it was used for.

    Nodes carry `kind`: that of the entry, `run`, or of what stands outside the hub `dataset` or `source`; `aliases`; `removed`.

    Args:
        hub: Its entries and runs.
        entry: Only what it was made from and what was made from it; all if left out.
    """
    import networkx

    graph: networkx.DiGraph[str] = networkx.DiGraph()
    for each in hub.entries():
        aliases = sorted(alias for alias, version in hub.aliases(each.name).items() if version == each.version)
        graph.add_node(each.reference, kind=each.kind, aliases=aliases, removed=each.removed)
    for each in hub.entries():
        for parent in each.parents:
            _add_outside(graph, parent)
            graph.add_edge(parent, each.reference)
    for run_id, used in hub.registry.runs().items():
        _add_outside(graph, f"run:{run_id}")
        for reference in used:
            _add_outside(graph, reference)
            graph.add_edge(reference, f"run:{run_id}")
    if entry is None:
        return graph
    near = {entry.reference} | networkx.ancestors(graph, entry.reference) | networkx.descendants(graph, entry.reference)
    graph.remove_nodes_from([node for node in graph if node not in near])
    return graph


def _add_outside(graph: networkx.DiGraph[str], name: str) -> None:
    if name not in graph:
        kind = "run" if name.startswith("run:") else "dataset" if name.startswith(DATASET) else "source"
        graph.add_node(name, kind=kind, aliases=[], removed=False)
