"""Texts without quotes in examples, as `hello -> olleh`: where they begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from metagpt.roles.software.example_wording import word_set
from metagpt.roles.software.literals import without_code_marks

__all__ = ["unquoted_texts"]

MOST_WORDS = 4

_ARROW = r"(?:[-=]+>|[\u2192\u21d2\u21a6])"
_PIECE = r"[^\s,;:()\[\]{}'\"`<>=\u2192\u21d2\u21a6\u201c\u201d\u2018\u2019]{1,40}"
_WORDS = rf"{_PIECE}(?:[ ]{_PIECE}){{0,{MOST_WORDS - 1}}}?(?<![.!?])"
_ANNOUNCED = r"(?:\be\.?g\.?|\bfor (?:example|instance)|\bexamples?|\bex\.?|\binput|\bsamples?|\btests?|\blike(?: this)?)[,:]?"
_VERB = r"(?:(?:should|must|would) )?(?:gives?|becomes?|returns?|yields?|turns? into|is)"

_BEGINNING = rf"(?:{_ANNOUNCED}[ ]+|(?:^|[(.,;:?!\n])[ \t]*(?:[-*\u2022][ ]+)?(?!{_ANNOUNCED}))"
_BEFORE_ARROW = re.compile(rf"{_BEGINNING}(?P<text>{_WORDS})[ ]*(?={_ARROW})", re.IGNORECASE)
_BEFORE_VERB = re.compile(rf"{_ANNOUNCED}[ ]+(?P<text>{_WORDS})(?=[ ]{_VERB}[ ])", re.IGNORECASE)
_BEFORE_OUTPUT = re.compile(rf"\binput[:,]?[ ]+(?P<text>{_WORDS})(?=[,]?\s+output\b)", re.IGNORECASE)
_END = r"(?=[ ]*(?:$|[,;)\n]|[.!?](?:\s|$)))"
_RESULT = re.compile(rf"(?:{_ARROW}|\boutput[:,]?|\b{_VERB})[ ]+(?P<text>{_WORDS}){_END}", re.IGNORECASE)
_OF_NUMBER = re.compile(rf"{_ANNOUNCED}[ ]+-?\d[\d.]*[ ]*{_ARROW}[ ]*(?P<text>{_WORDS}){_END}", re.IGNORECASE)
_EXAMPLE = re.compile(_ANNOUNCED, re.IGNORECASE)
_LITERAL_RESULT = re.compile(rf"{_ARROW}[ ]*[-\d'\"\[{{TF]")

_OF_THE_TASK = word_set(
    "text texts string strings word words list lists number numbers input inputs output outputs empty none null any each every name names"
    " key keys value values result results letter letters character characters char chars int str float bool boolean integer uppercase"
    " lowercase upper lower something anything nothing other others otherwise else it this that these those which what how many much digit"
    " digits vowel vowels consonant consonants same original first last whole sentence line lines please pls thx thanks thank dict"
    " dictionary array true false yes no positive negative even odd sum total count length reversed sorted snake_case camelcase title item"
    " items element elements year years if when for example instance eg"
)
"""Words about texts: `product name -> how many are left` is no example."""

_PUNCTUATES = re.compile(r"full stop|period|\bdots?\b|exclamation|question mark|punctuation", re.IGNORECASE)


def unquoted_texts(goal: str) -> dict[int, int]:
    """Ends of the texts by where they begin; none where a goal is about full stops and the like, for they could belong to the text."""
    text = without_code_marks(goal)
    example = _EXAMPLE.search(text)
    if _PUNCTUATES.search(text):
        return {}
    found = dict(_arguments(text, example.start() if example else len(text)))
    if found:
        found.update({start: end for start, end in _fit(_RESULT.finditer(text)) if start > min(found)})
    return {**found, **dict(_fit(_OF_NUMBER.finditer(text)))}


def _arguments(text: str, announced: int) -> Iterator[tuple[int, int]]:
    for start, end in _fit(_BEFORE_ARROW.finditer(text)):
        if start > announced or _LITERAL_RESULT.match(text[end : end + 20].lstrip()):
            yield start, end
    yield from _fit(_BEFORE_VERB.finditer(text))
    yield from _fit(_BEFORE_OUTPUT.finditer(text))


def _fit(matches: Iterator[re.Match[str]]) -> Iterator[tuple[int, int]]:
    """Those that are texts themselves, not words about texts."""
    for match in matches:
        words = match["text"].lower().split()
        if not _OF_THE_TASK & set(words) and any(len(word) > 1 for word in words):
            yield match.span("text")
