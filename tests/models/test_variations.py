"""Readings one step away from others: which there are, in what order, and with what code."""

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from metagpt.models.local.drafts import Drafts
from metagpt.models.local.phrases import Phrase, Phrases
from metagpt.models.local.programs import Programs
from metagpt.models.local.variations import Variations, is_of_type


def phrase(step: str, takes: str, gives: str, code: str, *wordings: str, **slots: tuple[str, ...]) -> Phrase:
    return Phrase(step=step, takes=takes, gives=gives, name="found", wordings=(step, *wordings), slots=slots, code=code)


EVEN = phrase("keep the even numbers", "list[int]", "list[int]", "[n for n in {x} if n % 2 == 0]", "drop the odd ones")
OVER = phrase("keep the numbers over {n}", "list[int]", "list[int]", "[n for n in {x} if n > {n}]", n=("5", "10"))
TOTAL = phrase("add up the numbers", "list[int]", "int", "sum({x})", "sum them")
LARGEST = phrase("find the largest number", "list[int]", "int", "max({x})", "the maximum")
UPPER = phrase("convert the text to upper case", "str", "str", "{x}.upper()", "in capitals")
UNCODED = phrase("find the smallest number", "list[int]", "int", "", "the minimum")
TABLE = [EVEN, OVER, TOTAL, LARGEST, UPPER, UNCODED]
VARIATIONS = Variations(Phrases(TABLE, {"list[int]": ["a list of numbers"], "str": ["a text"]}), Programs(TABLE))


def summaries(goal: str, *readings: str, examples: Any = ([[4, 7], 4],), count: int = 60) -> list[str]:
    return [chain.summary for chain in VARIATIONS.of(goal, [(reading, "list[int]") for reading in readings], examples, count)]


def test_a_step_is_put_in_taken_out_or_replaced() -> None:
    assert set(summaries("so and so", "keep the even numbers; add up the numbers")) == {
        "add up the numbers",
        "keep the numbers over 5; add up the numbers",
        "keep the even numbers; find the largest number",
        "keep the numbers over 5; keep the even numbers; add up the numbers",
        "keep the even numbers; keep the numbers over 5; add up the numbers",
        "keep the even numbers; keep the even numbers; add up the numbers",
    }


def test_what_the_goal_is_near_to_comes_first_with_its_values() -> None:
    assert summaries("the total of those over 8", "add up the numbers")[0] == "keep the numbers over 8; add up the numbers"
    assert summaries("the total of those over 8", "add up the numbers", count=1) == ["keep the numbers over 8; add up the numbers"]


def test_values_of_the_examples_are_none_of_a_step() -> None:
    found = summaries("the total of those over 8, for [4, 8, 9] it is 9", "add up the numbers", examples=[[[4, 8, 9], 9]])
    assert found[0] == "keep the numbers over 8; add up the numbers"
    found = summaries("the total of all that count, for [4, 8, 9] it is 9", "add up the numbers", examples=[[[4, 8, 9], 9]])
    assert "keep the numbers over 5; add up the numbers" in found, "the usual value, where the goal says none"


def test_the_next_likely_reading_is_behind() -> None:
    first, second = "keep the even numbers; add up the numbers", "keep the even numbers; find the largest number"
    found = summaries("so and so", first, second)
    assert found.index("add up the numbers") < found.index("find the largest number")
    assert not {first, second} & set(found), "what was tried is no variation"


def test_examples_of_other_types_leave_nothing() -> None:
    assert summaries("so and so", "add up the numbers", examples=[["a", 1]]) == []
    assert summaries("so and so", "add up the numbers", examples=[[[1], 1], [[1], "1"]]) == []
    assert "keep the even numbers" in summaries("so and so", "keep the even numbers; add up the numbers", examples=[[[1, 2], [2]]])


def test_readings_that_the_table_lacks_and_more_than_three_steps_are_left_out() -> None:
    assert summaries("so and so", "dance; add up the numbers", "find the smallest number") == []
    three = "keep the even numbers; keep the numbers over 5; add up the numbers"
    assert max(summary.count(";") for summary in summaries("so and so", three)) == 2


@pytest.mark.parametrize("goal", ["", "'" * 5000, "9 " * 50_000, '"a" ' * 20_000])
def test_any_goal_is_varied_in_bounded_time(goal: str) -> None:
    assert summaries(goal, "add up the numbers", examples=[[[9] * 500, 9]])


@pytest.mark.parametrize(
    ("annotation", "fitting", "others"),
    [
        ("int", [3], [True, 2.5, "3", None]),
        ("float", [3, 2.5], [True, "3"]),
        ("bool", [True], [1, "True"]),
        ("str", [""], [1, None]),
        ("list[int]", [[], [1]], [["a"], "1", {}]),
        ("list[list[int]]", [[[1], []]], [[1]]),
        ("dict[str, list[str]]", [{}, {"a": ["b"]}], [{"a": "b"}, []]),
        ("list[dict[str, str]]", [[{"a": "b"}]], [[{"a": 1}]]),
        ("list[tuple[str, int]]", [[["a", 1]]], [[["a"]], [["a", "b"]]]),
        ("Decimal", [], [1]),
    ],
)
def test_types_of_examples(annotation: str, fitting: list[Any], others: list[Any]) -> None:
    assert all(is_of_type(value, annotation) for value in fitting)
    assert not any(is_of_type(value, annotation) for value in others)


def test_the_shipped_table_finds_the_step_that_was_missed_and_its_code() -> None:
    drafts = Drafts(Path(str(files("metagpt.models").joinpath("embedded_weights"))), {"product_manager.specify": "goal"})
    goal = "the hashtags of a post, called tag_names, without the # sign"
    found = drafts.varied(goal, [("list the hashtags", "str")], [["hi #fun", ["fun"]]])
    assert 10 < len(found) <= 60
    [meant] = [each for each in found if each["summary"] == "list the hashtags; drop the first letter of each word"]
    assert meant["signature"] == "tag_names(text: str) -> list[str]"
    assert meant["code"].startswith("import re\n\n\ndef tag_names(text: str) -> list[str]:\n")
