"""A phrase parser: from a goal in English to chains of known steps, by the nearest wordings and by types; nothing is learnt.

The goal is cut into up to three spans at every likely place; each span is matched to the nearest wordings of the table (cosine
over words and character trigrams). Spans whose types fit make a chain, read forwards (`double them, then add them up`) or
backwards (`the sum of the doubled numbers`).
"""

import heapq
import itertools
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from metagpt.models.local.programs import accepts
from metagpt.models.local.tfidf import Index

__all__ = ["QUOTED", "Chain", "Phrase", "Phrases", "filled", "follows", "numbers_in", "quoted_in"]

MOST_LETTERS = 500
"""Of a goal; the rest is not read."""
MOST_SPANS = 3
MOST_CUTS = 10
NEAREST = 6
"""Steps considered for each span."""
STEP_COST = 0.1
"""What a further step costs; of values from 0 to 0.17 the best on 120 goals of the training's wordings, seed 11."""
TYPE_GAIN = 0.05
"""What a chain gains that takes the type whose usual names the goal says; set on the same goals."""
TRIGRAM_SHARE = 0.4
"""Weight of a trigram beside a word of its rarity."""
UNKNOWN_WORD, UNKNOWN_TRIGRAM = 6.0, 2.4
"""Weights of what no wording has: what the table does not know makes a span less near."""

