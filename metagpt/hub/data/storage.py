"""A set of data as a folder: JSON lines for each split, and dataset.json with their digests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from metagpt.errors import LabError
from metagpt.hub.data.examples import Example, Origin, TextData
from metagpt.hub.data.readers import read_rows
from metagpt.hub.data.splits import Splits

__all__ = ["FILE_NAME", "read_splits", "save_splits"]

FILE_NAME = "dataset.json"


def save_splits(splits: Mapping[str, TextData], folder: Path) -> None:
    """Write the splits; the same content gives the same bytes."""
    about = {}
    for name, each in splits.items():
        lines = (json.dumps(example.as_json(), sort_keys=True, ensure_ascii=False) + "\n" for example in each)
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
        about[name] = {"file": f"{name}.jsonl", "examples": len(each), "digest": each.digest}
    (folder / FILE_NAME).write_text(json.dumps({"format": 1, "splits": about}, indent=1) + "\n", encoding="utf-8")


def read_splits(folder: Path, shown: str) -> Splits:
    """The splits of a folder that `save_splits` wrote.

    Raises:
        LabError: the folder holds none, or a split's content differs from its digest.
    """
    try:
        about: dict[str, Any] = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))["splits"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LabError(f"{shown}: found no {FILE_NAME} that reads; expected a folder written by `save`. Name a file instead.") from error
    found = {}
    for name, each in about.items():
        file = folder / Path(str(each["file"])).name
        found[name] = TextData(_examples(file, f"{shown}/{file.name}"), name=name)
        if found[name].digest != each["digest"]:
            raise LabError(f"{shown}/{file.name}: found content that differs from its digest; expected it unchanged. Get the set anew.")
    return Splits(found)


def _examples(file: Path, shown: str) -> Iterator[Example]:
    for line, row in read_rows(file, "jsonl"):
        if not isinstance(row.get("text"), str):
            raise LabError(f"{shown}:{line}: found no text; expected one. Get the set anew.")
        label = row.get("label")
        yield Example(
            text=row["text"],
            label=tuple(label) if isinstance(label, list) else label,
            fields=row.get("fields", {}),
            origin=Origin(shown, line),
        )
