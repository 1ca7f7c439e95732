"""Readers: CSV, TSV, JSON lines, Parquet and CoNLL as rows with the line that each stands on."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO, TypeAlias

from metagpt.errors import LabError

__all__ = ["FORMATS", "Row", "format_of", "read_conll", "read_rows"]

Row: TypeAlias = tuple[int, dict[str, Any]]
"""Line and columns; Any: JSON values."""

FORMATS = ("csv", "tsv", "jsonl", "parquet", "conll")
_ENDINGS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".conll": "conll", ".bio": "conll"}


def format_of(path: Path) -> str:
    """The format that the file's ending names; a `.gz` behind it is looked through.

    Raises:
        LabError: no known ending.
    """
    name = path.name.removesuffix(".gz")
    found = _ENDINGS.get(Path(name).suffix.lower())
    if found is None:
        raise LabError(
            f"{path}: found the ending {Path(name).suffix!r}; expected one of {', '.join(_ENDINGS)}. Say format='csv' or another."
        )
    return found


def read_rows(path: Path, format: str) -> Iterator[Row]:
    """The rows of a CSV, TSV, JSON lines or Parquet file.

    Raises:
        LabError: a file that is not there or does not read; the line is named.
    """
    match format:
        case "csv" | "tsv":
            yield from _csv(path, "\t" if format == "tsv" else ",")
        case "jsonl":
            yield from _jsonl(path)
        case _:
            yield from _parquet(path)


def _open(path: Path) -> TextIO:
    """The file as text; undecodable bytes are kept as surrogates, so that their line can be named."""
    if not path.is_file():
        raise LabError(f"{path}: found no such file; expected data. Correct the path.")
    opened = gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # noqa: SIM115 - closed by the wrapper
    return io.TextIOWrapper(opened, encoding="utf-8-sig", errors="surrogateescape", newline="")


def _check_text(path: Path, line: int, text: str) -> None:
    if any("\udc80" <= sign <= "\udcff" for sign in text) or "\0" in text:
        raise LabError(f"{path}:{line}: found bytes that are no UTF-8 text; expected UTF-8. Convert the file.")


def _csv(path: Path, delimiter: str) -> Iterator[Row]:
    with _open(path) as file:
        reader = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = next(reader, None)
            if not header or not any(cell.strip() for cell in header):
                raise LabError(f"{path}:1: found no header; expected the columns' names. Add a first line such as text,label.")
            header = [cell.strip() for cell in header]
            twice = next((cell for cell in header if header.count(cell) > 1), None)
            if twice is not None:
                raise LabError(f"{path}:1: found the column {twice!r} twice; expected each once. Rename one.")
            line = reader.line_num + 1
            for cells in reader:
                if cells:
                    if len(cells) != len(header):
                        raise LabError(
                            f"{path}:{line}: found {len(cells)} field(s); expected {len(header)}. Mend the line, or quote its commas."
                        )
                    _check_text(path, line, "\n".join(cells))
                    yield line, dict(zip(header, cells, strict=True))
                line = reader.line_num + 1
        except csv.Error as error:
            raise LabError(
                f"{path}:{reader.line_num}: found what is no CSV ({error}); expected quoted fields to end. Mend the line."
            ) from error


def _jsonl(path: Path) -> Iterator[Row]:
    with _open(path) as file:
        for line, text in enumerate(file, start=1):
            if not text.strip():
                continue
            _check_text(path, line, text)
            try:
                row = json.loads(text)
            except ValueError as error:
                raise LabError(f"{path}:{line}: found what is no JSON ({error}); expected one object a line. Mend the line.") from error
            if not isinstance(row, dict):
                raise LabError(f"{path}:{line}: found {type(row).__name__}; expected a JSON object. Mend the line.")
            yield line, row


def _parquet(path: Path) -> Iterator[Row]:
    if not path.is_file():
        raise LabError(f"{path}: found no such file; expected data. Correct the path.")
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError as error:
        raise LabError(f'{path}: pyarrow is not installed; Parquet needs it. Install it with: pip install "metagpt[lab]"') from error
    try:
        number = 0
        with ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=4096):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except ArrowException as error:
        raise LabError(f"{path}: found what is no Parquet ({error}); expected a Parquet file. Get it anew.") from error


def _is_tag(tag: str) -> bool:
    return tag == "O" or (tag[:2] in ("B-", "I-", "E-", "S-", "L-", "U-") and len(tag) > 2)


def read_conll(path: Path) -> Iterator[tuple[int, list[str], list[str]]]:
    """Sentences of a CoNLL file: the line each begins on, its words, its tags.

    The word is the first column and the tag the last, or several tags with commas where annotators differ; columns are parted
    by tabs or spaces, sentences by lines without a word.

    Raises:
        LabError: a word without a tag, or a tag that is neither O nor of the form B-x, I-x, E-x, S-x, L-x, U-x.
    """
    words: list[str] = []
    tags: list[str] = []
    first = 1
    with _open(path) as file:
        for line, text in enumerate(file, start=1):
            _check_text(path, line, text)
            columns = text.split()
            if not columns or columns[0] == "-DOCSTART-":
                if words:
                    yield first, words, tags
                words, tags = [], []
                continue
            if len(columns) < 2:
                raise LabError(f"{path}:{line}: found the word {columns[0]!r} without a tag; expected both. Mend the line.")
            if not all(map(_is_tag, columns[-1].split(","))):
                raise LabError(f"{path}:{line}: found the tag {columns[-1]!r}; expected O, or B-x and I-x. Mend the line.")
            first = first if words else line
            words.append(columns[0])
            tags.append(columns[-1])
    if words:
        yield first, words, tags
