"""A small layered layout: boxes in rows from top to bottom, edges that run down between them, few crossings.

Source: the steps of Sugiyama, Tagawa and Toda, 1981, "Methods for visual understanding of hierarchical system structures":
turn back edges round, put nodes into layers, order the layers, give coordinates. The coordinates of a layer are those
nearest to its neighbours that keep the order and the gaps (isotonic regression by pooling adjacent violators).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias

__all__ = ["Layout", "Point", "lay_out"]

Point: TypeAlias = tuple[float, float]
Edge: TypeAlias = tuple[str, str]
Node: TypeAlias = str | tuple[str, str, int]
"""A box, or the place where an edge passes through a layer."""

_GAP_X = 26.0
_GAP_Y = 46.0
_PASSAGE = 10.0
"""Width that an edge takes in the layers it passes through."""
_SWEEPS = 24


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is; y grows downwards."""

    width: float
    height: float
    centers: Mapping[str, Point]
    routes: Mapping[Edge, tuple[Point, ...]]
    """For each edge the points that it passes through, from its first node to its second."""
    back: frozenset[Edge]
    """The edges that run upwards."""


@dataclass(slots=True)
class _Rows:
    """The layers, with the passages of long edges in them."""

    rows: list[list[Node]]
    up: dict[Node, list[Node]] = field(default_factory=lambda: defaultdict(list))
    down: dict[Node, list[Node]] = field(default_factory=lambda: defaultdict(list))
    chains: dict[Edge, list[Node]] = field(default_factory=dict)
    """For each edge its nodes and passages, from top to bottom."""


def lay_out(sizes: Mapping[str, tuple[float, float]], edges: Sequence[Edge]) -> Layout:
    """Place boxes of these sizes (width, height) so that the edges between them can be followed.

    Args:
        sizes: Every box; the first ones come first where nothing else decides.
        edges: Pairs of boxes; loops from a box to itself are left out of the picture.
    """
    edges = [(a, b) for a, b in dict.fromkeys(edges) if a != b]
    back = _back_edges(list(sizes), edges)
    downward = [(b, a) if (a, b) in back else (a, b) for a, b in edges]
    rows = _rows(_layers(list(sizes), downward), downward)
    _order(rows)
    x = _columns(rows, sizes)
    tops, height = _heights(rows.rows, sizes)
    left = min((x[node] - _width(node, sizes) / 2 for node in x), default=0.0)
    x = {node: value - left for node, value in x.items()}
    width = max((x[node] + _width(node, sizes) / 2 for node in x), default=0.0)
    y = {node: tops[layer] for layer, row in enumerate(rows.rows) for node in row}
    centers = {name: (x[name], y[name]) for name in sizes}
    return Layout(width, height, centers, _routes(rows, edges, back, x, y, sizes), back)


def _width(node: Node, sizes: Mapping[str, tuple[float, float]]) -> float:
    return sizes[node][0] if isinstance(node, str) else _PASSAGE


def _back_edges(names: Sequence[str], edges: Iterable[Edge]) -> frozenset[Edge]:
    """The edges that lead to a node on the path of a depth-first walk."""
    nexts: dict[str, list[str]] = defaultdict(list)
    for a, b in edges:
        nexts[a].append(b)
    found: set[Edge] = set()
    done: set[str] = set()
    for root in names:
        if root in done:
            continue
        path, on_path = [(root, iter(nexts[root]))], {root}
        while path:
            node, following = path[-1]
            step = next(following, None)
            if step is None:
                path.pop()
                on_path.discard(node)
                done.add(node)
            elif step in on_path:
                found.add((node, step))
            elif step not in done:
                path.append((step, iter(nexts[step])))
                on_path.add(step)
    return frozenset(found)


