"""An entry and a lineage as JSON values, as the command line and the lab tell of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import networkx

    from metagpt.hub.card import Card
    from metagpt.hub.entry import Entry
    from metagpt.hub.hub import ModelHub

__all__ = ["entry_values", "lineage_values"]


def entry_values(hub: ModelHub, entry: Entry, card: Card) -> dict[str, Any]:
    """An entry for programs."""
    aliases = sorted(alias for alias, version in hub.aliases(entry.name).items() if version == entry.version)
    return {
        "reference": entry.reference,
        "name": entry.name,
        "version": entry.version,
        "kind": entry.kind,
        "aliases": aliases,
        "built_in": entry.folder is not None,
        "created": entry.created,
        "size_bytes": entry.size_bytes,
        "parameters": entry.parameters,
        "parents": list(entry.parents),
        "task": card.task,
        "summary": card.summary,
    }


def lineage_values(graph: networkx.DiGraph[str]) -> dict[str, Any]:
    """A lineage for programs: its nodes with what is known of each, and its edges."""
    nodes = [{"id": node, **about} for node, about in graph.nodes(data=True)]
    return {"nodes": nodes, "edges": [list(edge) for edge in graph.edges]}
