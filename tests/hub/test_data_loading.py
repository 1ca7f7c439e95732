"""Readers and `load_data`: what stands in a file is what comes out, and what is wrong is named with file and line."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from metagpt import LabError, ModelHub, load_data
from metagpt.hub.data import Example, TextData, load_splits, push_data, split

DATA = Path(__file__).resolve().parent.parent.parent.parent / "shared" / "data"
"""The optional folder of published sets."""


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_a_csv_gives_texts_labels_length_and_iteration(tmp_path: Path) -> None:
    file = write(
        tmp_path / "train.csv", 'text,label,author\n"Tax, again",economy,ann\n"a ""goal""\nof note",sports,bob\n\nwin,sports,bob\n'
    )
    data = load_data(file)
    assert data.texts == ["Tax, again", 'a "goal"\nof note', "win"]
    assert data.labels == ["economy", "sports", "sports"]
    assert len(data) == 3
    assert [example.fields["author"] for example in data] == ["ann", "bob", "bob"]
    assert [str(example.origin) for example in data] == [f"{file}:{line}" for line in (2, 3, 6)]
    assert (data.classes, data.counts()["sports"]) == (["economy", "sports"], 2)
    assert data[1:].texts == data.take([1, 2]).texts


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "text\tlabel\nx\ty\n"),
        ("a.jsonl", '{"text": "x", "label": "y"}\n\n'),
        ("a.csv", "\ufefftext,label\r\nx,y\r\n"),
    ],
)
def test_other_formats_say_the_same(tmp_path: Path, name: str, content: str) -> None:
    assert load_data(write(tmp_path / name, content)) == TextData([Example(text="x", label="y")])


def test_a_packed_file_and_a_parquet_file_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(b"text,label\nx,1\n"))
    assert load_data(tmp_path / "a.csv.gz").labels == ["1"]
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"text": ["x", "y"], "label": [1, 0]}), tmp_path / "a.parquet")
    assert load_data(tmp_path / "a.parquet").labels == [1, 0]
    write(tmp_path / "b.parquet", "no parquet at all")
    with pytest.raises(LabError, match="found what is no Parquet"):
        load_data(tmp_path / "b.parquet")


def test_a_conll_file_gives_tokens_and_tags(tmp_path: Path) -> None:
    file = write(tmp_path / "a.conll", "-DOCSTART- O\n\nAnn NNP B-person\nwon VBD O\n\t\n\nOslo\tB-place\n")
    data = load_data(file)
    assert data.tokens == [["Ann", "won"], ["Oslo"]]
    assert data.labels == [["B-person", "O"], ["B-place"]]
    assert data.texts == ["Ann won", "Oslo"]
    assert data.classes == ["B-person", "B-place", "O"]
    assert [example.origin.line for example in data if example.origin] == [3, 7]


@pytest.mark.parametrize(("alternatives", "tag"), [("keep", "B-group,B-person"), ("first", "B-group"), ("last", "B-person")])
def test_of_several_tags_for_a_word_one_is_taken_or_all_are_kept(tmp_path: Path, alternatives: Any, tag: str) -> None:
    file = write(tmp_path / "a.conll", "Ann B-group,B-person\nwon O\n")
    assert load_data(file, alternatives=alternatives).labels == [[tag, "O"]]


def test_numbers_to_predict_and_sets_without_labels(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", "text,stars\ngood,4.5\nbad,1\n")
    assert load_data(file, label="stars", numbers=True).labels == [4.5, 1.0]
    bare = load_data(file, label=None)
    assert bare[0].fields == {"stars": "4.5"}
    with pytest.raises(LabError, match=r"a.csv:2: found no label"):
        bare.labels  # noqa: B018


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", "text,category\nx,y\n", r"a.csv:1: found the columns 'text', 'category'; expected a column 'label'"),
        ("a.csv", "text,lable\nx,y\n", r"a.csv:1: .* Did you mean 'lable'\? Name it with label="),
        ("a.csv", "title,label\nx,y\n", r"a.csv:1: .* expected a column 'text'.* Name it with text="),
        ("a.csv", "text,label\nx,y\nz\n", r"a.csv:3: found 1 field\(s\); expected 2"),
        ("a.csv", "text,label\nx,y\nz, \n", r"a.csv:3: found the label ' ' in column 'label'; expected a class"),
        ("a.csv", "text,label\nx,y\n ,y\n", r"a.csv:3: found the text ' ' in column 'text'; expected words"),
        ("a.csv", 'text,label\n"x,y\n', r"a.csv:2: found what is no CSV"),
        ("a.csv", "text,text\nx,y\n", r"a.csv:1: found the column 'text' twice"),
        ("a.csv", "", r"a.csv:1: found no header"),
        ("a.csv", "text,label\n", r"a.csv:1: found no examples"),
        ("a.jsonl", '{"text": "x", "label": "y"}\n{"text": \n', r"a.jsonl:2: found what is no JSON"),
        ("a.jsonl", "[1]\n", r"a.jsonl:1: found list; expected a JSON object"),
        ("a.jsonl", '{"text": "x"}\n', r"a.jsonl:1: found the columns 'text'; expected a column 'label'"),
        ("a.jsonl", '{"text": 3, "label": "y"}\n', r"a.jsonl:1: found the text 3"),
        ("a.jsonl", '{"text": "x", "label": NaN}\n', r"a.jsonl:1: found the label nan"),
        ("a.conll", "Ann B-person\nwon\n", r"a.conll:2: found the word 'won' without a tag"),
        ("a.conll", "Ann person\n", r"a.conll:1: found the tag 'person'; expected O, or B-x and I-x"),
        ("a.xls", "x", r"a.xls: found the ending '.xls'"),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(tmp_path: Path, name: str, content: str, said: str) -> None:
    with pytest.raises(LabError, match=said):
        load_data(write(tmp_path / name, content))


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"text,label\nx,y\nna\xefve,y\n")
    with pytest.raises(LabError, match=r"a.csv:3: found bytes that are no UTF-8"):
        load_data(tmp_path / "a.csv")
    with pytest.raises(LabError, match="found no such file"):
        load_data(tmp_path / "b.csv")
    write(tmp_path / "c.csv", "text,stars\ngood,many\n")
    with pytest.raises(LabError, match=r"c.csv:2: found the label 'many' in column 'stars'; expected a number"):
        load_data(tmp_path / "c.csv", label="stars", numbers=True)


def test_a_dataset_of_the_library_gives_the_names_of_its_classes(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["bad", "good"])})
    made = datasets.Dataset.from_dict({"text": ["x", "y"], "label": [1, 0]}, features=features)
    assert load_data(made).labels == ["good", "bad"]


def test_a_set_keeps_its_digest_through_a_folder_and_the_hub(tmp_path: Path) -> None:
    data = TextData(
        [Example(text=f"text {n}", label=("B-x", "O"), fields={"tokens": ["text", str(n)], "n": n}) for n in range(5)], name="five"
    )
    (tmp_path / "five").mkdir()
    data.save(tmp_path / "five")
    again = load_data(tmp_path / "five")
    assert again == data
    assert again.digest == data.digest
    assert data.digest != data[:4].digest
    hub = ModelHub(tmp_path / "hub")
    entry = push_data(hub, "five", data, stage="intermediate", parents=["run:abc"])
    loaded = load_data("hub:five@1", hub=hub)
    assert loaded == data
    assert str(loaded[2].origin) == "hub:five@1/all.jsonl:3"
    assert (entry.kind, entry.parents, hub.card(entry).task) == ("dataset", ("run:abc",), "token-classification")
    assert hub.card(entry).extra == {"stage": "intermediate", "examples": 5}
    assert data.digest in hub.card(entry).text


def test_parts_come_out_of_the_hub_by_name(tmp_path: Path) -> None:
    data = TextData(Example(text=f"text number {n}", label="ab"[n % 2]) for n in range(20))
    hub = ModelHub(tmp_path / "hub")
    push_data(hub, "parts", split(data, {"train": 0.8, "test": 0.2}))
    assert len(load_data("hub:parts", split="test", hub=hub)) == 4
    assert list(load_splits("hub:parts", hub=hub)) == ["train", "test"]
    with pytest.raises(LabError, match=r"found the splits train, test, asked for None; expected one of them. Pass split='train'"):
        load_data("hub:parts", hub=hub)
    with pytest.raises(LabError, match="found the model embedded@1; expected a dataset"):
        load_data("hub:embedded", hub=hub)


def test_a_folder_whose_content_was_changed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    TextData([Example(text="x", label="y")]).save(tmp_path / "set")
    write(tmp_path / "set" / "all.jsonl", json.dumps({"text": "z", "label": "y"}))
    with pytest.raises(LabError, match="found content that differs from its digest"):
        load_data(tmp_path / "set")
    (tmp_path / "none").mkdir()
    with pytest.raises(LabError, match=r"found no dataset.json that reads"):
        load_data(tmp_path / "none")


@pytest.mark.skipif(not DATA.is_dir(), reason="the published sets are not here")
@pytest.mark.parametrize(
    ("file", "keywords", "examples", "classes"),
    [
        ("banking77/train.csv", {"label": "category"}, 10_003, 77),
        ("banking77/test.csv", {"label": "category"}, 3_080, 77),
        ("wnut17/wnut17train.conll", {}, 3_394, 13),
        ("wnut17/emerging.dev.conll", {}, 1_009, 13),
        ("wnut17/emerging.test.conll", {"alternatives": "last"}, 1_287, 13),
        ("crossner/ai/train.txt", {"format": "conll"}, 100, 29),
        ("gsm8k/test.jsonl", {"text": "question", "label": "answer"}, 1_319, None),
    ],
)
def test_published_sets_are_read_to_the_row(file: str, keywords: dict[str, Any], examples: int, classes: int | None) -> None:
    data = load_data(DATA / file, **keywords)
    assert len(data) == examples
    assert classes is None or len(data.classes) == classes