def _layers(names: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The longest way from the top to each node; nodes that nothing leads to stand right above what they lead to."""
    above: dict[str, list[str]] = defaultdict(list)
    below: dict[str, list[str]] = defaultdict(list)
    for a, b in edges:
        above[b].append(a)
        below[a].append(b)
    layer: dict[str, int] = {}
    waiting = {name: len(above[name]) for name in names}
    ready = [name for name in names if not waiting[name]]
    for name in ready:  # grows while it is walked
        layer[name] = max((layer[a] + 1 for a in above[name]), default=0)
        for b in below[name]:
            waiting[b] -= 1
            if not waiting[b]:
                ready.append(b)
    layer.update({name: min(layer[b] for b in below[name]) - 1 for name in names[1:] if not above[name] and below[name]})
    return layer


def _rows(layer: Mapping[str, int], edges: Sequence[Edge]) -> _Rows:
    rows = _Rows([[] for _ in range(max(layer.values(), default=-1) + 1)])
    for name, index in layer.items():
        rows.rows[index].append(name)
    for a, b in edges:
        if (a, b) in rows.chains:
            continue
        passages: list[Node] = [(a, b, index) for index in range(layer[a] + 1, layer[b])]
        for index, passage in enumerate(passages, layer[a] + 1):
            rows.rows[index].append(passage)
        chain: list[Node] = [a, *passages, b]
        rows.chains[a, b] = chain
        for upper, lower in pairwise(chain):
            rows.down[upper].append(lower)
            rows.up[lower].append(upper)
    return rows


def _order(rows: _Rows) -> None:
    """Order each row by the middle of its neighbours, down and up in turns; keep the order with the fewest crossings."""
    best, fewest = [list(row) for row in rows.rows], _crossings(rows)
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        indices = range(1, len(rows.rows)) if downwards else range(len(rows.rows) - 2, -1, -1)
        neighbours = rows.up if downwards else rows.down
        for index in indices:
            row = rows.rows[index]
            place = {node: i for i, node in enumerate(rows.rows[index - 1 if downwards else index + 1])}
            key = {node: _middle([place[other] for other in neighbours[node]], i) for i, node in enumerate(row)}
            row.sort(key=key.__getitem__)
        crossings = _crossings(rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows.rows], crossings
    rows.rows = best


def _middle(places: Sequence[int], own: int) -> float:
    return sum(places) / len(places) if places else float(own)


def _crossings(rows: _Rows) -> int:
    total = 0
    for upper, lower in pairwise(rows.rows):
        place = {node: i for i, node in enumerate(lower)}
        ends = [place[other] for node in upper for other in sorted(rows.down[node], key=place.__getitem__)]
        total += sum(1 for i, a in enumerate(ends) for b in ends[i + 1 :] if b < a)
    return total


def _columns(rows: _Rows, sizes: Mapping[str, tuple[float, float]]) -> dict[Node, float]:
    """The x of every node: below its upper neighbours, above its lower ones, in turns; the straightest outcome counts."""
    x: dict[Node, float] = {}
    for row in rows.rows:
        x.update(zip(row, _spread([0.0] * len(row), row, sizes), strict=True))
    best, least = dict(x), float("inf")
    for sweep in range(_SWEEPS):
        downwards = sweep % 2 == 0
        neighbours = rows.up if downwards else rows.down
        for row in rows.rows if downwards else reversed(rows.rows):
            wanted = [_wanted(node, neighbours[node], x) for node in row]
            x.update(zip(row, _spread(wanted, row, sizes), strict=True))
        bend = sum(min(abs(x[upper] - x[lower]), 40.0) for upper in x for lower in rows.down[upper])
        if bend < least:
            best, least = dict(x), bend
    return best


def _wanted(node: Node, neighbours: Sequence[Node], x: Mapping[Node, float]) -> float:
    """The mean of the neighbours; where there are none, as it stands."""
    return sum(x[other] for other in neighbours) / len(neighbours) if neighbours else x[node]


def _spread(wanted: Sequence[float], row: Sequence[Node], sizes: Mapping[str, tuple[float, float]]) -> list[float]:
    """The places nearest to those wanted that keep order and gaps."""
    offsets, at = [], 0.0
    for index, node in enumerate(row):
        if index:
            at += (_width(row[index - 1], sizes) + _width(node, sizes)) / 2 + _GAP_X
        offsets.append(at)
    blocks: list[tuple[float, int]] = []  # (mean, how many)
    for value, offset in zip(wanted, offsets, strict=True):
        mean, count = value - offset, 1
        while blocks and blocks[-1][0] > mean:
            before, many = blocks.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        blocks.append((mean, count))
    means = [mean for mean, count in blocks for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]


def _heights(rows: Sequence[Sequence[Node]], sizes: Mapping[str, tuple[float, float]]) -> tuple[list[float], float]:
    """The middle of each row, and the height of all."""
    middles, at = [], 0.0
    for row in rows:
        height = max((sizes[node][1] for node in row if isinstance(node, str)), default=0.0)
        middles.append(at + height / 2)
        at += height + _GAP_Y
    return middles, max(at - _GAP_Y, 0.0)


def _routes(
    rows: _Rows,
    edges: Sequence[Edge],
    back: frozenset[Edge],
    x: Mapping[Node, float],
    y: Mapping[Node, float],
    sizes: Mapping[str, tuple[float, float]],
) -> dict[Edge, tuple[Point, ...]]:
    """Each edge from box to box, its ends spread along the sides of the boxes."""
    leaving: dict[str, list[tuple[float, Edge]]] = defaultdict(list)
    arriving: dict[str, list[tuple[float, Edge]]] = defaultdict(list)
    for edge in edges:
        chain = rows.chains[_downward(edge, back)]
        leaving[str(chain[0])].append((x[chain[1]], edge))
        arriving[str(chain[-1])].append((x[chain[-2]], edge))
    starts, ends = _ports(leaving, x, sizes), _ports(arriving, x, sizes)
    routes = {}
    for edge in edges:
        top, *passages, bottom = rows.chains[_downward(edge, back)]
        points = [
            (starts[edge], y[top] + sizes[str(top)][1] / 2),
            *((x[passage], y[passage]) for passage in passages),
            (ends[edge], y[bottom] - sizes[str(bottom)][1] / 2),
        ]
        routes[edge] = tuple(reversed(points)) if edge in back else tuple(points)
    return routes


def _downward(edge: Edge, back: frozenset[Edge]) -> Edge:
    return (edge[1], edge[0]) if edge in back else edge


def _ports(
    sides: Mapping[str, list[tuple[float, Edge]]], x: Mapping[Node, float], sizes: Mapping[str, tuple[float, float]]
) -> dict[Edge, float]:
    """Where on its side of the box each edge is fastened, in the order of the other ends."""
    ports: dict[Edge, float] = {}
    for name, fastened in sides.items():
        step = min(22.0, sizes[name][0] * 0.6 / max(len(fastened) - 1, 1))
        middle = (len(fastened) - 1) / 2
        ports.update({edge: x[name] + (index - middle) * step for index, (_, edge) in enumerate(sorted(fastened))})
    return ports
