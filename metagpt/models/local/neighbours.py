"""Readings of a goal taken over from goals that are like it: what people meant who said it nearly so."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from metagpt.models.local.phrases import Chain, Phrase, numbers_in, quoted_in
from metagpt.models.local.tfidf import Index

__all__ = ["Neighbours", "ReadGoal"]

_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|s)$")
_SEARCHED = 200
"""Goals looked through for different readings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadGoal:
    """A goal whose meaning is known."""

    goal: str
    phrases: tuple[Phrase, ...]
    values: tuple[Mapping[str, str], ...]
    """Of each phrase what fills its slots, as it stands in the canonical wording."""


class Neighbours:
    """Goals with their readings, searchable by their words and pairs of words."""

    def __init__(self, goals: Sequence[ReadGoal]) -> None:
        self._goals = goals
        self._index = Index([_features(each.goal) for each in goals])

    def of(self, goal: str, count: int) -> list[Chain]:
        """At most `count` different chains, those of the nearest goals first, with the values that this goal says."""
        nearness = self._index.nearness(_features(goal))
        if nearness is None:
            return []
        found: dict[tuple[str, str], Chain] = {}
        for place in (-nearness).argsort(kind="stable")[:_SEARCHED].tolist():
            chain = _taken_over(self._goals[place], goal)
            found.setdefault((chain.summary, chain.phrases[0].takes), chain)
            if len(found) == count:
                break
        return list(found.values())


def _features(text: str) -> set[str]:
    words = [_ENDING.sub("", word) for word in re.findall(r"[a-z]+|\d+", text.lower())]
    return {*words, *map(" ".join, itertools.pairwise(words))}


def _taken_over(near: ReadGoal, goal: str) -> Chain:
    """The reading, with values that the other goal says and this one does not replaced by this one's, in order."""
    kept = {value for values in near.values for value in values.values() if value.strip('"') in goal}
    numbers = [number for number in numbers_in(goal) if number not in kept]
    quoted = [text for text in quoted_in(goal) if text not in kept]
    steps = []
    for phrase, values in zip(near.phrases, near.values, strict=True):
        step = phrase.step
        for slot, value in values.items():
            pool = numbers if value.lstrip("-").isdigit() else quoted if value.startswith('"') else []
            step = step.replace("{" + slot + "}", pool.pop(0) if value not in kept and pool else value)
        steps.append(step)
    return Chain(phrases=near.phrases, steps=tuple(steps))
