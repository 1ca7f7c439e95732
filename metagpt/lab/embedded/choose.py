"""Which of several candidate programs to deliver, and whether the evidence is enough to call it passed.

Pure functions over what the candidates did: examples stated in the goal decide; without them the agreement of
behaviour does, weighted by how many samples led to each program. Weak evidence is never called passed.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Behaviour", "Choice", "Thresholds", "choose", "groups", "outcome_key", "same_value", "stated_examples"]

Verdict = Literal["passed", "not verified", "out of scope"]


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """What one candidate program did."""

    program: str
    """Its source text; carried through, never looked into."""
    samples: int
    """How many of the sampled specs led to this program, 1 or more."""
    outcomes: tuple[str, ...]
    """For each generated input the `outcome_key` of its result, or of the error it raised."""
    examples_passed: int = 0
    """How many of the goal's examples it gets right."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """When evidence is enough; set on validation goals."""

    agreement: float = 0.9
    """Share of all samples that must behave alike where the goal states no example."""
    agreement_with_examples: float = 0.1
    """The same where a program gets every example right; low, since the examples are the stronger evidence."""
    outside: float = 0.25
    """Share of samples saying out of scope from which the goal is declined."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The candidate to deliver, and on what evidence."""

    verdict: Verdict
    chosen: Behaviour | None
    """None where there is nothing to deliver; with "not verified" it is the best guess, to be marked so."""
    agreement: float
    """Share of all samples that behave as the chosen one does."""
    evidence: str
    """For people: `2 examples of the goal`, `6 of 8 candidates agree on 20 inputs`."""


def choose(behaviours: Sequence[Behaviour], *, num_samples: int, num_outside: int, num_examples: int, thresholds: Thresholds) -> Choice:
    """The program to deliver.

    Args:
        behaviours: One for each distinct program.
        num_samples: All specs sampled, those out of scope or unreadable counted too.
        num_outside: How many of them said the goal is out of scope.
        num_examples: Examples the goal states.
        thresholds: When the evidence is enough.
    """
    if num_outside >= thresholds.outside * num_samples:
        return Choice(
            verdict="out of scope",
            chosen=None,
            agreement=num_outside / num_samples,
            evidence=f"{num_outside} of {num_samples} candidates say out of scope",
        )
    running = [behaviour for behaviour in behaviours if not _always_fails(behaviour)]
    if not running:
        return Choice(verdict="not verified", chosen=None, agreement=0.0, evidence="no candidate runs")
    right = [behaviour for behaviour in running if behaviour.examples_passed == num_examples] if num_examples else []
    group = groups(right or running)[0]
    agreement = sum(behaviour.samples for behaviour in group) / num_samples
    chosen = max(group, key=lambda behaviour: behaviour.samples)
    if right:
        enough, evidence = agreement >= thresholds.agreement_with_examples, f"{num_examples} example{'s' * (num_examples > 1)} of the goal"
    elif num_examples:
        enough, evidence = False, "no candidate gets the examples of the goal right"
    else:
        count = sum(behaviour.samples for behaviour in group)
        enough, evidence = agreement >= thresholds.agreement, f"{count} of {num_samples} candidates agree on {len(chosen.outcomes)} inputs"
    return Choice(verdict="passed" if enough else "not verified", chosen=chosen, agreement=agreement, evidence=evidence)


def groups(behaviours: Sequence[Behaviour]) -> list[list[Behaviour]]:
    """Candidates that behave alike, the group of most samples first; ties go to the group met first."""
    found: dict[tuple[str, ...], list[Behaviour]] = {}
    for behaviour in behaviours:
        found.setdefault(behaviour.outcomes, []).append(behaviour)
    return sorted(found.values(), key=lambda group: -sum(behaviour.samples for behaviour in group))


def stated_examples(goal: str, copied: Sequence[Sequence[tuple[Any, Any]]]) -> tuple[tuple[Any, Any], ...]:
    """The examples a goal really states: of those the candidates copied, the pairs both of whose sides stand in it.

    Args:
        goal: The goal's text.
        copied: For each candidate the (argument, result) pairs it copied; small models miscopy now and then.
    """
    text = _bare(goal)
    found: dict[str, tuple[Any, Any]] = {}
    for argument, result in (pair for pairs in copied for pair in pairs):
        if all(_bare(str(value)) in text for value in (argument, result)) and not _same_place(argument, result, text):
            found.setdefault(outcome_key([argument, result]), (argument, result))
    return tuple(found.values())


def _bare(text: str) -> str:
    """Without spaces, quotes and capitals, so that notations do not matter."""
    return "".join(letter for letter in text.lower() if not letter.isspace() and letter not in "'\"`")


def _same_place(argument: Any, result: Any, text: str) -> bool:
    """Whether only one occurrence stands for both sides, as when an argument is copied twice."""
    return _bare(str(argument)) == _bare(str(result)) and text.count(_bare(str(argument))) < 2


def _always_fails(behaviour: Behaviour) -> bool:
    return bool(behaviour.outcomes) and all(outcome.startswith(ERROR) for outcome in behaviour.outcomes)


ERROR = "error "


def outcome_key(value: Any = None, *, error: str = "") -> str:
    """A text equal for equal outcomes: JSON with floats rounded to nine digits, or the kind of error."""
    if error:
        return ERROR + error
    return json.dumps(_rounded(value), sort_keys=True)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 9) if math.isfinite(value) else repr(value)
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    return value


def same_value(found: Any, expected: Any) -> bool:
    """Whether a result is the expected one: tuples count as lists, floats may differ in the ninth digit."""
    if isinstance(found, bool) != isinstance(expected, bool):
        return False
    if isinstance(found, int | float) and isinstance(expected, int | float):
        return found == expected or math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-9)
    if isinstance(found, list | tuple) and isinstance(expected, list | tuple):
        return len(found) == len(expected) and all(map(same_value, found, expected))
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(same_value(found[key], expected[key]) for key in found)
    return bool(type(found) is type(expected) and found == expected)
