"""The readable text of an HTML page, in time linear in its length whatever is in it."""

from __future__ import annotations

import html
import re

__all__ = ["text_of_html"]

_LEFT_OUT = ("script", "style", "template", "noscript", "svg")
_BREAKS = re.compile(
    r"</?(?:p|div|br|li|ul|ol|dl|dt|dd|tr|table|h[1-6]|pre|section|article|header|footer|main|nav|blockquote|title|form|hr)\b[^<>]*>",
    re.IGNORECASE,
)
_TAG = re.compile(r"<[a-zA-Z/!?][^<>]*>")


def text_of_html(page: str) -> str:
    """What a reader would see, a line for each block, without links and pictures."""
    text = _without(page, "<!--", "-->")
    for name in _LEFT_OUT:
        text = _without(text, rf"<{name}\b", rf"</{name}\s*>")
    text = html.unescape(_TAG.sub("", _BREAKS.sub("\n", text)))
    lines = (" ".join(line.split()) for line in text.splitlines())
    return "\n".join(line for line in lines if line)


def _without(text: str, start: str, end: str) -> str:
    """The text without what stands between a start and the next end, both included; without an end, to the text's end."""
    begins, ends = re.compile(start, re.IGNORECASE), re.compile(end, re.IGNORECASE)
    kept: list[str] = []
    place = 0
    while found := begins.search(text, place):
        kept.append(text[place : found.start()])
        closed = ends.search(text, found.end())
        if closed is None:
            return "".join(kept)
        place = closed.end()
    return "".join([*kept, text[place:]])
