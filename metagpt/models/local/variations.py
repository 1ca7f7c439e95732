"""Readings one step away from others: another step in the place of one, one more, or one less.

Of a goal in words that no wording has, a small model misses one step and knows the others. Which step that is cannot be told from
the goal; from an example in it, it can: of all readings one step away few give its result. That is programming by example over
the steps of a table, begun from readings that are nearly right (Gulwani, Polozov, Singh 2017, Program Synthesis, chapter 4).
"""

import heapq
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from metagpt.models.local.phrases import MOST_LETTERS, QUOTED, Chain, Phrase, Phrases, filled, follows
from metagpt.models.local.programs import Programs
from metagpt.models.local.weighing import Reading

__all__ = ["Variations", "is_of_type"]

MOST_READINGS = 8
"""Readings that are varied."""
MOST_STEPS = 3
"""Of a variation."""
LATER = 0.03
"""What a variation of the next likely reading is behind, in nearness of its new step to the goal."""

_VALUE = re.compile(rf"{QUOTED.pattern}|-?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    phrase: Phrase
    text: str
    """The canonical wording, with its slots filled."""
    nearness: float = 1.0
    """Of a new step, to the goal."""


class Variations:
    """The steps of a table around a reading; about 0.2 s for a goal among 1,000 steps."""

    def __init__(self, phrases: Phrases, programs: Programs) -> None:
        """The table: its steps with their wordings, and the same with their code."""
        self._phrases, self._programs = phrases, programs

    def of(self, goal: str, readings: Sequence[Reading], examples: Sequence[Sequence[Any]], count: int) -> list[Chain]:  # Any: JSON values
        """At most `count` chains one step away, those whose new step is nearest to the goal first.

        Args:
            goal: Where the values of new steps are taken from.
            readings: The likeliest first; one with a step that the table lacks is left out.
            examples: Arguments and results, JSON values: chains of other types are left out.
            count: Of all readings together.
        """
        said = _without_examples(goal[:MOST_LETTERS], examples)
        new = [
            _Step(phrase, filled(phrase, said), float(near))
            for phrase, near in zip(self._phrases.steps, self._phrases.nearness(said), strict=True)
            if phrase.code
        ]
        takes = {step.phrase.takes for step in new if all(is_of_type(argument, step.phrase.takes) for argument, _ in examples)}
        gives = {step.phrase.gives for step in new if all(is_of_type(result, step.phrase.gives) for _, result in examples)}
        found: dict[Reading, tuple[float, Chain]] = {}
        for place, reading in enumerate(readings[:MOST_READINGS]):
            steps = [_Step(phrase, text) for phrase, text in self._programs.steps_of(*reading)]
            for order in _one_away(steps, new):
                if order[0].phrase.takes not in takes or order[-1].phrase.gives not in gives or not _is_sound(order):
                    continue
                chain = Chain(phrases=tuple(step.phrase for step in order), steps=tuple(step.text for step in order))
                gain = min(step.nearness for step in order) - LATER * place
                key = (chain.summary, chain.phrases[0].takes)
                if key not in found or found[key][0] < gain:
                    found[key] = (gain, chain)
        untried = (scored for reading, scored in found.items() if reading not in readings)
        return [chain for _, chain in heapq.nlargest(count, untried, key=lambda scored: scored[0])]


def _without_examples(goal: str, examples: Sequence[Sequence[Any]]) -> str:
    """The goal without the values of its examples, from its end on: those are none that a step is told of."""
    given = Counter(_plain_values(examples))
    for found in reversed(list(_VALUE.finditer(goal))):
        value = found[0].strip("\"'`")
        if given[value]:
            given[value] -= 1
            goal = goal[: found.start()] + goal[found.end() :]
    return goal


def _plain_values(value: Any) -> Iterator[str]:
    """Texts and numbers of a JSON value as they stand in a goal."""
    if isinstance(value, dict):
        value = list(value.items())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _plain_values(item)
    else:
        yield str(value)


def _one_away(steps: Sequence[_Step], new: Sequence[_Step]) -> Iterator[Sequence[_Step]]:
    """One less, another in the place of one, one more; nothing of an empty reading."""
    for place in range(len(steps)):
        before, behind = steps[:place], steps[place + 1 :]
        if before or behind:
            yield [*before, *behind]
        yield from ([*before, other, *behind] for other in new)
    if 0 < len(steps) < MOST_STEPS:
        yield from ([*steps[:place], other, *steps[place:]] for place in range(len(steps) + 1) for other in new)


def _is_sound(order: Sequence[_Step]) -> bool:
    return all(follows(step.phrase, later.phrase) for step, later in itertools.pairwise(order))


def is_of_type(value: Any, annotation: str) -> bool:
    """Whether a JSON value is of a type of the table, as `dict[str, list[int]]`; whole numbers are decimal ones, too."""
    kind, _, inner = annotation.removesuffix("]").partition("[")
    match kind:
        case "int" | "float":
            return isinstance(value, int if kind == "int" else int | float) and not isinstance(value, bool)
        case "str" | "bool":
            return isinstance(value, str if kind == "str" else bool)
        case "list":
            return isinstance(value, list) and all(is_of_type(item, inner) for item in value)
        case "dict":
            return isinstance(value, dict) and all(is_of_type(item, inner.partition(", ")[2]) for item in value.values())
        case "tuple":
            parts = inner.split(", ")
            return isinstance(value, list | tuple) and len(value) == len(parts) and all(map(is_of_type, value, parts))
    return False
