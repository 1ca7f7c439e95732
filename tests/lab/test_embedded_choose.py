"""Choosing among candidate programs, by hand-made cases."""

from metagpt.lab.embedded.choose import Behaviour, Choice, Thresholds, choose, groups, outcome_key, same_value, stated_examples

THRESHOLDS = Thresholds(agreement=0.6, agreement_with_examples=0.25, outside=0.5)


def behaviour(program: str, samples: int, *outcomes: object, passed: int = 0) -> Behaviour:
    return Behaviour(program=program, samples=samples, outcomes=tuple(outcome_key(value) for value in outcomes), examples_passed=passed)


def chosen(*behaviours: Behaviour, samples: int = 8, outside: int = 0, examples: int = 0) -> Choice:
    return choose(behaviours, num_samples=samples, num_outside=outside, num_examples=examples, thresholds=THRESHOLDS)


def test_programs_that_behave_alike_are_counted_together() -> None:
    choice = chosen(behaviour("a", 3, 1, 2), behaviour("b", 2, 1, 2), behaviour("c", 3, 1, 3))
    assert (choice.verdict, choice.agreement) == ("passed", 5 / 8)
    assert choice.chosen is not None
    assert choice.chosen.program == "a"
    assert choice.evidence == "5 of 8 candidates agree on 2 inputs"


def test_agreement_below_the_threshold_is_not_called_passed() -> None:
    choice = chosen(behaviour("a", 4, 1), behaviour("b", 3, 2))
    assert choice.verdict == "not verified"
    assert choice.chosen is not None
    assert choice.chosen.program == "a"


def test_an_example_beats_the_majority() -> None:
    choice = chosen(behaviour("many", 6, 1, passed=0), behaviour("right", 2, 2, passed=1), examples=1)
    assert choice.verdict == "passed"
    assert choice.chosen is not None
    assert choice.chosen.program == "right"
    assert choice.evidence == "1 example of the goal"


def test_without_a_candidate_that_gets_the_examples_right_nothing_is_passed() -> None:
    choice = chosen(behaviour("many", 8, 1, passed=1), examples=2)
    assert (choice.verdict, choice.evidence) == ("not verified", "no candidate gets the examples of the goal right")


def test_one_lucky_sample_with_the_example_right_is_too_little() -> None:
    assert chosen(behaviour("many", 7, 1), behaviour("lucky", 1, 2, passed=1), examples=1).verdict == "not verified"


def test_half_of_the_samples_out_of_scope_decline_the_goal() -> None:
    choice = chosen(behaviour("a", 4, 1), outside=4)
    assert (choice.verdict, choice.chosen) == ("out of scope", None)


def test_programs_that_fail_on_every_input_are_left_out() -> None:
    broken = Behaviour(program="broken", samples=6, outcomes=(outcome_key(error="TypeError"),) * 2)
    choice = chosen(broken, behaviour("a", 2, 1, 1))
    assert choice.chosen is not None
    assert choice.chosen.program == "a"
    assert chosen(broken).evidence == "no candidate runs"


def test_groups_come_with_the_most_samples_first() -> None:
    assert [[b.program for b in group] for group in groups([behaviour("a", 1, 1), behaviour("b", 2, 2), behaviour("c", 2, 1)])] == [
        ["a", "c"],
        ["b"],
    ]


def test_tuples_count_as_lists_and_truth_is_no_number() -> None:
    assert same_value([["a", 1]], (("a", 1),))
    assert same_value(0.1 + 0.2, 0.3)
    assert not same_value(True, 1)
    assert not same_value("1", 1)
    assert same_value({"a": [1.0]}, {"a": (1,)})
    assert not same_value({"a": 1}, {"b": 1})
    assert outcome_key((1, 2)) == outcome_key([1, 2]) != outcome_key([1, True])


def test_only_examples_whose_both_sides_stand_in_the_goal_are_stated() -> None:
    goal = "Double them, e.g. [1,2] -> [2, 4]"
    copied = [[([1, 2], [2, 4])], [([1, 2], [2, 5])], [([1, 2], [1, 2])], []]
    assert stated_examples(goal, copied) == (([1, 2], [2, 4]),)
