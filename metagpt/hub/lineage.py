"""Lineage: what was made from what, as a graph from runs over datasets and models to the runs that they answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metagpt.hub.entry import Entry

if TYPE_CHECKING:
    import networkx

    from metagpt.hub.hub import ModelHub

__all__ = ["lineage"]


def lineage(hub: ModelHub, entry: Entry | None = None) -> networkx.DiGraph[str]:
    """The graph; an edge leads from what was used to what it was used for.

    Nodes carry `kind`: that of the entry, `run`, or `source` for what stands outside the hub; `aliases`; `removed`.

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
    return graph.subgraph(near).copy()


def _add_outside(graph: networkx.DiGraph[str], name: str) -> None:
    if name not in graph:
        graph.add_node(name, kind="run" if name.startswith("run:") else "source", aliases=[], removed=False)
