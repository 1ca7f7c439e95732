"""Pictures of teams: Mermaid, DOT and SVG."""

from __future__ import annotations

import itertools
import re
from xml.etree import ElementTree

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metagpt import Goal, Message, Role, Team, on
from metagpt.diagram import draw
from metagpt.errors import ConfigError
from metagpt.layered import lay_out

SVG = "{http://www.w3.org/2000/svg}"


class Plan(Message):
    text: str


class File(Message):
    text: str


class Source(Message):
    text: str


class Program(Message):
    text: str


class Report(Message):
    type_name = 'a <"report">'
    ok: bool


class Planner(Role):
    """Plans."""

    @on(Goal)
    async def plan(self, goal: Goal) -> tuple[Plan, Program]:
        raise AssertionError("never run here")


class Engineer(Role):
    """Writes."""

    @on(Plan)
    async def split(self, plan: Plan) -> list[File]:
        raise AssertionError("never run here")

    @on(File)
    async def write(self, file: File) -> Source:
        raise AssertionError("never run here")

    @on(list[Source])
    async def build(self, sources: list[Source]) -> Program:
        raise AssertionError("never run here")

    @on(Report, when=lambda report: not report.ok, limit=2)
    async def repair(self, report: Report) -> Program:
        raise AssertionError("never run here")


class Evaluator(Role):
    """Tests."""

    @on(Program)
    async def try_out(self, program: Program) -> Report:
        raise AssertionError("never run here")


team = Team([Planner(), Engineer(), Evaluator()], final=Report)


def test_mermaid_shows_roles_as_subgraphs_and_fan_outs_as_thick_edges() -> None:
    lines = [line.strip() for line in draw(team.graph, "mermaid").splitlines()]
    assert lines[0] == "flowchart TD"
    assert [line for line in lines if line.startswith("subgraph")] == [
        'subgraph r0["planner"]',
        'subgraph r1["engineer"]',
        'subgraph r2["evaluator"]',
    ]
    name = {match[2]: match[1] for line in lines if (match := re.match(r'(n\d+)\(?\[?\(?\[?"(.+?)"', line))}
    assert f'{name["split"]} == "each" ==> {name["File"]}' in lines
    assert f"{name['Plan']} --> {name['split']}" in lines
    assert any(line.endswith(":::start") and '"Goal · start"' in line for line in lines)
    assert any(line.endswith(":::final") and '"a &lt;#quot;report#quot;&gt; · final"' in line for line in lines)


def test_dot_quotes_every_name() -> None:
    text = draw(team.graph, "dot")
    assert text.startswith("digraph team {")
    assert '"a <\\"report\\">"' in text
    assert '"engineer.split" -> "File" [penwidth=3, label="each"];' in text
    assert text.count("subgraph cluster_") == 3


def test_svg_is_whole_xml_with_every_node_and_edge_and_loads_nothing() -> None:
    root = ElementTree.fromstring(draw(team.graph, "svg"))
    said = [element.text for element in root.iter(f"{SVG}text")]
    for name in ("Goal", 'a <"report">', "split", "build (gathers)", "engineer"):
        assert name in said
    edges = [path for path in root.iter(f"{SVG}path") if "marker-end" in path.attrib]
    assert len(edges) == team.graph.number_of_edges()
    assert sum(path.attrib["marker-end"] == "url(#heavy)" for path in edges) == 1
    assert sum("stroke-dasharray" in path.attrib for path in edges) == 1
    assert not [element for element in root.iter() if element.tag in (f"{SVG}image", f"{SVG}script", f"{SVG}foreignObject")]


def test_boxes_lie_inside_the_picture_and_apart_from_each_other() -> None:
    root = ElementTree.fromstring(draw(team.graph, "svg"))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    boxes = [
        tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        for rect in root.iter(f"{SVG}rect")
        if rect.attrib["fill"] != "none"
    ]
    assert len(boxes) == team.graph.number_of_nodes()
    for x, y, w, h in boxes:
        assert -20 <= x <= x + w <= width
        assert -20 <= y <= y + h <= height
    for (x1, y1, w1, h1), (x2, y2, w2, h2) in itertools.combinations(boxes, 2):
        assert x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 or y2 + h2 <= y1


def test_characters_that_xml_forbids_do_not_reach_the_svg() -> None:
    graph: networkx.DiGraph[str] = networkx.DiGraph()
    graph.add_node("a\x00b\ud800", kind="message", start=True, final=False)
    ElementTree.fromstring(draw(graph, "svg"))


def test_an_empty_graph_is_a_picture_too() -> None:
    ElementTree.fromstring(draw(networkx.DiGraph(), "svg"))


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'svg'"):
        draw(team.graph, "svgg")  # type: ignore[arg-type]


names = st.integers(0, 11).map(str)


@given(st.lists(st.tuples(names, names), max_size=30))
def test_any_graph_is_laid_out_with_forward_edges_down_and_back_edges_up(edges: list[tuple[str, str]]) -> None:
    sizes = {str(index): (40.0 + 10 * index, 30.0) for index in range(12)}
    layout = lay_out(sizes, edges)
    assert set(layout.centers) == set(sizes)
    assert set(layout.routes) == {edge for edge in edges if edge[0] != edge[1]}
    for (first, second), route in layout.routes.items():
        upwards = (first, second) in layout.back
        assert (layout.centers[first][1] < layout.centers[second][1]) != upwards
        assert (route[0][1] < route[-1][1]) != upwards
    by_row: dict[float, list[tuple[float, float]]] = {}
    for name, (x, y) in layout.centers.items():
        by_row.setdefault(y, []).append((x - sizes[name][0] / 2, x + sizes[name][0] / 2))
    for row in by_row.values():
        row.sort()
        assert all(right <= left for (_, right), (left, _) in itertools.pairwise(row))
