"""A goal in pieces: words, marks, and the values and calls that stand in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from metagpt.roles.software.literals import Literal, read_literal, without_code_marks

__all__ = ["ARROW", "LINE", "Token", "read_tokens"]

ARROW = "->"
"""The word of every arrow, however it is drawn."""

LINE = "\n"
"""The word of a line break."""

MOST_ARGUMENTS = 8

_ARROW = re.compile(r"\|?[-=]+>|[\u2192\u21d2\u27f6\u27f9\u21a6\u279c\u2794]")
_ABBREVIATION = re.compile(r"(e\.\s?g|i\.\s?e)\b\.?", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d]\w*|\d[\w.,:%/-]*\w%?|\d+%?")
_ENDING = re.compile(r"['\u2019](?:s|d|ll|re|ve|m|t)\b")
_MARK = re.compile(r">>>|={1,3}|\.{2,}|--+|.", re.DOTALL)
_NAME = re.compile(r"[A-Za-z_]\w*")
_KEYWORD = re.compile(r"\s*(?:([A-Za-z_]\w*)\s*=(?!=)\s*)?")
_SEPARATOR = re.compile(r"\s*([,)])")
_BARE_ARGUMENT = re.compile(r"\s*([^\W\d_][^\W\d_]+(?: [^\W\d_]+){0,3})\s*(?=\))")
_BLANKS = re.compile(r"[^\S\n]+")
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a goal."""

    word: str
    """In lower case; nothing for values and calls."""
    values: tuple[Literal, ...] = ()
    """The value, or the arguments of a call."""
    names: tuple[str, ...] = ()
    """The parameters that a call names, one for each value; empty where it names none."""
    function: str = ""
    """What is called; nothing for a value."""

    @property
    def is_value(self) -> bool:
        """Whether it is a value by itself."""
        return bool(self.values) and not self.function


def read_tokens(goal: str, *, booleans: bool = False, unquoted: Mapping[int, int] | None = None) -> list[Token]:
    """The pieces in their order.

    Args:
        goal: In anybody's words.
        booleans: Whether yes, no, true and false are values.
        unquoted: Where texts without quotes begin and end, to be read as values.
    """
    text = without_code_marks(goal)
    return _Tokenizer(text, booleans, unquoted).tokens()


class _Tokenizer:
    def __init__(self, text: str, booleans: bool, unquoted: Mapping[int, int] | None) -> None:
        self._text = text
        self._booleans = booleans
        self._unquoted = unquoted
        self._place = 0

    def tokens(self) -> list[Token]:
        found: list[Token] = []
        while self._place < len(self._text):
            blanks = _BLANKS.match(self._text, self._place)
            if blanks:
                self._place = blanks.end()
            else:
                found.append(self._next(found[-1].word if found else ""))
        return found

    def _next(self, before: str) -> Token:
        text, start = self._text, self._place
        if self._unquoted and start in self._unquoted:
            self._place = self._unquoted[start]
            source = text[start : self._place]
            return Token("", (Literal(source, source, self._place, has_bare_words=True),))
        call = self._call()
        if call:
            return call
        arrow = _ARROW.match(text, start)
        if arrow:
            self._place = arrow.end()
            return Token(ARROW)
        literal = read_literal(text, start)
        if literal:
            self._place = literal.end
            return Token("", (literal,))
        return self._word(before)

    def _word(self, before: str) -> Token:
        text, start = self._text, self._place
        ending = _ENDING.match(text, start) if before.isalpha() and text[start - 1].isalnum() else None
        found = ending or _ABBREVIATION.match(text, start) or _WORD.match(text, start) or _MARK.match(text, start)
        assert found is not None  # every sign is a mark
        self._place = found.end()
        word = found.group().lower().replace("\u2019", "'")
        if _ABBREVIATION.fullmatch(word):
            word = word[0] + word.rstrip(".")[-1]
        if self._booleans and word in _BOOLEANS:
            return Token("", (Literal(_BOOLEANS[word], found.group(), found.end()),))
        return Token(word)

    def _call(self) -> Token | None:
        """`name(value, other=value)`; None if something else begins here."""
        name = _NAME.match(self._text, self._place)
        if name is None or self._text[name.end() : name.end() + 1] != "(":
            return None
        values: list[Literal] = []
        names: list[str] = []
        place, sign = name.end() + 1, ","
        while sign == ",":
            found = self._argument(place)
            separator = _SEPARATOR.match(self._text, found[1].end) if found else None
            if found is None or separator is None or len(values) == MOST_ARGUMENTS:
                return None
            names.append(found[0])
            values.append(found[1])
            place, sign = separator.end(), separator.group(1)
        self._place = place
        return Token("", tuple(values), tuple(names) if any(names) else (), name.group())

    def _argument(self, place: int) -> tuple[str, Literal] | None:
        """A parameter's name, or none, and its value."""
        keyword = _KEYWORD.match(self._text, place)
        start = keyword.end() if keyword else place
        name = (keyword.group(1) or "") if keyword else ""
        if start >= len(self._text):
            return None
        literal = read_literal(self._text, start)
        if literal is None:
            bare = _BARE_ARGUMENT.match(self._text, start)
            literal = Literal(bare.group(1), bare.group(1), bare.end(1), has_bare_words=True) if bare else None
        return (name, literal) if literal else None
