"""The same rows from csv, tsv, JSON lines, Parquet and a Dataset of Hugging Face; words with tags from a CoNLL file.

Prints:
    topics.csv, topics.tsv, topics.jsonl, topics.parquet, dataset: the same 2 examples: True
    Prices rise -> economy
    ('Ada', 'lives', 'in', 'Rome') ('B-PER', 'O', 'O', 'B-LOC')
    topics.jsonl:2: found the columns 'label'; expected a column 'text'.
"""

import json
import tempfile
from pathlib import Path

import datasets

from metagpt import LabError, load_data

ROWS = [{"text": "Prices rise", "label": "economy"}, {"text": "A late goal wins the cup", "label": "sports"}]
TAGGED = "Ada B-PER\nlives O\nin O\nRome B-LOC\n\nNobody O\ncame O\n"


def main(folder: Path) -> None:
    table = datasets.Dataset.from_list(ROWS)
    for ending, comma in (("csv", ","), ("tsv", "\t")):
        lines = [comma.join(row[name] for name in ("text", "label")) for row in ROWS]
        (folder / f"topics.{ending}").write_text("\n".join([f"text{comma}label", *lines]))
    (folder / "topics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    table.to_parquet(folder / "topics.parquet")

    files = [folder / f"topics.{ending}" for ending in ("csv", "tsv", "jsonl", "parquet")]
    sets = [*(load_data(file) for file in files), load_data(table)]
    read = {(tuple(each.texts), tuple(each.labels)) for each in sets}
    print(f"{', '.join(file.name for file in files)}, dataset: the same {len(sets[0])} examples:", len(read) == 1)
    print(sets[0].texts[0], "->", sets[0].labels[0])

    (folder / "people.conll").write_text(TAGGED)
    ada = load_data(folder / "people.conll")[0]
    print(tuple(ada.fields["tokens"]), ada.label)

    (folder / "topics.jsonl").write_text(json.dumps(ROWS[0]) + "\n" + json.dumps({"label": "sports"}) + "\n")
    try:
        load_data(folder / "topics.jsonl")
    except LabError as error:
        print(str(error).removeprefix(f"{folder}/").split(" Known")[0])


if __name__ == "__main__":
    datasets.disable_progress_bars()
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
