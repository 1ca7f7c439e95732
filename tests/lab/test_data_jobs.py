"""The jobs `data` and `from-runs`: real sets and runs become versions of the hub, or are refused with nothing pushed."""

from __future__ import annotations

import csv
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from metagpt import ModelHub
from metagpt.errors import ConfigError, LabError
from metagpt.hub.data import load_data, load_splits
from metagpt.lab.from_runs import data_from_runs, read_runs
from metagpt.lab.improvement import improve
from metagpt.lab.jobs import Recipe, read_recipe, run_recipe
from tests.cli.projects import invoke
from tests.hub.test_data_loading import DATA
from tests.lab.software_runs import open_journal, run_once
from tests.lab.test_from_runs import KEPT, TRAINED

BANKING = DATA / "banking77"
WNUT = DATA / "wnut17"
published = pytest.mark.skipif(not DATA.is_dir(), reason="the published sets are not here")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_job(kind: str, out: str = "run", **values: Any) -> dict[str, Any]:
    """A recipe's results, after a look at whether they are those of its folder."""
    folder, results = run_recipe(Recipe(kind=kind, values=values), out=Path(out))
    assert json.loads((folder.path / "results.json").read_text()) == results
    return results


def banking(part: str, classes: int | None = None) -> list[dict[str, str]]:
    """Rows of BANKING77, read by the standard library alone; of the first classes by name."""
    with (BANKING / f"{part}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    kept = sorted({row["category"] for row in rows})[:classes]
    return [row for row in rows if row["category"] in kept]


def write_csv(path: Path, rows: list[dict[str, str]]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["text", "category"])
        writer.writeheader()
        writer.writerows(rows)
    return path


def words(text: str) -> str:
    """What counts when two texts are compared."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


@published
def test_a_slice_of_banking77_is_cleaned_cut_and_published(folder: Path) -> None:
    rows = banking("train", classes=5)
    planted = [{"text": rows[0]["text"].upper() + " !", "category": rows[0]["category"]}, {"text": "?!", "category": rows[0]["category"]}]
    write_csv(folder / "rows.csv", [*rows, *planted])
    shares = {"train": 0.7, "validation": 0.1, "test": 0.2}
    results = run_job("data", name="banking", source="rows.csv", label="category", shares=shares, alias="cut", license="cc-by-4.0")
    labels: dict[str, str] = {}
    for row in rows:
        labels.setdefault(words(row["text"]), row["category"])
    assert results["reference"] == "banking@1"
    assert sum(results["examples"].values()) == len(labels)
    assert (results["cleaned"]["empty"], results["cleaned"]["duplicate"]) == (1, 1 + len(rows) - len(labels))

    hub = ModelHub()
    parts = load_splits("hub:banking@cut", hub=hub)
    assert {words(each.text): each.label for part in parts.values() for each in part} == labels
    assert {name: len(part) for name, part in parts.items()} == results["examples"]
    assert {name: part.digest for name, part in parts.items()} == results["digests"]
    totals = Counter(labels.values())
    for name, part in parts.items():
        assert all(abs(count - shares[name] * totals[label]) <= 1 for label, count in part.counts().items()), "every class keeps its share"
    assert (hub.get("banking").parents, hub.card("banking").license) == (("run:run",), "cc-by-4.0")

    told = json.loads((folder / "run" / "cleaning.json").read_text())
    assert (told["before"], told["after"]) == (len(rows) + 2, len(labels))
    empty = [change for change in told["changes"] if change["what"] == "empty"]
    assert empty == [
        {
            "what": "empty",
            "where": f"rows.csv:{len((folder / 'rows.csv').read_text().splitlines())}",
            "why": "'?!' holds no letter or digit",
        }
    ]
    assert "0 between train, validation, test: none." in (folder / "run" / "report.md").read_text()
    again = run_job("data", "again", name="banking", source="rows.csv", label="category", shares=shares)
    assert (again["reference"], again["digests"]) == ("banking@2", results["digests"]), "one seed, one cut"


@published
def test_the_leaks_of_banking77_are_refused_with_nothing_pushed_or_dropped(folder: Path) -> None:
    sources = {part: str(BANKING / f"{part}.csv") for part in ("train", "test")}
    values: dict[str, Any] = {"name": "banking", "source": sources, "label": "category", "clean": False}
    with pytest.raises(LabError, match=r"splits train, test: found \d+ fault\(s\).*\n.*the same text as .*train.csv:\d+"):
        run_job("data", **values)
    assert ModelHub().list("dataset") == []
    assert not (folder / "run" / "results.json").exists()
    leaks = json.loads((folder / "run" / "leaks.json").read_text())
    tested = {words(row["text"]) for row in banking("test")}
    leaking = sum(words(row["text"]) in tested for row in banking("train"))
    assert leaks
    assert {tuple(leak["parts"]) for leak in leaks} == {("train", "test")}
    assert "refused" in (folder / "run" / "report.md").read_text()

    results = run_job("data", "dropped", **values, drop_leaks=True)
    assert results["examples"] == {"train": 10_003 - leaking, "test": 3_080}
    assert results["leaks_dropped"] == len(leaks)
    assert ModelHub().verify() == []


@published
def test_tagged_text_is_published_to_the_word(folder: Path) -> None:
    sentences = (WNUT / "wnut17train.conll").read_text().split("\n\t\n")[:150]
    (folder / "small.conll").write_text("\n\n".join(sentences) + "\n")
    tagged = [[tuple(line.split("\t")) for line in each.splitlines() if line.strip()] for each in sentences]
    by_text = defaultdict(list)
    for each in tagged:
        by_text[words(" ".join(word for word, _ in each))].append(each)
    kept = [group[0] for group in by_text.values() if len({tuple(tag for _, tag in each) for each in group}) == 1]
    values: dict[str, Any] = {"source": "small.conll", "shares": {"train": 0.8, "test": 0.2}}
    with pytest.raises(LabError, match="the same text as"):
        run_job("data", "doubled", name="wnut", clean=False, **values)
    results = run_job("data", name="wnut", **values)
    assert sum(results["examples"].values()) == len(kept)
    assert results["cleaned"]["conflict"] == 2, "annotators who differ"
    parts = load_splits("hub:wnut@1", hub=ModelHub())
    found = [list(zip(*pair, strict=True)) for part in parts.values() for pair in zip(part.tokens, part.labels, strict=True)]
    assert sorted(found) == sorted(kept)
    assert ModelHub().card("wnut").task == "token-classification"


@published
def test_every_form_of_the_same_rows_gives_the_same_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder / "cache")
    rows = banking("train", classes=2)
    write_csv(folder / "rows.csv", rows)
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "rows.parquet")
    (folder / "local").mkdir()
    write_csv(folder / "local" / "train.csv", rows)
    sources = ["rows.csv", "rows.jsonl", "rows.parquet", f"hf:{folder / 'local'}", "hub:set-0@1"]
    made = [
        run_job("data", f"run-{number}", name=f"set-{number}", source=source, label="label" if source.startswith("hub:") else "category")
        for number, source in enumerate(sources)
    ]
    assert len({result["digests"]["all"] for result in made}) == 1
    assert ModelHub().get("set-4").parents == ("set-0@1", "run:run-4")


@published
def test_the_command_runs_a_recipe_for_data_and_says_why_a_bad_one_is_refused(folder: Path) -> None:
    write_csv(folder / "train.csv", banking("train", classes=2))
    write_csv(folder / "test.csv", banking("test", classes=3))
    recipe = folder / "recipe.toml"
    recipe.write_text('job = "data"\nname = "two"\nlabel = "category"\n[source]\ntrain = "train.csv"\ntest = "test.csv"\n')
    refused = invoke("lab", "run", str(recipe), "--out", "refused")
    assert refused.exit_code == 1
    assert f"found the label {banking('test', classes=3)[0]['category']!r}, which 'train' never shows" in refused.output
    assert ModelHub().list("dataset") == []
    done = invoke("lab", "run", str(recipe), "--set", 'source={"train": "train.csv"}', "--out", "run", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["folder"], told["results"]["reference"]) == ("run", "two@1")
    assert told["results"]["examples"] == {"train": len({words(row["text"]) for row in banking("train", classes=2)})}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"source": {"../train": "a.csv"}}, r"found the part '../train'; expected a word"),
        ({"source": {"train": "a.csv", "test": "b.csv"}, "shares": {"x": 1.0}}, "found several sources and shares"),
        ({"source": "a.csv", "near": 0}, "near: found 0; input should be greater than 0"),
        ({}, "found no 'source'"),
    ],
)
def test_settings_that_do_not_fit_are_refused_before_anything_is_read(values: dict[str, Any], said: str, folder: Path) -> None:
    with pytest.raises(ConfigError, match=said):
        run_job("data", name="x", **values)
    assert list(folder.iterdir()) == []


def test_a_run_that_was_cut_after_its_push_does_not_push_again(folder: Path) -> None:
    (folder / "rows.csv").write_text("text,label\na b,x\nc d,y\n")
    run_job("data", name="rows", source="rows.csv")
    (folder / "run" / "results.json").unlink()
    _, results = run_recipe(Recipe(kind=""), resume=Path("run"))
    assert results["reference"] == "rows@1"
    assert [entry.reference for entry in ModelHub().versions("rows")] == ["rows@1"]


# from runs


async def record(folder: Path) -> None:
    """Four runs of the software team: right at once, right after a repair, never right, and one whose goal is held out."""
    journal = open_journal(folder)
    await run_once(journal, TRAINED[0])
    await run_once(journal, TRAINED[1], wrong_first=True)
    await run_once(journal, TRAINED[2], never_right=True)
    await run_once(journal, KEPT)


async def test_runs_become_sets_by_a_recipe_whose_journal_has_a_plugins_name(folder: Path) -> None:
    await record(folder)
    (folder / "recipe.toml").write_text('job = "from-runs"\nruns = "sqlite:journal.db"\nrole = "engineer"\n')
    made, results = run_recipe(read_recipe(folder / "recipe.toml"), out=folder / "run")
    rows = {name: each["rows"] for name, each in results["sets"].items()}
    assert rows["engineer.write_program"] == {"train": 1, "held_out": 1}
    assert rows["engineer.write_program.pairs"] == {"train": 1}
    assert rows["engineer.repair"] == {"train": 1}
    hub = ModelHub()
    earned = load_data("hub:engineer.write_program.rewards", split="train", hub=hub).labels
    assert sorted(earned)[-1] == 1.0
    assert sorted(earned)[0] == 0.0
    assert results["runs"] == 4
    assert "| engineer.write_program@1 | 1 train, 1 held_out prompts with passed answers" in (made.path / "report.md").read_text()
    direct = data_from_runs(folder / "journal.db", hub=ModelHub(folder / "other"), role="engineer")
    assert {name: entry.reference for name, entry in direct.items()} == {name: each["reference"] for name, each in results["sets"].items()}
    again = run_job("from-runs", "again", runs="journal.db", role="engineer")
    assert again == results, "what has not changed is no new version"


async def test_improve_and_from_runs_take_the_journal_of_a_plugin(folder: Path) -> None:
    await record(folder)
    assert read_runs("sqlite:journal.db") == read_runs(folder / "journal.db") == read_runs(open_journal(folder))
    told = invoke("data", "from-runs", "--runs", "sqlite:journal.db", "--role", "engineer", "--json")
    assert told.exit_code == 0, told.output
    assert "engineer.write_program@1" in [json.loads(line)["reference"] for line in told.stdout.splitlines()]
    with pytest.raises(LabError, match=r"the role 'nobody' that passed or were sent back in 4 run\(s\).* in sqlite:journal.db"):
        improve("nobody", runs="sqlite:journal.db", base="embedded", out=folder / "run")
    misspelt = invoke("improve", "engineer", "--runs", "sqlit:journal.db", "--out", "misspelt")
    assert misspelt.exit_code == 2
    assert "improve: runs: found 'sqlit:journal.db', and no journals plugin 'sqlit'" in " ".join(misspelt.output.split())


def test_runs_that_are_not_there_are_refused_with_nothing_pushed(folder: Path) -> None:
    with pytest.raises(LabError, match="found no journal 'none.db'; expected the one of the runs to learn from"):
        run_job("from-runs", runs="none.db")
    open_journal(folder)
    with pytest.raises(LabError, match="from runs: found nothing that passed or was sent back in 0 run"):
        run_job("from-runs", "other", runs="memory")
    assert ModelHub().list("dataset") == []
