"""From what the candidates did to a verdict: which one, on what evidence, and whether that is enough. Pure.

A model that is asked once (a general one) is believed in what it says of results: its examples and cases are requirements.
One that is sampled is not. What counts then are examples that stand in the goal, and how many samples behave alike.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from metagpt.behaviour import Choice, Outcome, choose, holds, sample_inputs
from metagpt.roles.software.goal_tokens import read_tokens
from metagpt.roles.software.messages import Checks, Example, Program, Requirements
from metagpt.roles.software.signatures import Signature, read_signature

__all__ = [
    "AGREEMENT",
    "AGREEMENT_WITH_BOOLEANS",
    "AGREEMENT_WITH_EXAMPLES",
    "Trial",
    "Verdict",
    "expected_cases",
    "is_telling",
    "judge_trials",
    "named_values",
    "signature_of",
    "trial_inputs",
]

AGREEMENT = 0.77
"""Share of a model's votes that must be behind one behaviour for a program to pass without an example of the goal.

Set on the validation goals: at 0.75 two of 90 goals outside the scope passed, at 0.77 none.
"""

AGREEMENT_WITH_BOOLEANS = 0.63
"""The same when the program passes every example that the goal gives, and all say True or False.

One that is met by chance every other time doubles the odds, and odds of 0.63 are half of those of 0.77.
"""

AGREEMENT_WITH_EXAMPLES = 0.2
"""The same when one of the examples says more.

One that alone does so needs a single vote: of those that had none and met one example, 3 of 9 validation goals were wrong.
"""

LEAST_RESULTS = 5
"""Inputs on which a program must give a result for agreement without examples to say anything."""

MOST_INPUTS = 20
"""Inputs to compare programs on, those with known results not counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A program and what it did: outcomes in the order of the inputs, none for an application."""

    program: Program
    inputs: Sequence[Any]
    outcomes: Sequence[Outcome]


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
    """Of a sampled model: what the program did on inputs whose results nobody stated, for tests that keep it so."""


def signature_of(requirements: Requirements, reading: int) -> Signature | None:
    """The signature of a reading; None for an application."""
    return read_signature(requirements.readings[reading].specification.signature)


def expected_cases(requirements: Requirements, checks: Checks) -> list[Example]:
    """Arguments whose results are known, the goal's own examples first; of two results for one argument the first counts."""
    if signature_of(requirements, 0) is None:
        return []
    stated = [] if requirements.is_sampled else [*requirements.readings[0].specification.examples, *checks.cases]
    cases: dict[str, Example] = {}
    for case in [*requirements.given, *stated]:
        cases.setdefault(_key(case[0]), case)
    return list(cases.values())


def trial_inputs(requirements: Requirements, checks: Checks) -> list[Any]:
    """Every argument to try: those with known results, those of the checks, and for a sampled model some of the argument's type."""
    signature = signature_of(requirements, 0)
    known = [case[0] for case in expected_cases(requirements, checks)]
    others = list(checks.inputs)
    if requirements.is_sampled and signature is not None and len(signature.parameters) == 1:
        stated = [value for pair in requirements.given for value in pair]
        others += sample_inputs(signature.parameters[0][1], [each for each in named_values(requirements.goal) if each not in stated])
    new = {_key(value): value for value in others}
    return [*known, *[value for key, value in new.items() if key not in set(map(_key, known))][:MOST_INPUTS]]


def named_values(goal: str) -> list[str | float]:
    """The quoted texts and the numbers of a goal, each once; long texts and large numbers make no good arguments."""
    values = [token.values[0].value for token in read_tokens(goal) if token.is_value]
    texts_and_numbers = [value for value in values if isinstance(value, str | int | float) and not isinstance(value, bool)]
    return list(dict.fromkeys(each for each in texts_and_numbers if (0 < len(each) <= 40 if isinstance(each, str) else abs(each) <= 1000)))


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def judge_trials(requirements: Requirements, trials: Sequence[Trial], checks: Checks) -> Verdict:
    """Choose among the candidates and say how strong the evidence is."""
    cases = expected_cases(requirements, checks)
    right = [[outcome.same_as(case[1]) for case, outcome in zip(cases, trial.outcomes, strict=False)] for trial in trials]
    choice = choose(
        [[_comparable(outcome) for outcome in trial.outcomes] for trial in trials],
        [_weight(requirements, trial) for trial in trials],
        [sum(each) for each in right],
        len(cases),
        float(requirements.drawn),
    )
    trial = trials[choice.index]
    failures = _wrong_cases(requirements, trial, cases)
    return Verdict(
        program=trial.program,
        evidence=_evidence(requirements, checks, choice, trial, right[choice.index]),
        is_strong=choice.fits_examples and _is_enough(requirements, checks, choice, trial, len(cases)),
        can_repair=bool(failures) or not requirements.is_sampled,
        failures=[*failures, *_broken_properties(requirements, trial, checks)],
        observed=_observed(requirements, trial, len(cases)),
    )


