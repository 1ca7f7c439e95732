"""Which texts share words with a query, the best first.

BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", eq. 3.15): the sum over the
query's words w of idf(w) · tf · (k1 + 1) / (tf + k1 · (1 - b + b · length / mean length)), with tf how often w stands in the
text and idf(w) = ln(1 + (N - n + 0.5) / (n + 0.5)) for n of N texts that hold w; the 1 keeps it above zero.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

__all__ = ["Ranking", "words"]

_K1, _B = 1.2, 0.75


def words(text: str) -> list[str]:
    """The text's words, in lower case."""
    return re.findall(r"\w+", text.casefold())


class Ranking:
    """Texts, ready to be searched.

    Args:
        texts: They are known by their number, from 0.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts = [Counter(words(text)) for text in texts]
        self._holding = Counter(word for counts in self._counts for word in counts)
        self._mean_length = sum(counts.total() for counts in self._counts) / max(1, len(texts))

    def idf(self, word: str) -> float:
        """How much a word tells: more, the fewer texts hold it."""
        holding = self._holding[word]
        return math.log(1 + (len(self._counts) - holding + 0.5) / (holding + 0.5))

    def best(self, query: str, limit: int) -> list[int]:
        """Numbers of the texts that share words with the query, the best first, of equals the first."""
        wanted = [(word, self.idf(word)) for word in sorted(set(words(query))) if word in self._holding]
        scores = [sum(value * self._weight(counts, word) for word, value in wanted) for counts in self._counts]
        order = sorted(range(len(scores)), key=lambda number: (-scores[number], number))
        return [number for number in order[: max(0, limit)] if scores[number] > 0]

    def _weight(self, counts: Counter[str], word: str) -> float:
        times = counts[word]
        return times * (_K1 + 1) / (times + _K1 * (1 - _B + _B * counts.total() / max(self._mean_length, 1.0)))

    def coverage(self, query: str, numbers: Sequence[int]) -> float:
        """How much of the query stands in these texts, 0 to 1: the part of its words, each counted by its idf."""
        value = {word: self.idf(word) for word in set(words(query))}
        whole = sum(value.values())
        there = sum(each for word, each in value.items() if any(word in self._counts[number] for number in numbers))
        return there / whole if whole else 0.0
