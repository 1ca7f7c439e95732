"""Vectors by number, the closest ones to a query found by one matrix product.

A product with every row is exact, needs no building and forgets a row at once; below some 100,000 rows an index beside it
gains nothing worth its errors: 10⁵ rows of 384 floats are 150 MB, read once per query, in some 10 ms. Source: NVIDIA cuVS
documentation, "Brute-force": the choice for "a few thousand to a few million" vectors where exact neighbours count.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Mapping, Sequence
from typing import TYPE_CHECKING

from metagpt.memory.words import highest

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

__all__ = ["VectorIndex", "merged", "pieces"]

_PIECE_CHARS = 900
"""MiniLM reads the first 256 word pieces of a text, some 1000 letters of English; what comes after would count for nothing."""
_WORDS_WEIGHT = 0.2
"""Anything from 0.1 to 1 told numbers apart in benchmarks/memory_recall.py; 0.5 and more put chance words before a close meaning."""


def pieces(text: str, most_chars: int = _PIECE_CHARS) -> list[str]:
    """The text in pieces that an encoder reads whole, cut between words where there are any; never none."""
    found = []
    while len(text) > most_chars:
        cut = text.rfind(" ", most_chars // 2, most_chars) + 1 or most_chars
        found.append(text[:cut].strip())
        text = text[cut:]
    return [*found, text.strip()]


def merged(near: Mapping[int, float], named: Mapping[int, float], limit: int) -> list[int]:
    """One ranking of cosines and of scores by words, the best first; what stands in one alone has 0 of the other.

    Both are parts of the most that a query can get, so a match of a word or two that say little does not outdo a close meaning.
    Source: Bruch, Gai and Ingber 2023, "An Analysis of Fusion Functions for Hybrid Retrieval", arXiv:2210.11934: a convex
    combination of scores scaled by their bounds; ours counts words a fifth, and cosines below zero as zero.
    """
    scores = {number: max(0.0, near.get(number, 0.0)) + _WORDS_WEIGHT * named.get(number, 0.0) for number in {*near, *named}}
    return list(highest(scores, limit))


class VectorIndex:
    """Rows of length 1, one or several per number; dimensions are those of the first."""

    def __init__(self) -> None:
        self._rows: NDArray[float32] | None = None
        """With room for more at the end."""
        self._numbers: list[int] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, numbers: Sequence[int], rows_ND: NDArray[float32]) -> None:  # noqa: N803 - N rows of D dimensions
        """Take in rows, each under its number."""
        import numpy as np

        if not numbers:
            return
        used, needed = len(self._numbers), len(self._numbers) + len(numbers)
        if self._rows is None or needed > len(self._rows):
            grown = np.zeros((max(64, needed + needed // 2), rows_ND.shape[1]), np.float32)
            if self._rows is not None:
                grown[:used] = self._rows[:used]
            self._rows = grown
        self._rows[used:needed] = rows_ND
        self._numbers += numbers

    def discard(self, numbers: Container[int]) -> None:
        """Forget all rows of these numbers."""
        kept = [row for row, number in enumerate(self._numbers) if number not in numbers]
        if self._rows is not None:
            self._rows = self._rows[kept]
        self._numbers = [self._numbers[row] for row in kept]

    def best(self, queries_QD: NDArray[float32], limit: int, *, least: float = -1.0, also: Collection[int] = ()) -> dict[int, float]:  # noqa: N803
        """Cosines by number, the best first, of equals the newest; a number's is that of its closest row to one of the queries.

        Args:
            queries_QD: Q rows of length 1.
            limit: Most numbers, 0 or more.
            least: Those with a lower cosine are left out.
            also: Numbers whose cosines are told besides, wherever they come.
        """
        import numpy as np

        if not self._numbers or self._rows is None or limit < 1:
            return {}
        scores_N = (self._rows[: len(self._numbers)] @ queries_QD.T).max(axis=1)  # noqa: N806
        found: dict[int, float] = {}
        most = min(len(scores_N), 4 * limit)
        while True:
            rows = np.argpartition(-scores_N, most - 1)[:most]
            for row in rows[np.lexsort((-rows, -scores_N[rows]))]:
                if scores_N[row] >= least and len(found) < limit:
                    found.setdefault(self._numbers[row], float(scores_N[row]))
            if len(found) >= limit or most == len(scores_N):  # else some numbers have many of the rows
                break
            most = min(len(scores_N), 4 * most)
        wanted = set(also) - found.keys()
        for row in [row for row, number in enumerate(self._numbers) if number in wanted] if wanted else ():
            number = self._numbers[row]
            found[number] = max(found.get(number, -1.0), float(scores_N[row]))
        return found
