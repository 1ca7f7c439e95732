"""Values out of the middle of a text: numbers, quoted texts, lists, tuples, sets and dictionaries. Nothing is evaluated.

The text is anybody's: what is too long or nested too deeply is no value, and each place is looked at once, within bounds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

__all__ = ["Literal", "read_literal", "without_code_marks"]

LONGEST = 1000
"""Characters of a value."""

DEEPEST = 8
"""Levels of lists and dictionaries within each other."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value and where it stands."""

    value: Any  # Any: numbers, texts, None, and lists, tuples, sets and dictionaries of them
    source: str
    """As it is written."""
    end: int
    """Position behind it."""
    has_bare_words: bool = False
    """Whether texts in it have no quotes, as in `[ant, bee]`."""


_NUMBER = re.compile(r"[-+\u2212]?(?:0|[1-9]\d{0,299})(?:_\d{3})*(?:\.\d{1,300})?(?:[eE][-+]?\d{1,3})?(?![\w%\u00b0])")
_NO_FURTHER = re.compile(r"\.\d|[:/]\d|-\w|,\d{3}(?!\d)|\s?%")
"""What makes a number part of something else: a version, a time, a date, `2-digit`, `1,000`."""

_QUOTES = {"\u2018": "\u2019", "\u201c": "\u201d", "\u201e": "\u201c\u201d", "\u00ab": "\u00bb", "\u2039": "\u203a", "`": "`"}
_IN_PROSE = {
    "'": re.compile(r"'((?:[^'\\\n]|\\.|(?<=\w)'(?=\w)){0,1000})'(?!\w)"),
    '"': re.compile(r'"((?:[^"\\\n]|\\.){0,1000})"(?!\w)'),
    **{
        opening: re.compile(rf"{opening}((?:[^{opening}{closing}\n]|(?<=\w)[{closing}](?=\w)){{0,1000}})[{closing}](?!\w)")
        for opening, closing in _QUOTES.items()
    },
}
_IN_CODE = {
    "'": re.compile(r"'((?:[^'\\\n]|\\.){0,1000})'"),
    '"': re.compile(r'"((?:[^"\\\n]|\\.){0,1000})"'),
    **{opening: _IN_PROSE[opening] for opening in _QUOTES},
}
_TRIPLE = re.compile(r"(?P<quote>'''|\"\"\")(.{0,1000}?)(?P=quote)", re.DOTALL)
_WORD = re.compile(r"[A-Za-z][\w-]*")
_CONSTANTS = {"True": True, "False": False, "None": None, "true": True, "false": False, "null": None}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(.))")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"'}
_SPACE = re.compile(r"\s*")
_CODE = re.compile(r"`([^`\n]{1,300})`")
_CODE_SIGNS = re.compile(r"[\[{('\"=]|[-=]>|\u2192|^\s*(?:[-+]?[\d.]+|True|False|None)\s*$")


def without_code_marks(text: str) -> str:
    """The text with blanks for the backticks around code, so that what stands in it can be read; of the same length."""
    text = re.sub("``+", lambda run: " " * len(run.group()), text)
    return _CODE.sub(lambda span: f" {span.group(1)} " if _CODE_SIGNS.search(span.group(1)) else span.group(), text)


def read_literal(text: str, start: int) -> Literal | None:
    """The value that begins at a position of a text in ordinary English; None if none does."""
    sign, before = text[start], text[start - 1] if start else " "
    if sign in "[{(":
        return _container(text, start)
    if before.isalnum() or before == "_":
        return None
    if sign in _IN_PROSE:
        return _quoted(text, start)
    if sign in "-+\u2212" or sign.isdecimal():
        return _number(text, start, before)
    found = _WORD.match(text, start)
    if found and found.group() in {"True", "False", "None"}:
        return Literal(_CONSTANTS[found.group()], found.group(), found.end())
    return None


def _container(text: str, start: int) -> Literal | None:
    reader = _Reader(text[start : start + LONGEST])
    try:
        value = reader.value(0)
    except (_UnreadableError, OverflowError):
        return None
    end = start + reader.place
    if text[end : end + 1].isalnum():
        return None
    return Literal(value, text[start:end], end, reader.has_bare_words)


