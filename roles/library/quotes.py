"""Whether a quote stands in the passage that it is said to be from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from pydantic import BaseModel, ConfigDict

from metagpt.roles.library.documents import Passage

__all__ = ["LEAST_CHARS", "Citation", "standing", "stands"]

LEAST_CHARS = 8
"""Shortest quote that says something."""

_SAME = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2010": "-", "\u2011": "-", "\u2013": "-", "\u2014": "-"}
)
"""Typographic quotation marks and dashes, and what they are on a keyboard."""


class Citation(BaseModel):
    """A quote and the document it is from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    document: str
    """As it is named beside the passage."""
    quote: str
    """Word for word."""


def standing(citations: Iterable[Citation], passages: Sequence[Passage]) -> tuple[list[Citation], list[Citation]]:
    """Those that stand in a passage of their document, each once, and those that do not."""
    good: list[Citation] = []
    bad: list[Citation] = []
    for citation in dict.fromkeys(citations):
        (good if stands(citation, passages) else bad).append(citation)
    return good, bad


def stands(citation: Citation, passages: Sequence[Passage]) -> bool:
    """Whether the quote stands there, but for space, case, emphasis and the shape of quotation marks."""
    wanted = _plain(citation.quote)
    return len(wanted) >= LEAST_CHARS and any(
        wanted in _plain(passage.text) for passage in passages if passage.document == citation.document
    )


def _plain(text: str) -> str:
    letters = unicodedata.normalize("NFKC", text).translate(_SAME).casefold()
    return " ".join(re.sub(r"[*_`]", "", letters).split())
