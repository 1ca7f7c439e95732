"""TOML with the line of every table and key.

tomllib reads the values and says what is wrong, but keeps no lines. A text that it has accepted is then simple to follow:
strings, comments and brackets are known from their first character, so the keys are found by walking over those.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from metagpt.errors import ConfigError
from metagpt.from_file.source import KeyPath, Source, read_text

__all__ = ["read_toml", "toml_lines"]

_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
      | (?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5} | '{3}.*?'{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*')
      | (?P<newline>\n)
      | (?P<sign>[\[\]{}=.,])
      | (?P<bare>[^\s\#"'\[\]{}=.,]+)""",
    re.VERBOSE | re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    text: str
    line: int


def read_toml(file: Path) -> Source:
    """The file's tables.

    Raises:
        ConfigError: it cannot be read, or is no TOML; the error names the line.
    """
    text = read_text(file)
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"at line (\d+)", str(error))
        line = where[1] if where else max(1, len(text.splitlines()))
        raise ConfigError(
            f"{file}:{line}: found text that is no TOML ({error}); expected tables such as [roles.writer]. Mend it."
        ) from error
    except RecursionError as error:
        raise ConfigError(f"{file}:1: found brackets nested too deeply; expected a table of roles. Mend it.") from error
    lines, texts = toml_lines(text)
    return Source(file=file, table=table, lines=lines, texts=texts)


def toml_lines(text: str) -> tuple[dict[KeyPath, int], dict[KeyPath, int]]:
    """The line of each table and key of valid TOML, and the line that each text of several lines begins in."""
    lines: dict[KeyPath, int] = {}
    texts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    for statement in _statements(text.replace("\r\n", "\n")):
        first = statement[0]
        if first.text == "[":
            table = _key(statement)
            for depth in range(1, len(table) + 1):
                lines.setdefault(table[:depth], first.line)
            continue
        equals = next(index for index, token in enumerate(statement) if token.text == "=" and token.kind == "sign")
        path = (*table, *_key(statement[:equals]))
        for depth in range(len(table) + 1, len(path) + 1):
            lines.setdefault(path[:depth], first.line)
        value = statement[equals + 1]
        if value.text.startswith(('"""\n', "'''\n")):  # that newline is no part of the text
            texts[path] = value.line + 1
        _inline_keys(statement[equals + 1 :], path, lines)
    return lines, texts


def _statements(text: str) -> Iterator[list[_Token]]:
    """Tokens of one table header or one assignment at a time, without comments."""
    statement: list[_Token] = []
    depth = 0
    for token in _tokens(text):
        if token.kind == "newline":
            if statement and not depth:
                yield statement
                statement = []
            continue
        if token.kind == "sign":
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.text, 0)
        statement.append(token)
    if statement:
        yield statement


def _tokens(text: str) -> Iterator[_Token]:
    line = 1
    for match in _TOKEN.finditer(text):
        kind = match.lastgroup or ""
        if kind != "comment":
            yield _Token(kind, match[0], line)
        line += match[0].count("\n")


def _key(tokens: list[_Token]) -> KeyPath:
    """The parts of a dotted key, quoted ones unquoted."""
    return tuple(
        tomllib.loads(f"x = {token.text}")["x"] if token.kind == "string" else token.text for token in tokens if token.kind != "sign"
    )


def _inline_keys(value: list[_Token], path: KeyPath, lines: dict[KeyPath, int]) -> None:
    """The keys of a table in braces, as far as they stand on its first level."""
    if value[0].text != "{":
        return
    depth, key = 0, list[_Token]()
    for token in value:
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.text, 0) if token.kind == "sign" else 0
        if depth == 1 and token.text == "=" and token.kind == "sign":
            lines.setdefault((*path, *_key(key)), key[0].line)
        if token.kind == "sign" and token.text in ("{", ",", "="):
            key = []
        else:
            key.append(token)
