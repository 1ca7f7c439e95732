"""A file's tables, with the line of each, and the findings that name them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from metagpt.errors import ConfigError

__all__ = ["MOST_BYTES", "Findings", "KeyPath", "Source", "Table", "read_text"]

KeyPath: TypeAlias = tuple[str, ...]
Table: TypeAlias = dict[str, Any]  # Any: TOML and YAML values, checked key by key

MOST_BYTES = 1_000_000
"""Largest file that is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What stands in a file, and where."""

    file: Path
    """As the user named it."""
    table: Table
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    """The line of each table and key, from 1."""
    texts: Mapping[KeyPath, int] = field(default_factory=dict)
    """The line that a text begins in, where it is not that of its key."""

    def line(self, path: KeyPath) -> int:
        """The line of a key, or of the nearest table above it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def place(self, path: KeyPath, row: int | None = None) -> str:
        """`FILE:LINE` of a key; of a row of its text, counted from 1, where one is given."""
        line = self.line(path) if row is None else self.texts.get(path, self.line(path)) + row - 1
        return f"{self.file}:{line}"


@dataclass(slots=True)
class Findings:
    """Everything that is wrong, one sentence each, each with its place."""

    lines: list[str] = field(default_factory=list)

    def add(self, place: str, text: str) -> None:
        """Add one; the same is not said twice."""
        line = f"{place}: {text}"
        if line not in self.lines:
            self.lines.append(line)


def read_text(file: Path) -> str:
    """The file's text.

    Raises:
        ConfigError: there is no such file, it is too large or it is no text.
    """
    try:
        size = file.stat().st_size
        if size > MOST_BYTES:
            raise ConfigError(f"{file}: found {size} bytes; expected at most {MOST_BYTES}. Name a file of roles.")
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(
            f"{file}: {error.strerror}; expected a readable file. Mind the folder you are in: {str(Path.cwd())!r}."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: found bytes that are no UTF-8 text ({error.reason}); expected text. Save it as UTF-8.") from error
