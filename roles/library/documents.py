"""Documents of a folder, cut into passages of a few paragraphs each."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from pydantic import BaseModel, ConfigDict

from metagpt.errors import ActionError
from metagpt.roles.library.ranking import Ranking

__all__ = ["ENDINGS", "MOST_BYTES", "PASSAGE_CHARS", "Library", "Passage", "cut"]

ENDINGS = (".md", ".txt", ".rst")
"""Files that are read."""

MOST_BYTES = 2_000_000
"""Largest file that is read."""

PASSAGE_CHARS = 1_200
"""About how long a passage is; a longer paragraph is cut at the end of a sentence."""

_Stamp: TypeAlias = tuple[tuple[str, int, int], ...]


class Passage(BaseModel):
    """A few paragraphs of a document, word for word."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: str
    """The file, relative to the folder."""
    text: str


class Library:
    """The documents of a folder; read when they are first asked for, and again when a file has changed.

    Links are left out, so that nothing outside of the folder is read.

    Args:
        folder: Where they are.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._read_last: tuple[_Stamp, list[Passage], Ranking] | None = None

    def passages(self) -> list[Passage]:
        """All passages, in the order of the documents; as `ranked`."""
        return self.ranked()[0]

    def ranked(self) -> tuple[list[Passage], Ranking]:
        """All passages, and the ranking that finds them by number.

        Raises:
            ActionError: there is no such folder, or there are no documents in it.
        """
        files = list(self._files())
        if not files:
            raise ActionError(
                f"documents: found none in {str(self.folder)!r} (working folder {str(Path.cwd())!r}); expected files that end in"
                f" {', '.join(ENDINGS)}. Put them there, or name another folder where the team is made."
            )
        stamp = tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files)
        if self._read_last is not None and self._read_last[0] == stamp:
            return self._read_last[1:]
        passages = [passage for file in files for passage in self._read(file)]
        self._read_last = stamp, passages, Ranking([passage.text for passage in passages])
        return self._read_last[1:]

    def names(self) -> list[str]:
        """The documents that hold text."""
        return list(dict.fromkeys(passage.document for passage in self.passages()))

    def _files(self) -> Iterator[Path]:
        for folder, below, names in os.walk(self.folder):
            below[:] = sorted(name for name in below if not name.startswith("."))
            for name in sorted(names):
                file = Path(folder, name)
                if name.endswith(ENDINGS) and not name.startswith(".") and file.is_file() and not file.is_symlink():
                    yield file

    def _read(self, file: Path) -> Iterator[Passage]:
        if file.stat().st_size > MOST_BYTES:
            raise ActionError(f"documents: found {str(file)!r} larger than {MOST_BYTES} bytes; expected less. Cut it into several files.")
        try:
            text = file.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            raise ActionError(
                f"documents: found bytes that are no UTF-8 text in {str(file)!r}; expected text. Save it as UTF-8."
            ) from error
        name = file.relative_to(self.folder).as_posix()
        for part in cut(text):
            yield Passage(document=name, text=part)


def cut(text: str) -> Iterator[str]:
    """The text's passages: neighbouring paragraphs together, and a heading with what stands below it."""
    gathered = ""
    for paragraph in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n")):
        part = paragraph.strip()
        if not part:
            continue
        is_heading = part.startswith("#")
        if gathered and (len(gathered) + len(part) > PASSAGE_CHARS or is_heading):
            yield from _sentences(gathered)
            gathered = ""
        gathered = f"{gathered}\n\n{part}" if gathered else part
    if gathered:
        yield from _sentences(gathered)


def _sentences(text: str) -> Iterator[str]:
    """The text in pieces that are not much too long, each a slice of it."""
    while len(text) > 2 * PASSAGE_CHARS:
        ends = [match.end() for match in re.finditer(r"[.!?]\s+|\n", text[: 2 * PASSAGE_CHARS])]
        end = next((each for each in reversed(ends) if each > PASSAGE_CHARS // 2), 2 * PASSAGE_CHARS)
        yield text[:end].strip()
        text = text[end:]
    if text.strip():
        yield text.strip()
