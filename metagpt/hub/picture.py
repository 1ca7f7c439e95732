"""Pictures of a lineage: Mermaid for Markdown, SVG to look at. Runs with the same neighbours are drawn as one."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from metagpt.errors import HubError, did_you_mean
from metagpt.layered import Layout, lay_out

if TYPE_CHECKING:
    import networkx

__all__ = ["FORMATS", "draw_lineage"]

FORMATS = ("mermaid", "svg")

_COLORS = {
    "run": ("#dcfce7", "#16a34a"),
    "dataset": ("#fef3c7", "#d97706"),
    "model": ("#dbeafe", "#2563eb"),
    "adapter": ("#ede9fe", "#7c3aed"),
    "composition": ("#ccfbf1", "#0d9488"),
    "source": ("#f1f5f9", "#64748b"),
}
"""(fill, stroke) of each kind; every fill carries dark text."""
_INK, _LINE = "#0f172a", "#7c8798"
_FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif"
_MARGIN = 20.0


def draw_lineage(graph: networkx.DiGraph[str], format: Literal["mermaid", "svg"] = "mermaid") -> str:
    """The graph of `ModelHub.lineage` as text in that format.

    Raises:
        HubError: there is no such format.
    """
    drawers = {"mermaid": _mermaid, "svg": _svg}
    if format not in drawers:
        raise HubError(f"lineage: found format {format!r}; expected one of {', '.join(FORMATS)}. {did_you_mean(format, FORMATS)}")
    return drawers[format](_grouped(graph))


def _grouped(graph: networkx.DiGraph[str]) -> networkx.DiGraph[str]:
    """Two and more runs between the same neighbours become one node that tells their number."""
    groups: dict[tuple[frozenset[str], frozenset[str]], list[str]] = defaultdict(list)
    for node, about in graph.nodes(data=True):
        if about["kind"] == "run":
            groups[frozenset(graph.predecessors(node)), frozenset(graph.successors(node))].append(node)
    drawn = graph.copy()
    for (before, after), runs in groups.items():
        if len(runs) > 1:
            drawn.remove_nodes_from(runs)
            name = f"{len(runs)} runs {min(runs).removeprefix('run:')} …"
            drawn.add_node(name, kind="run", aliases=[], removed=False)
            drawn.add_edges_from([*((node, name) for node in before), *((name, node) for node in after)])
    return drawn


def _second_line(about: dict[str, object]) -> str:
    words = [str(about["kind"]), *map(str, about["aliases"])]  # type: ignore[call-overload]  # a list of alias names
    return " · ".join([*words, *(["removed"] if about["removed"] else [])])


def _mermaid(graph: networkx.DiGraph[str]) -> str:
    ids = {node: f"n{index}" for index, node in enumerate(graph.nodes)}
    lines = ["flowchart TD"]
    for node, about in graph.nodes(data=True):
        label = f"{_escaped(node)}<br/>{_escaped(_second_line(about))}"
        box = f'(["{label}"])' if about["kind"] == "run" else f'["{label}"]'
        lines.append(f"    {ids[node]}{box}:::{about['kind']}")
    lines += [f"    {ids[a]} --> {ids[b]}" for a, b in graph.edges]
    lines += [f"    classDef {kind} fill:{fill},stroke:{stroke},color:{_INK}" for kind, (fill, stroke) in _COLORS.items()]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return html.escape(text, quote=False).replace('"', "#quot;").replace("`", "#96;")


def _svg(graph: networkx.DiGraph[str]) -> str:
    sizes = {node: (max(len(node), len(_second_line(about))) * 8.0 + 30.0, 44.0) for node, about in graph.nodes(data=True)}
    layout = lay_out(sizes, list(graph.edges))
    width, height = layout.width + 2 * _MARGIN, layout.height + 2 * _MARGIN
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
            f' viewBox="0 0 {width:.0f} {height:.0f}" role="img" font-family="{_FONT}" font-size="13">',
            "<title>What was made from what</title>",
            '<defs><marker id="head" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
            f'<path d="M 0 1 L 10 5 L 0 9 z" fill="{_LINE}"/></marker></defs>',
            f'<g transform="translate({_MARGIN:.1f} {_MARGIN:.1f})">',
            *_edges(layout),
            *_boxes(graph, layout, sizes),
            "</g>",
            "</svg>",
            "",
        ]
    )


def _edges(layout: Layout) -> Iterator[str]:
    for points in layout.routes.values():
        path = [f"M {points[0][0]:.1f} {points[0][1]:.1f}"]
        for (x0, y0), (x1, y1) in pairwise(points):
            middle = (y0 + y1) / 2
            path.append(f"C {x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}")
        yield f'<path d="{" ".join(path)}" fill="none" stroke="{_LINE}" stroke-width="1.6" marker-end="url(#head)"/>'


def _boxes(graph: networkx.DiGraph[str], layout: Layout, sizes: dict[str, tuple[float, float]]) -> Iterator[str]:
    for node, about in graph.nodes(data=True):
        (x, y), (width, height) = layout.centers[node], sizes[node]
        fill, stroke = _COLORS[about["kind"]]
        radius = height / 2 if about["kind"] == "run" else 5
        dashes = ' stroke-dasharray="5 4"' if about["removed"] else ""
        yield (
            f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}" rx="{radius:.1f}"'
            f' fill="{fill}" stroke="{stroke}" stroke-width="1.5"{dashes}/>'
        )
        yield _text(x, y - 8, node, _INK, 13)
        yield _text(x, y + 10, _second_line(about), stroke, 11)


def _text(x: float, y: float, text: str, color: str, size: int) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{color}" font-size="{size}" text-anchor="middle" dy="0.35em">{html.escape(text)}</text>'
