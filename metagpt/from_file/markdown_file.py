"""Markdown as tables: front matter for settings, headings for roles and handlers, the text below them for persona and prompt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from metagpt.errors import ConfigError
from metagpt.from_file.front_matter import FrontMatter
from metagpt.from_file.source import KeyPath, Source, Table, read_text

__all__ = ["read_markdown"]

_FENCE = re.compile(r"^ {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r"^(#{2,3})[ \t]+(.*?)[ \t]*#*$")
_SIGNATURE = re.compile(r"^(?P<name>[^:]*?)\s*:\s*(?P<hears>.+?)\s*->\s*(?P<says>.+)$")


@dataclass(slots=True)
class _Part:
    """A heading and the text below it, up to the next one."""

    level: int
    """2 or 3; 1 for what stands above the first heading."""
    heading: str
    line: int
    rows: list[str] = field(default_factory=list)

    @property
    def first(self) -> int:
        """How many blank rows stand above the text."""
        return next((index for index, row in enumerate(self.rows) if row.strip()), 0)

    @property
    def text(self) -> str:
        return "\n".join(self.rows).strip()


def read_markdown(file: Path, kind: Literal["role", "team"]) -> Source:
    """A role file (`## handler: Hears -> Says`), or a team file (`## role`, below it `### handler: Hears -> Says`).

    Raises:
        ConfigError: it cannot be read, or its front matter is none.
    """
    rows = read_text(file).replace("\r\n", "\n").split("\n")
    front, body = _front_matter(file, rows)
    parts = list(_parts(rows, body, deepest=2 if kind == "role" else 3))
    whole = _Whole(file, front.table, front.lines, front.texts)
    role: KeyPath = ()
    if kind == "role":
        whole.put((*role, "persona"), parts[0], _untitled(parts[0]))
    for part in parts[1:]:
        if kind == "team" and part.level == 2:
            role = ("roles", part.heading)
            whole.open(role, part.line)
            whole.put((*role, "persona"), part, part.text)
        elif kind == "team" and not role:
            raise ConfigError(f"{file}:{part.line}: found handler {part.heading!r} above every role; expected `## role` first. Add it.")
        else:
            whole.put_handler(role, part)
    return Source(file=file, table=whole.table, lines=whole.lines, texts=whole.texts)


def _front_matter(file: Path, rows: list[str]) -> tuple[FrontMatter, int]:
    """What stands between the two `---`, and the number of the row below them."""
    if rows[0].rstrip() != "---":
        return FrontMatter(file, "", above=0), 0
    end = next((index for index, row in enumerate(rows[1:], 1) if row.rstrip() == "---"), None)
    if end is None:
        raise ConfigError(f"{file}:1: found `---` that is never closed; expected a second line of `---` below the settings. Add it.")
    return FrontMatter(file, "\n".join(rows[1:end]), above=1), end + 1


def _parts(rows: list[str], start: int, *, deepest: int) -> Iterator[_Part]:
    """The text cut at headings; those in fenced blocks, and deeper ones, are text."""
    part = _Part(1, "", start + 1)
    fence = ""
    for number, row in enumerate(rows[start:], start + 1):
        mark = _FENCE.match(row)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence) and not row.strip().strip(fence[0]):
            fence = ""
        heading = None if fence else _HEADING.match(row)
        if heading and len(heading[1]) <= deepest:
            yield part
            part = _Part(len(heading[1]), heading[2], number)
        else:
            part.rows.append(row)
    yield part


def _untitled(part: _Part) -> str:
    """The text above the first heading, without the file's own title."""
    return re.sub(r"\A#[ \t][^\n]*\n?", "", part.text).strip()


@dataclass(slots=True)
class _Whole:
    """Front matter and headings laid together."""

    file: Path
    table: Table
    lines: dict[KeyPath, int]
    texts: dict[KeyPath, int]

    def open(self, path: KeyPath, line: int) -> Table:
        """The table at a path, made where it is not there yet."""
        above = table = self.table
        for depth, key in enumerate(path, 1):
            inner = table.setdefault(key, {})
            if not isinstance(inner, dict):
                place = self.lines.get(path[:depth], line)
                raise ConfigError(
                    f"{self.file}:{place}: found {'.'.join(path[:depth])} = {inner!r}; expected keys and values. Indent them."
                )
            above, table = table, inner
        self.lines[path] = line  # the heading, rather than the settings above, is where a reader looks
        above[path[-1]] = above.pop(path[-1])  # and the headings' order is the file's
        return table

    def put(self, path: KeyPath, part: _Part, text: str) -> None:
        """A text that stands below a heading, if there is any."""
        if not text:
            return
        self.say(path, text, part.line)
        self.texts[path] = part.line + part.first + (1 if part.level > 1 else 0)

    def put_handler(self, role: KeyPath, part: _Part) -> None:
        """A heading that is a handler, and its prompt."""
        signature = _SIGNATURE.match(part.heading)
        path = (*role, "handlers", signature["name"] if signature else part.heading)
        self.open(path, part.line)
        if signature:
            self.say((*path, "hears"), signature["hears"], part.line)
            self.say((*path, "says"), signature["says"], part.line)
        self.put((*path, "prompt"), part, part.text)

    def say(self, path: KeyPath, value: str, line: int) -> None:
        """One value, that must not be said in the front matter too."""
        table = self.open(path[:-1], self.lines.get(path[:-1], line)) if path[:-1] else self.table
        if path[-1] in table:
            raise ConfigError(
                f"{self.file}:{line}: found {'.'.join(path)} here and in the settings above; expected it once. Remove one of them."
            )
        table[path[-1]] = value
        self.lines[path] = line
