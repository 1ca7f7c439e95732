"""Examples and sets of them. Every example knows the file and line that it came from, so that errors can name them."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias, overload

from metagpt.errors import LabError

__all__ = ["Example", "Label", "Origin", "TextData", "place"]

Label: TypeAlias = str | int | float | tuple[str, ...]
"""A class, a number, or a tag for each word."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an example stands."""

    source: str
    """A file, or a reference such as `hub:news@1`."""
    line: int
    """From 1; in files without lines the number of the row."""

    def __str__(self) -> str:
        return f"{self.source}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One text, what it is labelled with, and whatever else its row says."""

    text: str
    label: Label | None = None
    """None where the set has no labels."""
    fields: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON values
    """The other columns; of tagged text `tokens`, the words that the tags belong to."""
    origin: Origin | None = field(default=None, compare=False)

    def as_json(self) -> dict[str, Any]:
        """The row as it is hashed and stored."""
        row: dict[str, Any] = {"text": self.text}
        if self.label is not None:
            row["label"] = list(self.label) if isinstance(self.label, tuple) else self.label
        return row | ({"fields": dict(self.fields)} if self.fields else {})


class TextData(Sequence[Example]):
    """A set of examples that does not change; slices and `take` make new ones."""

    def __init__(self, examples: Iterable[Example], *, name: str = "data") -> None:
        self.examples = tuple(examples)
        self.name = name

    @property
    def texts(self) -> list[str]:
        """The text of each example."""
        return [example.text for example in self.examples]

    @property
    def labels(self) -> list[Any]:  # Any: classes, numbers, or lists of tags; the caller knows the task
        """The label of each example; of tagged text a list of tags.

        Raises:
            LabError: an example without a label.
        """
        bare = next((example for example in self.examples if example.label is None), None)
        if bare is not None:
            raise LabError(f"{place(bare, self.name)}: found no label; expected one for each example. Load the data with its label column.")
        return [list(example.label) if isinstance(example.label, tuple) else example.label for example in self.examples]

    @property
    def tokens(self) -> list[list[str]]:
        """The words of each example of tagged text.

        Raises:
            LabError: the examples are no tagged text.
        """
        bare = next((example for example in self.examples if "tokens" not in example.fields), None)
        if bare is not None:
            raise LabError(f"{place(bare, self.name)}: found no tokens; expected tagged text. Load it from a CoNLL file.")
        return [list(example.fields["tokens"]) for example in self.examples]

    @property
    def classes(self) -> list[Any]:
        """Every label that occurs, of tagged text every tag, sorted."""
        return sorted(self.counts(), key=str)

    def counts(self) -> Counter[Any]:
        """How often each label or tag occurs."""
        labels = self.labels
        return Counter(tag for label in labels for tag in (label if isinstance(label, list) else [label]))

    @property
    def digest(self) -> str:
        """The sha256 of texts, labels and fields in their order: equal content, equal digest."""
        digest = hashlib.sha256()
        for example in self.examples:
            digest.update(json.dumps(example.as_json(), sort_keys=True, ensure_ascii=False).encode() + b"\n")
        return digest.hexdigest()

    def take(self, indices: Iterable[int], *, name: str | None = None) -> TextData:
        """The examples at these places, in this order."""
        return TextData((self.examples[index] for index in indices), name=name or self.name)

    def save(self, folder: Path) -> None:
        """Write the set as a folder that `load_data` and the hub take."""
        from metagpt.hub.data.storage import save_splits

        save_splits({"all": self}, folder)

    def __len__(self) -> int:
        return len(self.examples)

    def __iter__(self) -> Iterator[Example]:
        return iter(self.examples)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> TextData: ...
    def __getitem__(self, index: int | slice) -> Example | TextData:
        return TextData(self.examples[index], name=self.name) if isinstance(index, slice) else self.examples[index]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TextData) and self.examples == other.examples

    def __hash__(self) -> int:
        return hash(self.digest)

    def __repr__(self) -> str:
        return f"TextData({self.name!r}, {len(self)} examples)"


def place(example: Example, name: str) -> str:
    """`FILE:LINE` of the example, or the set's name where it came from no file."""
    return str(example.origin) if example.origin is not None else name
