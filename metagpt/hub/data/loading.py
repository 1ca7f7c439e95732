"""`load_data`: any source as a set of examples, checked while it is read."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from metagpt.errors import LabError, did_you_mean
from metagpt.hub.data.examples import Example, Label, Origin, TextData
from metagpt.hub.data.readers import FORMATS, Row, format_of, read_conll, read_rows
from metagpt.hub.data.splits import Splits
from metagpt.hub.data.storage import read_splits

if TYPE_CHECKING:
    from metagpt.hub.hub import ModelHub

__all__ = ["load_data", "load_splits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Columns:
    """Which columns mean what."""

    text: str
    label: str | None
    numbers: bool


def load_data(
    source: Any,  # Any: a path, a reference, or a datasets.Dataset, which is not imported for its type
    *,
    text: str = "text",
    label: str | None = "label",
    format: Literal["csv", "tsv", "jsonl", "parquet", "conll"] | None = None,
    split: str | None = None,
    numbers: bool = False,
    alternatives: Literal["keep", "first", "last"] = "keep",
    name: str | None = None,
    hub: ModelHub | None = None,
) -> TextData:
    """Read a set of examples.

    Args:
        source: A file; a folder that `TextData.save` wrote; `hub:NAME@VERSION`; `hf:ORG/NAME`, from a hub of datasets or its cache;
            or a `datasets.Dataset`.
        text: The column of texts.
        label: The column of labels; None for a set without.
        format: Of a file whose ending does not say it.
        split: Which split of a source that has several.
        numbers: Whether labels are numbers to predict, and no classes.
        alternatives: Of a CoNLL file with several tags for a word (`B-group,B-person`): which to take, or to keep all as one text.
        name: Of the set, for messages; that of the source if left out.
        hub: Where `hub:` is looked up; the default hub if left out.

    Raises:
        LabError: a column, label or text that lacks, a line that does not read: with file and line.
    """
    columns = _Columns(text=text, label=label, numbers=numbers)
    if not isinstance(source, str | Path):
        return _from_dataset(source, name or "dataset", columns)
    shown = str(source)
    if shown.startswith("hf:"):
        from metagpt.hub.data.hugging_face import open_dataset

        return _from_dataset(open_dataset(shown, split), name or shown, columns)
    if shown.startswith("hub:") or Path(source).is_dir():
        return _one_split(load_splits(source, hub=hub), shown, split)
    path = Path(source).expanduser()
    chosen = format or format_of(path)
    if chosen not in FORMATS:
        raise LabError(f"load_data: found format={chosen!r}; expected one of {', '.join(FORMATS)}. {did_you_mean(chosen, FORMATS)}")
    examples = _tagged(path, shown, alternatives) if chosen == "conll" else _labelled(read_rows(path, chosen), shown, columns)
    loaded = TextData(examples, name=name or path.name)
    if not loaded:
        raise LabError(f"{shown}:1: found no examples; expected one or more below the header. Fill the file.")
    return loaded


def load_splits(source: str | Path, *, hub: ModelHub | None = None) -> Splits:
    """All splits of a set in a folder or in the hub.

    Raises:
        LabError: the folder holds no set.
    """
    shown = str(source)
    if not shown.startswith("hub:"):
        return read_splits(Path(source), shown)
    from metagpt.hub.hub import ModelHub

    opened = hub or ModelHub()
    entry = opened.get(shown)
    if entry.kind != "dataset":
        raise LabError(f"{shown}: found the {entry.kind} {entry.reference}; expected a dataset. Name another.")
    return read_splits(opened.folder(entry.reference), f"hub:{entry.reference}")


def _one_split(splits: Splits, shown: str, wanted: str | None) -> TextData:
    if wanted is None and len(splits) == 1:
        return next(iter(splits.values()))
    if wanted is None or wanted not in splits:
        raise LabError(
            f"{shown}: found the splits {', '.join(splits)}, asked for {wanted!r}; expected one of them. Pass split='{next(iter(splits))}'."
        )
    return splits[wanted]


def _labelled(rows: Iterator[Row], source: str, columns: _Columns) -> Iterator[Example]:
    for line, row in rows:
        where = Origin(source, line)
        for column in (columns.text, columns.label):
            if column is not None and column not in row:
                raise _no_column(source, line, row, column, "text" if column == columns.text else "label")
        text = row[columns.text]
        if not isinstance(text, str) or not text.strip():
            raise LabError(f"{where}: found the text {text!r} in column {columns.text!r}; expected words. Fill it in, or remove the row.")
        label = None if columns.label is None else _label(row[columns.label], where, columns)
        rest = {key: value for key, value in row.items() if key not in (columns.text, columns.label)}
        yield Example(text=text, label=label, fields=rest, origin=where)


def _no_column(source: str, line: int, row: Mapping[str, Any], column: str, meaning: str) -> LabError:
    first = 1 if source.endswith((".csv", ".tsv", ".csv.gz", ".tsv.gz")) else line
    return LabError(
        f"{source}:{first}: found the columns {', '.join(map(repr, row))}; expected a column {column!r}."
        f" {did_you_mean(column, row)} Name it with {meaning}='...'."
    )


def _label(value: Any, where: Origin, columns: _Columns) -> Label:
    if columns.numbers:
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            raise LabError(f"{where}: found the label {value!r} in column {columns.label!r}; expected a number. Mend the row.")
        return number
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float) and math.isfinite(value):
        return value
    if isinstance(value, list) and value and all(isinstance(tag, str) for tag in value):
        return tuple(value)
    raise LabError(f"{where}: found the label {value!r} in column {columns.label!r}; expected a class. Fill it in, or remove the row.")


def _tagged(path: Path, source: str, alternatives: str) -> Iterator[Example]:
    taken = {"first": slice(0, 1), "last": slice(-1, None), "keep": slice(None)}[alternatives]
    for line, words, tags in read_conll(path):
        chosen = tuple(",".join(tag.split(",")[taken]) for tag in tags)
        yield Example(text=" ".join(words), label=chosen, fields={"tokens": words}, origin=Origin(source, line))


def _from_dataset(opened: Any, source: str, columns: _Columns) -> TextData:
    """A `datasets.Dataset`; class numbers become their names."""
    label = columns.label or ""
    names: list[str] = getattr(getattr(opened, "features", {}).get(label), "names", None) or []

    def rows() -> Iterator[Row]:
        for number, row in enumerate(opened, start=1):
            value = row.get(label)
            yield number, {**row, label: names[value]} if isinstance(value, int) and 0 <= value < len(names) else dict(row)

    return TextData(_labelled(rows(), source, columns), name=source)
