"""The goals written by hand for training: each means a chain, none stands in a held-out set, values are drawn anew on both sides."""

from __future__ import annotations

import random
import re

import pytest

from metagpt.lab.embedded.goals import load_goals
from metagpt.lab.embedded.written import WrittenRequest, find_chain, redrawn, written_outside, written_requests


def plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.lower()))


def test_goals_of_both_kinds_were_written_for_training() -> None:
    assert len(written_requests()) > 2000
    assert len(written_outside()) > 300
    assert {1, 2, 3} == {len(request.chain.steps) for request in written_requests()}


def test_no_goal_of_training_stands_in_a_held_out_set() -> None:
    held = {plain(text) for name in ("validation", "test") for goal in load_goals(name) for text in (goal.goal, goal.goal_with_example)}
    trained = {plain(text) for text in (*written_outside(), *(request.goal for request in written_requests()))}
    assert trained & held == set()


def test_a_chain_is_found_by_its_wordings_and_the_type_it_takes() -> None:
    chain = find_chain(["keep the numbers greater than 7", "add up the numbers"])
    assert (chain.takes, chain.run([3, 8, 9])) == ("list[int]", 17)
    with pytest.raises(ValueError, match=r"found \['make tea'\] on any type; expected steps of the catalogue that fit together"):
        find_chain(["make tea"])
    with pytest.raises(ValueError, match="on str"):
        find_chain(["add up the numbers"], "str")


def test_a_value_is_drawn_anew_in_the_goal_and_in_the_steps() -> None:
    request = WrittenRequest("Total of the sales over 100, please", find_chain(["keep the numbers greater than 100", "add up the numbers"]))
    drawn = [redrawn(request, random.Random(seed)) for seed in range(40)]
    values = {dict(found.chain.steps[0].values)["n"] for found in drawn}
    assert len(values) > 5
    assert all(found.goal == f"Total of the sales over {dict(found.chain.steps[0].values)['n']}, please" for found in drawn)


@pytest.mark.parametrize(
    "goal", ["Sum what is over 10 of the 10 sales", "Sum everything over ten", "Sum all over 10%", "Sum all over 10.5"]
)
def test_a_value_that_the_goal_does_not_say_once_and_plainly_stays(goal: str) -> None:
    request = WrittenRequest(goal, find_chain(["keep the numbers greater than 10", "add up the numbers"]))
    assert {redrawn(request, random.Random(seed)).goal for seed in range(20)} == {goal}


@pytest.mark.parametrize(
    ("goal", "name", "argument"),
    [
        ("def total(nums): the sum of nums", "total", "nums"),
        ("write a function called add_up that sums a list", "add_up", ""),
        ("please implement `list_sum(values)`", "list_sum", "values"),
        ("the sum of the list", "", ""),
    ],
)
def test_the_names_that_a_goal_asks_for_are_read(goal: str, name: str, argument: str) -> None:
    request = WrittenRequest(goal, find_chain(["add up the numbers"]))
    assert (request.name, request.argument) == (name, argument)
