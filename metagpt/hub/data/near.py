"""Duplicates, exact and near. Near ones are found exactly, not by chance, with prefix filtering.

Similarity: Jaccard J(a, b) = |a and b| / |a or b| of the sets of character trigrams of the normalized texts. If J ≥ t, the rarest
|a| - ⌈t|a|⌉ + 1 trigrams of a and those of b share one, so only texts that do are compared.
Source: Chaudhuri, Ganti, Kaushik, 2006, "A primitive operator for similarity joins in data cleaning".
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from metagpt.errors import LabError
from metagpt.hub.data.examples import TextData

__all__ = ["Duplicate", "find_duplicates", "normalized", "similar_pairs"]


@dataclass(frozen=True, slots=True)
class Duplicate:
    """An example that says what an earlier one said."""

    first: int
    """Place of the one that stays."""
    second: int
    similarity: float
    """1 for equal after normalizing."""


def normalized(text: str) -> str:
    """What counts when texts are compared: letters and digits in lower case, compatibility forms unified, single spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = re.sub(r"[\W_]+", " ", folded).strip()
    return words or " ".join(folded.split())  # a text of signs alone is compared by its signs


def find_duplicates(data: TextData, *, near: float = 1.0) -> list[Duplicate]:
    """For each example that repeats an earlier one, the first that it repeats.

    Args:
        data: The set.
        near: Least similarity; 1 finds only texts that are equal after normalizing.
    """
    first_of: dict[int, Duplicate] = {}
    for first, second, similarity in sorted(similar_pairs(data.texts, None, near), key=lambda pair: (pair[1], pair[0])):
        if second not in first_of and first not in first_of:
            first_of[second] = Duplicate(first, second, similarity)
    return list(first_of.values())


def similar_pairs(texts: Sequence[str], others: Sequence[str] | None, least: float) -> Iterator[tuple[int, int, float]]:
    """Pairs (place, place, similarity) of at least that similarity: within `texts`, the earlier first, or from `texts` to `others`.

    Raises:
        LabError: a bound outside (0, 1].
    """
    if not 0 < least <= 1:
        raise LabError(f"near: found {least!r}; expected a similarity above 0, up to 1. Use 0.9 for near copies.")
    plain = [normalized(text) for text in texts]
    plain_others = plain if others is None else [normalized(text) for text in others]
    if least == 1:
        yield from _equal_pairs(plain, plain_others, others is None)
        return
    yield from _near_pairs([_trigrams(text) for text in plain], [_trigrams(text) for text in plain_others], others is None, least)


def _equal_pairs(texts: Sequence[str], others: Sequence[str], is_same: bool) -> Iterator[tuple[int, int, float]]:
    """Not every pair of equal texts, but one for each text that has an equal: a thousand copies make a thousand pairs."""
    first = _first_places(texts)
    for place, text in enumerate(others):
        earlier = first.get(text)
        if earlier is not None and (not is_same or earlier < place):
            yield earlier, place, 1.0
    if not is_same:  # every place of `texts` that has a match is in some pair too
        first_other = _first_places(others)
        for place, text in enumerate(texts):
            if text in first_other and first[text] != place:
                yield place, first_other[text], 1.0


def _first_places(texts: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for place, text in enumerate(texts):
        found.setdefault(text, place)
    return found


def _near_pairs(
    sets: Sequence[frozenset[str]], others: Sequence[frozenset[str]], is_same: bool, least: float
) -> Iterator[tuple[int, int, float]]:
    counts = Counter(gram for grams in (*sets, *(() if is_same else others)) for gram in grams)
    index: dict[str, list[int]] = defaultdict(list)
    for place, grams in enumerate(sets if not is_same else ()):
        for gram in _prefix(grams, counts, least):
            index[gram].append(place)
    for place, grams in enumerate(others):
        prefix = _prefix(grams, counts, least)
        for candidate in sorted({near for gram in prefix for near in index[gram]}):
            other = sets[candidate]
            if min(len(other), len(grams)) < least * max(len(other), len(grams)):
                continue
            shared = len(grams & other)
            similarity = shared / (len(grams) + len(other) - shared)
            if similarity >= least:
                yield candidate, place, similarity
        if is_same:
            for gram in prefix:
                index[gram].append(place)


def _prefix(grams: frozenset[str], counts: Counter[str], least: float) -> list[str]:
    """The rarest trigrams, as many as decide."""
    size = len(grams) - math.ceil(least * len(grams) - 1e-9) + 1
    return sorted(grams, key=lambda gram: (counts[gram], gram))[:size]


def _trigrams(text: str) -> frozenset[str]:
    padded = f"  {text} "
    return frozenset(padded[start : start + 3] for start in range(len(padded) - 2))