def _comparable(outcome: Outcome) -> str:
    return f"error {outcome.error.split(':')[0]}" if outcome.error else _key(_rounded(outcome.value))


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return round(value, 9) if isinstance(value, float) else value


def _weight(requirements: Requirements, trial: Trial) -> float:
    """The samples behind a program; none for one that mostly fails, for failing alike is no agreement."""
    mostly_fails = 2 * sum(bool(outcome.error) for outcome in trial.outcomes) > len(trial.outcomes)
    return 0.0 if mostly_fails else trial.program.share * requirements.readings[trial.program.reading].votes


def _wrong_cases(requirements: Requirements, trial: Trial, cases: Sequence[Example]) -> list[str]:
    signature = signature_of(requirements, trial.program.reading)
    name = signature.name if signature else ""
    lines = []
    for (argument, expected), outcome in zip(cases, trial.outcomes, strict=False):
        if not outcome.same_as(expected):
            lines.append(f"{name}({argument!r}) {outcome.against(expected)}")
    return lines


def _broken_properties(requirements: Requirements, trial: Trial, checks: Checks) -> list[str]:
    """The properties, written for one argument, that some result does not have.

    Those of a sampled model do not count: on the validation goals they ruled out right programs as often as wrong ones.
    """
    signature = signature_of(requirements, trial.program.reading)
    if requirements.is_sampled or signature is None or len(signature.parameters) != 1:
        return []
    results = [(value, outcome.value) for value, outcome in zip(trial.inputs, trial.outcomes, strict=True) if not outcome.error]
    broken = [(name, *pair) for name in checks.properties if (pair := next((p for p in results if not holds(name, *p)), None))]
    return [f"the result for {value!r} is {result!r}, which is not {name!r}" for name, value, result in broken]


def _is_enough(requirements: Requirements, checks: Checks, choice: Choice, trial: Trial, num_cases: int) -> bool:
    if not requirements.is_sampled:
        return bool(num_cases or checks.source)
    if trial.outcomes and choice.is_alone and is_telling(requirements.given) and (choice.agreement > 0 or len(requirements.given) > 1):
        return True
    if not trial.outcomes or choice.rivals >= choice.agreement:
        return False
    if requirements.given:
        return choice.agreement >= (AGREEMENT_WITH_EXAMPLES if is_telling(requirements.given) else AGREEMENT_WITH_BOOLEANS)
    results = [_comparable(outcome) for outcome in trial.outcomes if not outcome.error]
    return choice.agreement >= AGREEMENT and len(results) >= LEAST_RESULTS and len(set(results)) > 1


def is_telling(examples: Sequence[Example]) -> bool:
    """Whether the examples would hardly be met by chance, as one that says True or False may be."""
    return any(not isinstance(result, bool) for _, result in examples)


def _evidence(requirements: Requirements, checks: Checks, choice: Choice, trial: Trial, right: Sequence[bool]) -> str:
    given = len(requirements.given)
    parts = [_counted(right[:given], "example", "of the goal"), _counted(right[given:], "case", "of the requirements")]
    if requirements.is_sampled and trial.outcomes:
        agreeing = round(choice.agreement * requirements.drawn)
        agreed = f"{agreeing} of {requirements.drawn} votes agree on {len(trial.outcomes)} inputs"
        parts.append(agreed if agreeing else f"none of {requirements.drawn} votes counts for it")
    elif checks.source:
        parts.append("tests written from the requirements")
    return "; ".join(filter(None, parts)) or "nothing that could be tested"


def _counted(right: Sequence[bool], noun: str, of: str) -> str:
    if not right:
        return ""
    number = f"{len(right)}" if all(right) else f"{sum(right)} of {len(right)}"
    return f"{number} {noun}{'s' * (len(right) > 1)} {of}"


def _observed(requirements: Requirements, trial: Trial, num_cases: int) -> list[Example]:
    if not requirements.is_sampled:
        return []  # its tests are stated; what a program of a general model does may differ from run to run
    tried = list(zip(trial.inputs, trial.outcomes, strict=True))[num_cases:]
    return [(value, outcome.value) for value, outcome in tried if not outcome.error]
