"""From what the candidates did to a verdict: which one, on what evidence, and whether that is enough. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metagpt.behaviour import Choice, Outcome, choose, holds
from metagpt.roles.software.messages import Checks, Example, Program, Reading, Requirements

__all__ = ["AGREEMENT", "AGREEMENT_WITH_EXAMPLES", "Trial", "Verdict", "judge_trials", "trial_inputs"]

AGREEMENT = 0.6
"""Share of a model's samples that must behave alike for a program to pass without an example of the goal."""

AGREEMENT_WITH_EXAMPLES = 0.2
"""The same when the program passes every example that the goal gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A program and what it did: outcomes in the order of the inputs, none for an application."""

    program: Program
    inputs: Sequence[Any]
    outcomes: Sequence[dict[str, Any]]

    @property
    def results(self) -> list[Outcome]:
        """The outcomes as values."""
        return [Outcome(value=each.get("value"), error=each.get("error", "")) for each in self.outcomes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The chosen program and what is known of it before its tests run."""

    program: Program
    evidence: str
    is_strong: bool
    """Whether the evidence is enough to call the program passed, should its tests pass."""
    can_repair: bool
    """Whether a failure says what is wrong, so that mending can be asked for."""
    failures: list[str]
    observed: list[Example]
    """What the program did on inputs whose results nobody stated, for tests that keep it so."""


def expected_cases(requirements: Requirements, reading: Reading, checks: Checks) -> list[Example]:
    """Arguments whose results are known: the goal's examples, and with a single reading those of the requirements and tests."""
    cases = list(reading.given)
    if requirements.drawn == 1:
        cases += [*reading.specification.examples, *checks.cases]
    return [tuple(json.loads(text)) for text in dict.fromkeys(json.dumps(case) for case in cases)]


def trial_inputs(requirements: Requirements, reading: Reading, checks: Checks) -> list[Any]:
    """Every argument to try: those with known results first."""
    return [case[0] for case in expected_cases(requirements, reading, checks)] + list(checks.inputs)


def judge_trials(requirements: Requirements, trials: Sequence[Trial], checks: Checks) -> Verdict:
    """Choose among the candidates and say how strong the evidence is."""
    readings = [requirements.readings[trial.program.reading] for trial in trials]
    failures = [_failures(requirements, reading, trial, checks) for reading, trial in zip(readings, trials, strict=True)]
    cases = expected_cases(requirements, readings[0], checks)
    choice = choose(
        [[_comparable(outcome) for outcome in trial.results] for trial in trials],
        [0.0 if _mostly_fails(trial) else float(reading.votes) for reading, trial in zip(readings, trials, strict=True)],
        [len(cases) - len(failed) for failed in failures],
        len(cases),
        float(requirements.drawn),
    )
    trial, reading = trials[choice.index], readings[choice.index]
    wrong = failures[choice.index]
    if trial.program.reading == 0:
        wrong = [*wrong, *_broken_properties(trial, checks)]
    num_cases = len(cases)
    return Verdict(
        program=trial.program,
        evidence=_evidence(requirements, choice, reading, num_cases, len(trial.inputs)),
        is_strong=_is_strong(requirements, choice, reading, num_cases, checks),
        can_repair=bool(failures[choice.index]) or requirements.drawn == 1,
        failures=wrong,
        observed=[
            (value, outcome.value) for value, outcome in zip(trial.inputs[num_cases:], trial.results[num_cases:], strict=True) if not outcome.error
        ],
    )


def _comparable(outcome: Outcome) -> str:
    return f"error {outcome.error.split(':')[0]}" if outcome.error else json.dumps(outcome.value, sort_keys=True)


def _mostly_fails(trial: Trial) -> bool:
    errors = sum(bool(outcome.error) for outcome in trial.results)
    return 2 * errors > len(trial.inputs) > 0


def _failures(requirements: Requirements, reading: Reading, trial: Trial, checks: Checks) -> list[str]:
    name = reading.specification.signature.split("(")[0]
    lines = []
    for (argument, expected), outcome in zip(expected_cases(requirements, reading, checks), trial.results, strict=False):
        if not outcome.same_as(expected):
            found = f"raised {outcome.error}" if outcome.error else f"returned {outcome.value!r}, expected {expected!r}"
            lines.append(f"{name}({argument!r}) {found}")
    return lines


def _broken_properties(trial: Trial, checks: Checks) -> list[str]:
    lines = []
    for name in checks.properties:
        for value, outcome in zip(trial.inputs, trial.results, strict=True):
            if not outcome.error and not holds(name, value, outcome.value):
                lines.append(f"the result for {value!r} is {outcome.value!r}, which is not {name!r}")
                break
    return lines


def _is_strong(requirements: Requirements, choice: Choice, reading: Reading, num_cases: int, checks: Checks) -> bool:
    if requirements.drawn == 1:
        return choice.fits_examples and bool(num_cases or checks.source)
    needed = AGREEMENT_WITH_EXAMPLES if reading.given else AGREEMENT
    return choice.fits_examples and choice.agreement >= needed and choice.rivals < choice.agreement


def _evidence(requirements: Requirements, choice: Choice, reading: Reading, num_cases: int, num_inputs: int) -> str:
    parts = []
    if reading.given:
        parts.append(f"{len(reading.given)} example(s) of the goal")
    if num_cases > len(reading.given):
        parts.append(f"{num_cases - len(reading.given)} case(s) from the requirements")
    if requirements.drawn > 1:
        agreeing = round(choice.agreement * requirements.drawn)
        parts.append(f"{agreeing} of {requirements.drawn} candidates agree on {num_inputs} input(s)")
    return "; ".join(parts) or "the evaluator's own tests"
