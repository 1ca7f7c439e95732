"""Which of several candidate programs to trust, from what they did: by the goal's own examples, and by agreement.

Candidates that do the same on every input say the same thing; each stands for the samples that led to it. True examples
rule candidates out. What is left is chosen by weight, and the share of the weight behind the choice is the evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Choice", "choose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The chosen candidate and what speaks for it."""

    index: int
    """Position among the candidates; the heaviest of those that behave alike."""
    agreement: float
    """Share of all drawn samples, 0 to 1, whose program behaves like the chosen one."""
    rivals: float
    """Share of the samples that fit the examples too but behave otherwise."""
    fits_examples: bool
    """Whether it passes every example; True when there is none."""
    is_alone: bool
    """Whether every candidate that passes as many examples behaves like it."""


def choose(
    behaviours: Sequence[Sequence[str]], weights: Sequence[float], examples_passed: Sequence[int], num_examples: int, drawn: float
) -> Choice:
    """Choose among candidates.

    Args:
        behaviours: What each candidate gave for each input, as comparable text; the same inputs for all.
        weights: How many samples led to each candidate.
        examples_passed: How many of the goal's examples each candidate passes.
        num_examples: How many examples the goal has.
        drawn: All samples drawn, those that led to no candidate included.

    Returns:
        The choice; among candidates that pass equally many examples, the behaviour with the most weight.

    Raises:
        ValueError: there is no candidate.
    """
    if not behaviours:
        raise ValueError("choose: found no candidate; expected one or more.")
    best = max(examples_passed)
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for index, behaviour in enumerate(behaviours):
        if examples_passed[index] == best:
            groups[tuple(behaviour)].append(index)
    mass = {behaviour: sum(weights[index] for index in members) for behaviour, members in groups.items()}
    chosen = max(mass, key=lambda behaviour: (mass[behaviour], -min(groups[behaviour])))
    total = max(drawn, sum(weights), 1e-9)
    return Choice(
        index=max(groups[chosen], key=lambda index: (weights[index], -index)),
        agreement=mass[chosen] / total,
        rivals=(sum(mass.values()) - mass[chosen]) / total,
        fits_examples=best == num_examples,
        is_alone=len(groups) == 1,
    )
