"""Lineage: from the run over dataset and model to the next run, as a graph and as pictures."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from metagpt import HubError, ModelHub
from metagpt.hub.data import Example, TextData
from tests.hub.making import pushed


@pytest.fixture
def hub(tmp_path: Path) -> ModelHub:
    made = ModelHub(tmp_path / "hub")
    for number in range(3):
        made.record_run(f"run:r{number}", ["embedded"])
    made.push(TextData([Example(text="a", label="b")]), "calls", parents=[f"run:r{number}" for number in range(3)])
    pushed(made, tmp_path, "engineer", parents=["calls@latest", "embedded@1", "hf:org/base@abc"], alias="production")
    made.record_run("r9", ["hub:engineer@production"])
    return made


def test_the_graph_leads_from_the_run_over_dataset_and_model_to_the_run(hub: ModelHub) -> None:
    import networkx

    graph = hub.lineage()
    assert networkx.shortest_path(graph, "run:r1", "run:r9") == ["run:r1", "calls@1", "engineer@1", "run:r9"]
    assert graph.has_edge("embedded@1", "run:r0")
    assert graph.nodes["engineer@1"] == {"kind": "model", "aliases": ["production"], "removed": False}
    assert graph.nodes["hf:org/base@abc"]["kind"] == "source"
    assert networkx.is_directed_acyclic_graph(graph)


def test_the_lineage_of_one_entry_leaves_out_what_has_nothing_to_do_with_it(hub: ModelHub, tmp_path: Path) -> None:
    pushed(hub, tmp_path, "other", b"other")
    assert "other@1" in hub.lineage()
    assert "other@1" not in hub.lineage("engineer")
    assert "run:r9" in hub.lineage("calls")


def test_parents_are_pinned_and_a_removed_version_stays_in_the_picture(hub: ModelHub, tmp_path: Path) -> None:
    assert hub.get("engineer").parents[:2] == ("calls@1", "embedded@1")
    hub.remove("calls@1")
    assert hub.lineage().has_edge("calls@1", "engineer@1")
    assert "calls@1<br/>dataset · removed" in hub.diagram()
    with pytest.raises(HubError, match="a version that was removed"):
        pushed(hub, tmp_path, "late", parents=["calls@1"])


def test_mermaid_shows_runs_with_the_same_neighbours_as_one(hub: ModelHub) -> None:
    drawn = hub.diagram("mermaid", "engineer")
    assert drawn.startswith("flowchart TD\n")
    assert '(["3 runs r0 …<br/>run"]):::run' in drawn
    assert '["engineer@1<br/>model · production"]:::model' in drawn
    assert drawn.count("-->") == 6 + 3  # the built-in model from its training, and that from two sets


def test_the_svg_is_well_formed_and_names_everything(hub: ModelHub) -> None:
    root = ElementTree.fromstring(hub.diagram("svg"))
    texts = [each.text for each in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"engineer@1", "model · production", "calls@1", "run:r9", "3 runs r0 …"} <= set(texts)
    with pytest.raises(HubError, match="found format 'dot'"):
        hub.diagram("dot")  # type: ignore[arg-type]
