"""Pictures of a team's graph: Mermaid for Markdown, DOT for graphviz, SVG drawn here.

All three show messages as rounded nodes and handlers as boxes of their role; start and final messages are marked, and the
edges of a fan-out (one message per item) are thick.
"""

from __future__ import annotations

import html
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

from metagpt.errors import ConfigError, did_you_mean
from metagpt.layered import Layout, Point, lay_out

if TYPE_CHECKING:
    import networkx

__all__ = ["FORMATS", "draw"]

FORMATS = ("mermaid", "dot", "svg")

_FORM_NOTES = {"join": "joins", "gather": "gathers"}


def draw(graph: networkx.DiGraph[str], format: Literal["mermaid", "dot", "svg"] = "mermaid") -> str:
    """The graph of `Team.graph` as text in that format.

    Raises:
        ConfigError: there is no such format.
    """
    drawers = {"mermaid": _mermaid, "dot": _dot, "svg": _svg}
    if format not in drawers:
        raise ConfigError(f"draw: found format {format!r}; expected one of {', '.join(FORMATS)}. {did_you_mean(format, FORMATS)}")
    return drawers[format](graph)


def _roles(graph: networkx.DiGraph[str]) -> dict[str, list[str]]:
    """The handlers' keys by role, in the team's order."""
    roles: dict[str, list[str]] = defaultdict(list)
    for key, about in graph.nodes(data=True):
        if about["kind"] == "handler":
            roles[about["role"]].append(key)
    return roles


def _messages(graph: networkx.DiGraph[str]) -> list[str]:
    return [name for name, about in graph.nodes(data=True) if about["kind"] == "message"]


def _handler_label(graph: networkx.DiGraph[str], key: str) -> str:
    """The handler's own name, and how it hears where that is special."""
    about = graph.nodes[key]
    name = key.removeprefix(about["role"] + ".")
    note = _FORM_NOTES.get(about.get("form", "one"))
    return f"{name} ({note})" if note else name


def _mark(graph: networkx.DiGraph[str], message: str) -> str:
    """`start`, `final`, both or nothing."""
    about = graph.nodes[message]
    return " and ".join(word for word in ("start", "final") if about.get(word))


def _printable(text: str) -> str:
    return "".join(" " if unicodedata.category(char) in ("Cc", "Cs") else char for char in text)


# Mermaid


def _mermaid(graph: networkx.DiGraph[str]) -> str:
    ids = {node: f"n{index}" for index, node in enumerate(graph.nodes)}
    lines = ["flowchart TD"]
    for message in _messages(graph):
        mark = _mark(graph, message)
        label = f"{message} · {mark}" if mark else message
        kind = "final" if graph.nodes[message].get("final") else "start" if graph.nodes[message].get("start") else "message"
        lines.append(f"    {ids[message]}([{_mermaid_text(label)}]):::{kind}")
    for index, (role, keys) in enumerate(_roles(graph).items()):
        lines.append(f"    subgraph r{index}[{_mermaid_text(role)}]")
        lines += [f"        {ids[key]}[{_mermaid_text(_handler_label(graph, key))}]:::handler" for key in keys]
        lines.append("    end")
    for said, heard, about in graph.edges(data=True):
        arrow = '== "each" ==>' if about.get("fan_out") else "-->"
        lines.append(f"    {ids[said]} {arrow} {ids[heard]}")
    lines += [
        "    classDef message fill:#eef2ff,stroke:#6366f1,color:#1e1b4b",
        "    classDef start fill:#dcfce7,stroke:#16a34a,stroke-width:2px,color:#14532d",
        "    classDef final fill:#fef3c7,stroke:#d97706,stroke-width:3px,color:#451a03",
        "    classDef handler fill:#f8fafc,stroke:#64748b,color:#0f172a",
    ]
    return "\n".join(lines) + "\n"


def _mermaid_text(text: str) -> str:
    escaped = html.escape(_printable(text), quote=False).replace('"', "#quot;").replace("`", "#96;")
    return f'"{escaped}"'


# DOT


