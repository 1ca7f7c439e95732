"""Reading a table key by key: each getter adds a finding where the value is not what it must be."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from metagpt.errors import did_you_mean
from metagpt.from_file.source import Findings, KeyPath, Source, Table

__all__ = ["Section"]


@dataclass(frozen=True, slots=True)
class Section:
    """One table of a file."""

    source: Source
    findings: Findings
    table: Table
    path: KeyPath = ()

    @property
    def name(self) -> str:
        """What the table is called in findings."""
        return ".".join(self.path) or "the file"

    def wrong(self, key: str | None, text: str, *, row: int | None = None) -> None:
        """Add a finding about a key, or about the whole table."""
        path = self.path if key is None else (*self.path, key)
        self.findings.add(self.source.place(path, row), f"{self.name}: {text}")

    def told(self, key: str, error: Exception) -> None:
        """Add what an error says about a key, as a sentence."""
        text = str(error)
        self.wrong(key, text if text.endswith((".", "?", "!")) else f"{text}.")

    def place(self, key: str | None = None) -> str:
        """`FILE:LINE` of a key, or of the table."""
        return self.source.place(self.path if key is None else (*self.path, key))

    def only(self, *known: str) -> None:
        """Refuse every other key."""
        for key in self.table:
            if key not in known:
                self.wrong(key, f"found key {key!r}; expected one that is read here. {did_you_mean(str(key), known)}")

    def text(self, key: str) -> str | None:
        """A text that is not blank."""
        value = self.table.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not value.strip():
            self.wrong(key, f"found {key} = {value!r}; expected text. Write it in quotes.")
            return None
        return value

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of texts, or a single one."""
        value = self.table.get(key)
        if value is None:
            return None
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list) or not all(isinstance(item, str) and item.strip() for item in items):
            self.wrong(key, f'found {key} = {value!r}; expected a list of names. Write it as ["one", "two"].')
            return None
        return tuple(items)

    def whole(self, key: str, least: int = 1) -> int | None:
        """A whole number."""
        value = self.table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            self.wrong(key, f"found {key} = {value!r}; expected a whole number, {least} or more. Change it, or leave it out.")
            return None
        return value

    def number(self, key: str, least: float = 0.0) -> float | None:
        """A number."""
        value = self.table.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
            self.wrong(key, f"found {key} = {value!r}; expected a number, {least:g} or more. Change it, or leave it out.")
            return None
        return float(value)

    def truth(self, key: str) -> bool:
        """`true` or `false`; false where it is left out."""
        value = self.table.get(key, False)
        if not isinstance(value, bool):
            self.wrong(key, f"found {key} = {value!r}; expected true or false. Change it, or leave it out.")
            return False
        return value

    def choice(self, key: str, known: Collection[str]) -> str | None:
        """One of a few words."""
        value = self.table.get(key)
        if value is None:
            return None
        if value not in known:
            self.wrong(key, f"found {key} = {value!r}; expected another word. {did_you_mean(str(value), known)}")
            return None
        return str(value)

    def section(self, key: str) -> Section:
        """The table of that name; empty where it is left out."""
        value: Any = self.table.get(key, {})
        if not isinstance(value, dict):
            self.wrong(key, f"found {key} = {value!r}; expected a table. Write its keys below [{'.'.join((*self.path, key))}].")
            value = {}
        return Section(self.source, self.findings, value, (*self.path, key))

    def sections(self, key: str) -> Iterator[tuple[str, Section]]:
        """The tables of the table of that name."""
        inner = self.section(key)
        for name in inner.table:
            yield str(name), inner.section(name)