def _quoted(text: str, start: int) -> Literal | None:
    triple = _TRIPLE.match(text, start)
    if triple:
        return Literal(_unescaped(triple.group(2)), triple.group(), triple.end())
    found = _IN_PROSE[text[start]].match(text, start)
    if found is None:
        return None
    content = _unescaped(found.group(1)) if text[start] in "'\"" else found.group(1)
    return Literal(content, found.group(), found.end())


def _number(text: str, start: int, before: str) -> Literal | None:
    within = before in "-\u2212" and start > 1 and text[start - 2].isalnum()
    found = _NUMBER.match(text, start)
    if found is None or before in ".#$\u00a3\u20ac/^'\u2019" or within or _NO_FURTHER.match(text, found.end()):
        return None
    try:
        return Literal(_as_number(found.group()), found.group(), found.end())
    except _UnreadableError:
        return None


def _as_number(source: str) -> int | float:
    plain = source.replace("\u2212", "-").replace("_", "")
    if re.search(r"[.eE]", plain) is None:
        return int(plain)
    value = float(plain)
    if not math.isfinite(value):
        raise _UnreadableError
    return value


def _unescaped(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        code = match.group(1) or match.group(2)
        return chr(int(code, 16)) if code else _ESCAPED.get(match.group(3), match.group())

    if re.search(r"\\u[dD][89a-fA-F]", text):
        return text  # half a surrogate pair is no text
    return _ESCAPE.sub(one, text)


class _UnreadableError(ValueError):
    """What stands there is no value."""


class _Reader:
    """Reads one value of Python or JSON, unquoted words within lists included."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.place = 0
        self.has_bare_words = False

    def value(self, depth: int) -> Any:
        sign = self._next()
        if sign in "[({":
            if depth >= DEEPEST:
                raise _UnreadableError
            self.place += 1
            return {"[": self._list, "(": self._tuple, "{": self._braces}[sign](depth + 1)
        if sign in _IN_CODE:
            found = self._match(_IN_CODE[sign])
            return _unescaped(found.group(1)) if sign in "'\"" else found.group(1)
        return self._scalar(sign)

    def _scalar(self, sign: str) -> Any:
        if sign.isdecimal() or sign in "-+\u2212":
            return _as_number(self._match(_NUMBER).group())
        word = self._match(_WORD).group()
        if word in _CONSTANTS:
            return _CONSTANTS[word]
        self.has_bare_words = True
        return word

    def _list(self, depth: int) -> list[Any]:
        return self._items("]", lambda: self.value(depth))[0]

    def _tuple(self, depth: int) -> tuple[Any, ...]:
        had_bare_words = self.has_bare_words
        items, num_commas = self._items(")", lambda: self.value(depth))
        if not num_commas or self.has_bare_words > had_bare_words:
            raise _UnreadableError  # a remark in brackets
        return tuple(items)

    def _braces(self, depth: int) -> dict[Any, Any] | frozenset[Any]:
        is_dict = True

        def pair() -> Any:
            nonlocal is_dict
            key = self.value(depth)
            if isinstance(key, list | dict):
                raise _UnreadableError
            if self._next() != ":":
                is_dict = False
                return key
            self.place += 1
            return key, self.value(depth)

        items = self._items("}", pair)[0]
        try:
            return dict(items) if is_dict else frozenset(items)
        except (TypeError, ValueError):
            raise _UnreadableError from None

    def _items(self, closing: str, read: Callable[[], Any]) -> tuple[list[Any], int]:
        """What stands up to the closing bracket, and the number of commas."""
        items, num_commas = [], 0
        while self._next() != closing:
            items.append(read())
            if self._next() == ",":
                num_commas += 1
                self.place += 1
            elif self._next() != closing:
                raise _UnreadableError
        self.place += 1
        return items, num_commas

    def _next(self) -> str:
        """The next sign that is no blank."""
        found = _SPACE.match(self._text, self.place)
        self.place = found.end() if found else self.place
        if self.place >= len(self._text):
            raise _UnreadableError
        return self._text[self.place]

    def _match(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self._text, self.place)
        if found is None:
            raise _UnreadableError
        self.place = found.end()
        return found