def _dot(graph: networkx.DiGraph[str]) -> str:
    lines = [
        "digraph team {",
        '    graph [rankdir=TB, fontname="Helvetica", bgcolor="transparent"];',
        '    node [fontname="Helvetica", fontsize=11, style=filled];',
        '    edge [color="#7c8798"];',
    ]
    for message in _messages(graph):
        mark = _mark(graph, message)
        label = _dot_text(message, mark)
        fill, stroke = _message_colors(graph, message)
        rings = 2 if graph.nodes[message].get("final") else 1
        style = f'style="filled,rounded", shape=box, fillcolor="{fill}", color="{stroke}", peripheries={rings}'
        lines.append(f"    {_dot_text(message)} [label={label}, {style}];")
    for index, (role, keys) in enumerate(_roles(graph).items()):
        fill, stroke = _COLORS[index % len(_COLORS)]
        lines += [f"    subgraph cluster_{index} {{", f'        label={_dot_text(role)}; color="{stroke}"; fontcolor="{stroke}";']
        for key in keys:
            label = _dot_text(_handler_label(graph, key))
            lines.append(f'        {_dot_text(key)} [label={label}, shape=box, fillcolor="{fill}", color="{stroke}"];')
        lines.append("    }")
    for said, heard, about in graph.edges(data=True):
        style = ' [penwidth=3, label="each"]' if about.get("fan_out") else ""
        lines.append(f"    {_dot_text(said)} -> {_dot_text(heard)}{style};")
    return "\n".join([*lines, "}"]) + "\n"


def _dot_text(*lines: str) -> str:
    escaped = [_printable(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines if line]
    return '"' + "\\n".join(escaped) + '"'


# SVG

_COLORS = (
    ("#dbeafe", "#2563eb"), ("#fce7f3", "#db2777"), ("#ccfbf1", "#0d9488"), ("#ede9fe", "#7c3aed"),
    ("#ffedd5", "#ea580c"), ("#ecfccb", "#65a30d"), ("#cffafe", "#0891b2"), ("#fee2e2", "#dc2626"),
)  # fmt: skip
"""(fill, stroke) of roles, in turn; every fill carries dark text, so that the page behind may be light or dark."""
_INK, _LINE, _QUIET = "#0f172a", "#7c8798", "#808b9c"
_FONT = "ui-sans-serif, system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', Helvetica, Arial, sans-serif"
_MARGIN = 20.0
_LEGEND_HEIGHT = 40.0
_LEGEND = (("", "2", "passes on"), ("", "4", "one for each item"), ("5 4", "2", "back to an earlier step"))
"""(dashes, width, words) of the edges explained below the picture."""


def _message_colors(graph: networkx.DiGraph[str], message: str) -> tuple[str, str]:
    about = graph.nodes[message]
    if about.get("final"):
        return "#fef3c7", "#d97706"
    return ("#dcfce7", "#16a34a") if about.get("start") else ("#f1f5f9", "#64748b")


def _svg(graph: networkx.DiGraph[str]) -> str:
    from_start = sorted(graph.nodes, key=lambda node: not graph.nodes[node].get("start"))  # stable: the rest keeps its order
    sizes = {node: _size(graph, node) for node in from_start}
    layout = lay_out(sizes, list(graph.edges))
    shapes = [*_edges(graph, layout), *_boxes(graph, layout, sizes)]
    width = max(layout.width, _legend_width()) + 2 * _MARGIN
    height = layout.height + 2 * _MARGIN + _LEGEND_HEIGHT
    shift = (width - layout.width) / 2
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
            f' viewBox="0 0 {width:.0f} {height:.0f}" role="img" font-family="{_FONT}" font-size="13">',
            "<title>The team as a graph of messages and handlers</title>",
            "<defs>",
            *_arrow_head("head", 7.0),
            *_arrow_head("heavy", 4.0),
            "</defs>",
            f'<g transform="translate({shift:.1f} {_MARGIN:.1f})">',
            *shapes,
            "</g>",
            *_legend(width, layout.height + 2 * _MARGIN + _LEGEND_HEIGHT / 2 - 8),
            "</svg>",
            "",
        ]
    )


def _arrow_head(name: str, size: float) -> Iterator[str]:
    yield f'<marker id="{name}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="{size}" markerHeight="{size}" orient="auto">'
    yield f'<path d="M 0 1 L 10 5 L 0 9 z" fill="{_LINE}"/></marker>'


