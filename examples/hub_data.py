"""Sets of data are versions of the hub too: read with checks, cleaned with a report, split, and checked for leaks.

Prints:
    6 examples, classes ['economy', 'sports']
    {'rewritten': 1, 'empty': 1, 'duplicate': 1}
    reviews@1: 4 texts with classes, training data.
    reviews@2: 2 train, 2 test texts with classes, training data.
    test: the same text as train: 'Prices rise'
    reviews@1 -> reviews@2
    train.csv:1: found the columns 'text', 'topic'; expected a column 'label'.
"""

import tempfile
from pathlib import Path

from metagpt import LabError, ModelHub, load_data
from metagpt.hub.data import TextData, clean, find_leaks, push_data, split

ROWS = """text,topic
Prices rise,economy
A late goal wins the cup,sports
prices  rise!,economy
The bank cuts rates,economy
Five medals in one day,sports
?!,sports
"""


def main(folder: Path) -> None:
    file = folder / "train.csv"
    file.write_text(ROWS)
    data = load_data(file, label="topic")
    print(f"{len(data)} examples, classes {data.classes}")
    cleaned, report = clean(data)
    print(report.counts())

    hub = ModelHub(folder / "hub")
    whole = push_data(hub, "reviews", cleaned, report=report)
    print(f"{whole.reference}: {hub.card(whole).summary}")
    parts = split(load_data("hub:reviews@1", hub=hub), {"train": 0.5, "test": 0.5}, seed=7)
    halves = push_data(hub, "reviews", parts, parents=[whole.reference])
    print(f"{halves.reference}: {hub.card(halves).summary}")

    leaky = {"train": TextData(data[:1]), "test": TextData(data[2:3])}
    for leak in find_leaks(leaky):
        print(f"{leak.parts[1]}: the same text as {leak.parts[0]}: {leak.first.text!r}")
    print(*(" -> ".join(edge) for edge in hub.lineage("reviews@2").edges))
    try:
        load_data(file)
    except LabError as error:
        print(str(error).removeprefix(f"{folder}/").split(" Known")[0])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder))
