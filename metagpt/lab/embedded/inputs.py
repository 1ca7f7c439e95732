"""Random arguments of every type, and which kinds of them suit which primitive."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from metagpt.lab.embedded.catalogue import Step, random_step
from metagpt.lab.embedded.formatted_texts import FORMATTED_TEXTS
from metagpt.lab.embedded.hints import Hint, read_hint, weave
from metagpt.lab.embedded.primitive import Primitive
from metagpt.lab.embedded.text_inputs import EVERYDAY_TEXTS
from metagpt.lab.embedded.value_inputs import VALUES

__all__ = ["KINDS", "edge_inputs", "fitting_kinds", "random_input", "step_hints"]

KINDS: dict[str, tuple[Callable[[random.Random], Any], ...]] = {**VALUES, "str": (*EVERYDAY_TEXTS, *FORMATTED_TEXTS)}
"""Per input type the ways of drawing one; a string may be a sentence, a date, an address or noise."""

EVERYDAY: dict[str, int] = {
    "int": 4,
    "float": 3,
    "str": 16,
    "list[int]": 3,
    "list[float]": 3,
    "list[str]": 6,
    "list[list[int]]": 3,
    "dict[str, int]": 2,
    "dict[str, str]": 2,
}
"""How many of the kinds of a type are for every step; the others serve those that get nothing useful from these, or name them."""

_EDGES: dict[str, tuple[Any, ...]] = {
    "int": (0, 1, 2, 10, -7, 97),
    "float": (0.0, 1.0, -2.5, 0.1),
    "str": ("", "a", "Hello World", "  two  spaces ", "level"),
    "list[int]": ([], [5], [2, 2, 2], [-1, 0, 1], [3, 1, 2]),
    "list[float]": ([], [1.5], [-1.0, 0.0, 2.5]),
    "list[str]": ([], ["a"], ["same", "same"], ["b", "A", "c"]),
    "list[list[int]]": ([], [[1]], [[1, 2], [3, 4]]),
    "dict[str, int]": ({}, {"a": 1}, {"b": 2, "a": 2}),
    "dict[str, str]": ({}, {"a": "b"}, {"x": "1", "y": "1"}),
    "dict[str, list[int]]": ({}, {"a": [1]}, {"b": [2, 1], "a": []}),
    "dict[str, list[str]]": ({}, {"a": ["b"]}, {"x": ["q", "p"], "y": []}),
    "list[dict[str, str]]": ([], [{"name": "Bo"}], [{"name": "Al", "age": "30"}, {"name": "Bo", "age": "4"}]),
}

_EMPTY = ("[]", "{}", "''")
_DRAWS = 12
_ENOUGH = 0.14
"""Kinds that are as far as this from being of no use will serve."""
_BONUS = 0.06
"""What others must have over the everyday ones to be taken instead."""


def edge_inputs(takes: str) -> Sequence[Any]:
    """Empty, single and otherwise awkward arguments of a type."""
    return _EDGES[takes]


def random_input(takes: str, rng: random.Random, kinds: Sequence[int] | None = None, hints: Sequence[Hint] = ()) -> Any:
    """One argument of the type.

    Args:
        takes: The type.
        rng: What chance is drawn from.
        kinds: The numbers of the kinds to draw from; every kind when None.
        hints: Values that steps look for: mostly worked into the argument.
    """
    ways = KINDS[takes]
    value = ways[rng.choice(kinds) if kinds else rng.randrange(len(ways))](rng)
    for hint in hints:
        value = weave(takes, value, hint, rng)
    return value


def step_hints(steps: Sequence[Step]) -> tuple[Hint, ...]:
    """The numbers and texts that the steps name."""
    return tuple(hint for step in steps for _, value in step.values if (hint := read_hint(value)) is not None)


def fitting_kinds(primitive: Primitive) -> tuple[int, ...]:
    """The kinds of input on which this primitive runs and gives varied results; all of them if none stands out."""
    if primitive.input_kinds:
        return primitive.input_kinds
    if primitive.id not in _FITTING:
        _FITTING[primitive.id] = _fitting(primitive)
    return _FITTING[primitive.id]


_FITTING: dict[str, tuple[int, ...]] = {}


def _fitting(primitive: Primitive) -> tuple[int, ...]:
    """The everyday kinds that do well if they serve; else what serves best of these, of all kinds together and of some alone."""
    rng = random.Random(f"kinds {primitive.id}")
    number = len(KINDS[primitive.takes])
    scores = [_variety(_outcomes(primitive, [kind], _DRAWS, rng)) for kind in range(EVERYDAY.get(primitive.takes, number))]
    everyday = _best(scores)
    if _service(primitive, everyday, 3 * _DRAWS, rng) >= _ENOUGH:
        return everyday
    scores += [_variety(_outcomes(primitive, [kind], _DRAWS, rng)) for kind in range(len(scores), number)]
    alone = sorted(range(number), key=lambda kind: -scores[kind])[:6]
    choices = (everyday, _best(scores), *((kind,) for kind in alone))
    return max(choices, key=lambda kinds: _service(primitive, kinds, 5 * _DRAWS, rng) + _BONUS * (kinds == everyday))


def _best(scores: Sequence[float]) -> tuple[int, ...]:
    return tuple(kind for kind, score in enumerate(scores) if score >= max(0.6 * max(scores), 0.01)) or tuple(range(len(scores)))


def _outcomes(primitive: Primitive, kinds: Sequence[int], count: int, rng: random.Random) -> list[str | None]:
    """What the primitive gives on arguments of these kinds: its result as text, nothing if unchanged, None for an error."""
    outcomes: list[str | None] = []
    for _ in range(count):
        step = random_step(primitive, rng)
        value = random_input(primitive.takes, rng, kinds, step_hints((step,)))
        before = repr(value)
        try:
            result = repr(step.run(value))
        except Exception:  # noqa: BLE001  whatever a step raises on unfit input, the input is unfit
            outcomes.append(None)
        else:
            outcomes.append("" if result == before else result)
    return outcomes


def _variety(outcomes: Sequence[str | None]) -> float:
    """How likely two results differ, times the share of runs without error."""
    results = Counter(_shown(outcome) for outcome in outcomes if outcome is not None)
    run = results.total()
    return (1 - sum((count / run) ** 2 for count in results.values())) * run / len(outcomes) if run else 0.0


def _shown(outcome: str) -> str:
    """Empty results count as unchanged."""
    return "" if outcome in _EMPTY else outcome


def _service(primitive: Primitive, kinds: Sequence[int], count: int, rng: random.Random) -> float:
    """How far arguments of these kinds are from failing too often, staying as they are and giving one result too often."""
    outcomes = [outcome for outcome in _outcomes(primitive, kinds, count, rng) if outcome is not None]
    if not outcomes:
        return -1.0
    results = Counter(outcomes)
    unchanged = results.pop("", 0) / len(outcomes)
    empty = sum(results[each] for each in _EMPTY) / len(outcomes)
    commonest = max(results.values(), default=0) / len(outcomes)
    most = 0.77 if primitive.gives == "bool" else 0.6
    return min(len(outcomes) / count - 0.65, 0.75 - unchanged, 0.5 - empty, most - commonest)