def _text_width(text: str, size: float = 13.0) -> float:
    """About what a proportional font takes; wide characters count double."""
    return sum(size * (1.0 if unicodedata.east_asian_width(char) in "WF" else 0.62) for char in text)


def _size(graph: networkx.DiGraph[str], node: str) -> tuple[float, float]:
    about = graph.nodes[node]
    if about["kind"] == "message":
        return max(_text_width(node), _text_width(_mark(graph, node), 10.0)) + 34.0, 42.0 if _mark(graph, node) else 32.0
    return max(_text_width(_handler_label(graph, node)), _text_width(about["role"], 11.0)) + 28.0, 44.0


def _edges(graph: networkx.DiGraph[str], layout: Layout) -> Iterator[str]:
    for said, heard, about in graph.edges(data=True):
        if (said, heard) not in layout.routes:
            continue
        heavy = bool(about.get("fan_out"))
        dashes = ' stroke-dasharray="5 4"' if (said, heard) in layout.back else ""
        head = "heavy" if heavy else "head"
        path = _curve(layout.routes[said, heard])
        width = 3.6 if heavy else 1.6
        yield f'<path d="{path}" fill="none" stroke="{_LINE}" stroke-width="{width}"{dashes} marker-end="url(#{head})"/>'


def _curve(points: tuple[Point, ...]) -> str:
    """Smooth and upright at every point."""
    path = [f"M {points[0][0]:.1f} {points[0][1]:.1f}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = (y0 + y1) / 2
        path.append(f"C {x0:.1f} {middle:.1f} {x1:.1f} {middle:.1f} {x1:.1f} {y1:.1f}")
    return " ".join(path)


def _boxes(graph: networkx.DiGraph[str], layout: Layout, sizes: dict[str, tuple[float, float]]) -> Iterator[str]:
    colors = {role: _COLORS[index % len(_COLORS)] for index, role in enumerate(_roles(graph))}
    for node, about in graph.nodes(data=True):
        (x, y), (width, height) = layout.centers[node], sizes[node]
        if about["kind"] == "message":
            mark = _mark(graph, node)
            fill, stroke = _message_colors(graph, node)
            yield _box(x, y, width, height, radius=height / 2, fill=fill, stroke=stroke)
            if about.get("final"):
                yield _box(x, y, width + 7, height + 7, radius=(height + 7) / 2, fill="none", stroke=stroke)
            yield _text(x, y - 3 if mark else y, node)
            if mark:
                yield _text(x, y + 11, mark, size=10, color=stroke if about.get("start") else "#92400e")
        else:
            fill, stroke = colors[about["role"]]
            yield _box(x, y, width, height, radius=5, fill=fill, stroke=stroke)
            yield _text(x, y - 9, about["role"], size=11, color=stroke, weight="600")
            yield _text(x, y + 9, _handler_label(graph, node))


def _box(x: float, y: float, width: float, height: float, *, radius: float, fill: str, stroke: str) -> str:
    return (
        f'<rect x="{x - width / 2:.1f}" y="{y - height / 2:.1f}" width="{width:.1f}" height="{height:.1f}"'
        f' rx="{radius:.1f}" fill="{fill}" stroke="{stroke}" stroke-width="1.5"/>'
    )


def _text(x: float, y: float, text: str, *, size: int = 13, color: str = _INK, weight: str = "400", anchor: str = "middle") -> str:
    style = f'fill="{color}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}" dy="0.35em"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style}>{html.escape(_printable(text))}</text>'


def _legend_width() -> float:
    return sum(36 + _text_width(words, 10.0) + 20 for _, _, words in _LEGEND)


def _legend(width: float, y: float) -> Iterator[str]:
    x = (width - _legend_width()) / 2 + 9
    for dashes, thickness, words in _LEGEND:
        dash = f' stroke-dasharray="{dashes}"' if dashes else ""
        yield f'<path d="M {x:.1f} {y:.1f} h 28" stroke="{_LINE}" stroke-width="{thickness}"{dash}/>'
        yield _text(x + 36, y, words, size=11, color=_QUIET, anchor="start")
        x += 36 + _text_width(words, 10.0) + 20