_CUT = re.compile(r"[.;:,!?\n]+|->|\b(?:and|then|of|in|with|after|that|from|for|to|which|finally|next)\b", re.IGNORECASE)
_WORD = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`|\{\w+\}|[a-z]+|-?\d+|[#@]", re.IGNORECASE)
QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'|`[^`]*`")
"""A text in quotes of any kind."""
_NUMBER_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBERS = {word: str(value) for value, word in enumerate(_NUMBER_WORDS)}
_EMPTY = frozenset(re.findall(r"\w+", "a an the of in it them its their this that me my i you please write function program python code"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrase:
    """A step of the table."""

    step: str
    """Canonical wording, with `{slot}`s."""
    takes: str
    gives: str
    name: str
    """What a function is called that ends with this step."""
    wordings: tuple[str, ...]
    """Ways of asking for it; `{x}` stands for the input."""
    slots: Mapping[str, tuple[str, ...]]
    """Usual values of each slot, as they stand in the canonical wording."""
    first_only: bool = False
    last_only: bool = False
    code: str = ""
    """An expression of the input `{x}`, with `{slot}`s; see `metagpt.models.local.programs`."""
    imports: tuple[str, ...] = ()
    """Lines that the code needs."""
    helper: str = ""
    """Functions that it calls, with `{slot}`s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """One to three steps that fit together."""

    phrases: tuple[Phrase, ...]
    steps: tuple[str, ...]
    """The canonical wordings with their slots filled."""

    @property
    def summary(self) -> str:
        return "; ".join(self.steps)


@dataclass(frozen=True, slots=True)
class _Match:
    """A step for a span of the goal."""

    phrase: Phrase
    nearness: float
    mass: float
    """How much the span says: the length of its vector."""
    span: str


class Phrases:
    """All wordings, searchable; about 20 ms for a goal among 12,000 wordings."""

    def __init__(self, phrases: Sequence[Phrase], nouns: Mapping[str, Sequence[str]]) -> None:
        """The table.

        Args:
            phrases: The steps.
            nouns: From each type to how people call a value of it: `list[int]` to `a list of numbers`.
        """
        self.steps, self._nouns = phrases, nouns
        rows = [(number, features(text)) for number, phrase in enumerate(phrases) for text in phrase.wordings]
        self._owner = np.array([number for number, _ in rows])
        self._index = Index(
            [found for _, found in rows],
            factor=lambda feature: TRIGRAM_SHARE if feature[0] == "~" else 1.0,
            unknown=lambda feature: UNKNOWN_TRIGRAM if feature[0] == "~" else UNKNOWN_WORD,
        )

    def parse(self, goal: str, count: int) -> list[Chain]:
        """At most `count` chains for the goal, the best first; none where no word is known."""
        goal = goal[:MOST_LETTERS]
        cuts = sorted({0, *[match.start() for match in _CUT.finditer(goal)][:MOST_CUTS], len(goal)})
        near = {(start, stop): self._nearest(goal[start:stop]) for start, stop in itertools.combinations(cuts, 2)}
        told = self._told_types(goal)
        scored = ((_score(order) + TYPE_GAIN * (order[0].phrase.takes in told), order) for order in _orders(near, cuts))
        chains: dict[str, Chain] = {}
        for _, order in heapq.nlargest(8 * count, scored, key=lambda pair: pair[0]):
            chain = Chain(phrases=tuple(match.phrase for match in order), steps=tuple(filled(match.phrase, match.span) for match in order))
            chains.setdefault(chain.summary, chain)
        return list(chains.values())[:count]

    def nearness(self, text: str) -> NDArray[np.float64]:
        """Of each step, that of its nearest wording; zeros where no word is known."""
        return self._best(features(text[:MOST_LETTERS]))

    def _best(self, found: Collection[str]) -> NDArray[np.float64]:
        best = np.zeros(len(self.steps))
        nearness = self._index.nearness(found)
        if nearness is not None:
            np.maximum.at(best, self._owner, nearness)
        return best

    def _nearest(self, span: str) -> list[_Match]:
        found = features(span)
        best = self._best(found)
        if not best.any():
            return []
        mass = self._index.norm(found)
        order = np.argsort(-best, kind="stable")[:NEAREST]
        return [_Match(self.steps[number], float(best[number]), mass, span) for number in order]

    def _told_types(self, goal: str) -> set[str]:
        """The types whose longest usual name stands in the goal."""
        text = goal.lower()
        lengths = {
            takes: max((len(noun) for noun in nouns if len(noun) > 2 and noun.split(" ", 1)[-1] in text), default=0)
            for takes, nouns in self._nouns.items()
        }
        longest = max(lengths.values(), default=0)
        return {takes for takes, length in lengths.items() if length == longest > 0}


def features(text: str) -> Counter[str]:
    """Words and character trigrams; a number is `#`, a quoted text `@`."""
    words = [_plain(word) for word in _WORD.findall(text.replace("{x}", " "))]
    found = Counter(word for word in words if word not in _EMPTY)
    for word in words:
        padded = f"<{word}>"
        found.update(f"~{padded[start : start + 3]}" for start in range(len(padded) - 2) if word not in _EMPTY)
    return found


def _plain(word: str) -> str:
    if word == "{n}" or word.lstrip("-").isdigit() or word.lower() in _NUMBERS:
        return "#"
    return "@" if word[0] in "\"'`{" else word.lower()


def _orders(near: Mapping[tuple[int, int], Sequence[_Match]], cuts: Sequence[int]) -> Iterator[Sequence[_Match]]:
    """Every choice of spans and their steps, forwards and backwards, whose types fit."""
    for count in range(1, MOST_SPANS + 1):
        for inner in itertools.combinations(cuts[1:-1], count - 1):
            spans = itertools.pairwise((0, *inner, cuts[-1]))
            for matches in itertools.product(*(near.get(span, ()) for span in spans)):
                yield from (order for order in ([matches, matches[::-1]] if count > 1 else [matches]) if _fits(order))


def _fits(matches: Sequence[_Match]) -> bool:
    return all(
        follows(first.phrase, second.phrase) and first.phrase.step != second.phrase.step for first, second in itertools.pairwise(matches)
    )


def follows(first: Phrase, second: Phrase) -> bool:
    """Whether a step may go on from another."""
    return accepts(second.takes, first.gives) and not second.first_only and not first.last_only


def _score(matches: Sequence[_Match]) -> float:
    """How much of the goal is matched how well: the root mean square of the nearness, weighted by mass, less the steps' cost."""
    mass = sum(match.mass**2 for match in matches) or 1.0
    return math.sqrt(sum((match.mass * match.nearness) ** 2 for match in matches) / mass) - STEP_COST * (len(matches) - 1)


def numbers_in(text: str) -> list[str]:
    """The numbers that a text says, in digits, in its order; `two` as well as `2`."""
    return [str(_NUMBERS.get(word.lower(), word)) for word in re.findall(r"-?\d+|[a-z]+", text, re.IGNORECASE) if _plain(word) == "#"]


def quoted_in(text: str) -> list[str]:
    """What a text puts in quotes of any kind, in double ones, in its order."""
    return [f'"{word[1:-1]}"' for word in QUOTED.findall(text)]


def filled(phrase: Phrase, said: str) -> str:
    """The canonical wording with its slots filled from what is said, else with their first usual values."""
    numbers, quoted = numbers_in(said), quoted_in(said)
    step = phrase.step
    for slot, choices in phrase.slots.items():
        pool = numbers if choices[0].lstrip("-").isdigit() else quoted if choices[0].startswith('"') else []
        named = next((choice for choice in choices if re.search(rf"\b{re.escape(choice)}\b", said)), choices[0])
        step = step.replace("{" + slot + "}", pool.pop(0) if pool else named)
    return step
