"""Verdicts from what programs did, without running any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from metagpt.behaviour import Outcome, choose, sample_inputs
from metagpt.roles.software import judging
from metagpt.roles.software.judging import Trial, Verdict, expected_cases, judge_trials, named_values, trial_inputs
from metagpt.roles.software.messages import Checks, Example, Program, Reading, Requirements, Specification


def requirements(
    votes: Sequence[int],
    *,
    drawn: int,
    given: Sequence[Example] = (),
    examples: Sequence[Example] = (),
    signature: str = "f(n: int) -> int",
) -> Requirements:
    specification = Specification(in_scope=True, signature=signature, summary="do it", examples=list(examples))
    readings = [Reading(specification=specification, votes=count) for count in votes]
    return Requirements(goal="do it", readings=readings, given=list(given), drawn=drawn)


def judged(wanted: Requirements, results: Sequence[Sequence[Any]], checks: Checks | None = None) -> Verdict:
    """The verdict on programs that gave these results; an exception is an error."""
    checks = checks or Checks(inputs=[1, 2, 3, 4, 5])
    inputs = trial_inputs(wanted, checks)
    trials = []
    for index, values in enumerate(results):
        found = [
            Outcome(error=f"{type(value).__name__}: {value}") if isinstance(value, Exception) else Outcome(value=value) for value in values
        ]
        padded = [*found, *(Outcome(value=7) for _ in inputs[len(found) :])][: len(inputs)]
        trials.append(Trial(program=Program(reading=index, files={"f.py": ""}, entry="f.py"), inputs=inputs, outcomes=padded))
    return judge_trials(wanted, trials, checks)


def test_a_general_models_examples_and_cases_are_requirements() -> None:
    wanted = requirements([1], drawn=1, given=[(1, 1)], examples=[(1, 1), (2, 4)])
    checks = Checks(cases=[(3, 9), (2, 5)])
    assert expected_cases(wanted, checks) == [(1, 1), (2, 4), (3, 9)]
    verdict = judged(wanted, [[1, 4, 9]], checks)
    assert verdict.is_strong
    assert verdict.failures == []
    assert verdict.evidence == "1 example of the goal; 2 cases of the requirements"
    verdict = judged(wanted, [[1, 5, ValueError("no")]], checks)
    assert not verdict.is_strong
    assert verdict.can_repair
    assert verdict.failures == ["f(2) returned 5, expected 4", "f(3) raised ValueError: no"]
    assert verdict.evidence == "1 example of the goal; 0 of 2 cases of the requirements"


def test_a_sampled_models_own_examples_are_not() -> None:
    wanted = requirements([9], drawn=9, examples=[(2, 4)])
    assert expected_cases(wanted, Checks(cases=[(3, 9)])) == []


@pytest.mark.parametrize(
    ("votes", "drawn", "given", "is_strong"),
    [
        ([10, 6], 16, [], True),
        ([9, 7], 16, [], False),
        ([10, 0], 17, [], False),
        ([4, 3], 16, [(1, 1)], True),
        ([3, 3], 16, [(1, 1)], False),
        ([3, 0], 16, [(1, 1)], False),
        ([4, 0], 16, [(1, 1)], True),
    ],
)
def test_agreement_must_reach_its_threshold_and_beat_its_rivals(
    votes: list[int], drawn: int, given: list[Example], is_strong: bool
) -> None:
    verdict = judged(requirements(votes, drawn=drawn, given=given), [[1, 2, 3], [1, 3, 3]])
    assert verdict.is_strong is is_strong


@pytest.mark.parametrize(("votes", "given", "is_strong"), [(62, 1, False), (63, 1, True), (62, 2, False)])
def test_examples_that_say_true_or_false_are_weak_evidence(votes: int, given: int, is_strong: bool) -> None:
    wanted = requirements([votes, 0], drawn=100, given=[(1, True), (2, False)][:given])
    assert judged(wanted, [[True, False, 3], [True, False, 4]]).is_strong is is_strong


def test_the_thresholds_are_constants_to_be_tuned(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = requirements([9, 7], drawn=16)
    monkeypatch.setattr(judging, "AGREEMENT", 0.5)
    assert judged(wanted, [[1, 2, 3], [1, 3, 3]]).is_strong
    monkeypatch.setattr(judging, "LEAST_RESULTS", 100)
    assert not judged(wanted, [[1, 2, 3], [1, 3, 3]]).is_strong


def test_floats_that_differ_in_the_last_digit_agree() -> None:
    assert judged(requirements([5, 5], drawn=10), [[0.1 + 0.2], [0.3]]).evidence.startswith("10 of 10 votes agree")


def test_the_same_kind_of_error_is_the_same_behaviour() -> None:
    verdict = judged(requirements([5, 5], drawn=10), [[ValueError("a"), 1], [ValueError("b"), 1]])
    assert verdict.evidence.startswith("10 of 10 votes agree")
    verdict = judged(requirements([5, 5], drawn=10), [[ValueError("a"), 1], [TypeError("a"), 1]])
    assert verdict.evidence.startswith("5 of 10 votes agree")


def test_a_program_that_mostly_fails_has_no_weight() -> None:
    wanted = requirements([9, 3], drawn=12)
    many = len(trial_inputs(wanted, Checks(inputs=[1, 2, 3, 4, 5])))
    verdict = judged(wanted, [[ValueError("no")] * many, [1, 2, 3]])
    assert verdict.program.reading == 1
    assert verdict.evidence.startswith("3 of 12 votes agree")
    verdict = judged(requirements([12], drawn=12), [[ValueError("no")] * many])
    assert verdict.evidence == "none of 12 votes counts for it"
    assert not verdict.is_strong


def test_a_property_that_a_result_breaks_is_a_failure_of_the_likeliest_reading() -> None:
    checks = Checks(inputs=[1, 2, 3], properties=["non-negative", "is bool"])
    verdict = judged(requirements([1], drawn=1, examples=[(1, 1)]), [[1, -2, 3]], checks)
    assert verdict.failures == ["the result for 2 is -2, which is not 'non-negative'", "the result for 1 is 1, which is not 'is bool'"]
    several = requirements([1], drawn=1, signature="f(a: int, b: int) -> int")
    assert judged(several, [[-1, -2, -3]], checks).failures == []


def test_only_a_sampled_models_program_is_held_to_what_it_did() -> None:
    assert judged(requirements([1], drawn=1), [[1, 2]]).observed == []
    wanted = requirements([9], drawn=9, given=[(1, 1)])
    observed = judged(wanted, [[1, 2, ValueError("no")]]).observed
    assert observed[0] == (2, 2)
    assert [value for value, _ in observed] == [
        value for value in trial_inputs(wanted, Checks(inputs=[1, 2, 3, 4, 5])) if value not in (1, 3)
    ]


def test_an_application_has_neither_cases_nor_strength_of_its_own() -> None:
    wanted = requirements([1], drawn=1, examples=[(1, 1)], signature="")
    verdict = judged(wanted, [[]], Checks(inputs=[]))
    assert expected_cases(wanted, Checks(cases=[(1, 1)])) == []
    assert verdict.evidence == "nothing that could be tested"
    assert not verdict.is_strong
    assert judge_trials(
        wanted, [Trial(program=verdict.program, inputs=[], outcomes=[])], Checks(source="def test_it(): assert sum([1]) == 1")
    ).is_strong
    assert not judge_trials(
        requirements([9], drawn=9, given=[(1, 1)], signature=""), [Trial(program=verdict.program, inputs=[], outcomes=[])], Checks()
    ).is_strong


def test_inputs_are_tried_once_and_are_bounded() -> None:
    wanted = requirements([9], drawn=9, given=[(3, 1)])
    inputs = trial_inputs(wanted, Checks(inputs=[3, 1, 1, 2, *range(100, 200)]))
    assert inputs[:3] == [3, 1, 2]
    assert len(inputs) == 1 + judging.MOST_INPUTS


def test_values_that_the_goal_names_are_among_the_inputs() -> None:
    wanted = requirements([9], drawn=9, signature="f(text: str) -> int")
    named = wanted.model_copy(update={"goal": """count how often 'zebra' or "owl" occurs, at most 7 times"""})
    assert not any("zebra" in value for value in trial_inputs(wanted, Checks()))
    inputs = trial_inputs(named, Checks(inputs=["first"]))
    assert inputs[0] == "first"
    assert {"zebra", "owl"} <= set(inputs)
    assert set(sample_inputs("str")) & set(inputs)
    assert named_values(named.goal) == ["zebra", "owl", 7]


@pytest.mark.parametrize(
    ("annotation", "found"),
    [
        ("int", lambda value: value == 41),
        ("list[int]", lambda value: 41 in value),
        ("list[str]", lambda value: "zebra" in value),
        ("list[list[int]]", lambda value: any(41 in row for row in value)),
        ("dict[str, int]", lambda value: "zebra" in value),
        ("dict[str, str]", lambda value: "zebra" in value.values()),
        ("dict[str, list[str]]", lambda value: any("zebra" in each for each in value.values())),
        ("list[dict[str, str]]", lambda value: any("zebra" in record.values() for record in value)),
    ],
)
def test_inputs_of_each_type_hold_the_hints(annotation: str, found: Callable[[Any], bool]) -> None:
    assert not any(map(found, sample_inputs(annotation)))
    assert any(map(found, sample_inputs(annotation, ["zebra", 41])))


@pytest.mark.parametrize(
    "annotation",
    [
        *("int", "float", "bool", "str", "list[int]", "list[str]", "list[list[int]]"),
        *("dict[str, int]", "dict[str, list[int]]", "dict[str, list[str]]", "list[dict[str, str]]"),
    ],
)
def test_there_are_varied_inputs_of_each_type(annotation: str) -> None:
    inputs = sample_inputs(annotation)
    assert len({repr(value) for value in inputs}) == len(inputs)
    assert len(inputs) >= (2 if annotation == "bool" else 8)


@pytest.mark.parametrize("annotation", ["", "int | str", "Path", "list", "x y", "__import__('os')", "set[int]"])
def test_there_are_none_of_a_type_unknown(annotation: str) -> None:
    assert sample_inputs(annotation) == []


def test_choosing_without_candidates_is_an_error() -> None:
    with pytest.raises(ValueError, match="found no candidate"):
        choose([], [], [], 0, 1)


def test_the_earlier_candidate_wins_a_tie() -> None:
    choice = choose([["1"], ["2"]], [2, 2], [0, 0], 0, 4)
    assert (choice.index, choice.agreement, choice.rivals) == (0, 0.5, 0.5)


def test_the_candidate_that_passes_most_examples_is_chosen_even_if_not_all() -> None:
    choice = choose([["1"], ["2"]], [9, 1], [0, 1], 2, 10)
    assert choice.index == 1
    assert not choice.fits_examples
