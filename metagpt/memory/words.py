"""Which texts share words with a query, the best first.

BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", eq. 3.15): a text's score is the
sum over the query's words w of idf(w) · tf · (k1 + 1) / (tf + k1 · (1 - b + b · length / mean length)), with tf how often w
stands in the text, and idf(w) = ln(1 + (N - n + 0.5) / (n + 0.5)) for n of N texts that hold w; the 1 keeps it above zero.

Two things differ. A score is told as a part of what a text of mean length gets that holds every word of the query once, so
that scores of different queries can be compared. And words that more than half of the texts hold are left out where the
query has rarer ones: they tell next to nothing, and looking them up is most of the work.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from heapq import nlargest

__all__ = ["WordIndex", "highest", "scored", "telling", "words"]

_K1, _B = 1.2, 0.75


def words(text: str) -> list[str]:
    """The text's words, in lower case."""
    return re.findall(r"\w+", text.lower())


def _idf(holding: int, texts: int) -> float:
    return math.log(1 + (texts - holding + 0.5) / (holding + 0.5))


def telling(holding: Mapping[str, int], texts: int) -> list[str]:
    """The words to look up, of the query's: told with how many of the texts hold each."""
    rare = [word for word, count in holding.items() if 0 < count <= max(1, texts / 2)]
    return rare or [word for word, count in holding.items() if count]


def scored(
    found: Mapping[str, Iterable[tuple[int, int, int]]], holding: Mapping[str, int], texts: int, mean_length: float
) -> dict[int, float]:
    """Scores by number.

    Args:
        found: For each word to look up, the texts that hold it: number, how often, and how many words the text has.
        holding: For every word of the query, how many texts hold it.
        texts: How many there are.
        mean_length: Of all of them, in words.
    """
    most = sum(_idf(count, texts) for count in holding.values())
    scores: dict[int, float] = defaultdict(float)
    for word, rows in found.items():
        value = _idf(holding[word], texts) * (_K1 + 1) / most
        for number, times, length in rows:
            scores[number] += value * times / (times + _K1 * (1 - _B + _B * length / mean_length))
    return scores


def highest(scores: Mapping[int, float], limit: int) -> dict[int, float]:
    """The highest scores, the best first, of equals that of the highest number."""
    return {number: scores[number] for number in nlargest(max(0, limit), scores, key=lambda number: (scores[number], number))}


class WordIndex:
    """Texts by number, found by the words that they hold."""

    def __init__(self) -> None:
        self._holding: dict[str, dict[int, int]] = {}
        """By word, how often it stands in which text."""
        self._words: dict[int, tuple[str, ...]] = {}
        """By text, which words stand in it."""
        self._lengths: dict[int, int] = {}
        self._length = 0

    def add(self, number: int, text: str) -> None:
        """Take in a text under a number that is free."""
        found = words(text)
        counts = Counter(found)
        for word, times in counts.items():
            self._holding.setdefault(word, {})[number] = times
        self._words[number] = tuple(counts)
        self._lengths[number] = len(found)
        self._length += len(found)

    def discard(self, number: int) -> None:
        """Forget the text of that number."""
        for word in self._words.pop(number):
            del self._holding[word][number]
            if not self._holding[word]:
                del self._holding[word]
        self._length -= self._lengths.pop(number)

    def best(self, query: str, limit: int) -> dict[int, float]:
        """Scores of the texts that share words with the query by number, the best first, of equals the newest."""
        holding = {word: len(self._holding.get(word, ())) for word in sorted(set(words(query)))}
        texts = len(self._lengths)
        asked = telling(holding, texts)
        found = {word: [(number, times, self._lengths[number]) for number, times in self._holding[word].items()] for word in asked}
        return highest(scored(found, holding, texts, self._length / max(1, texts)), limit)
