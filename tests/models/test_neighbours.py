"""Readings taken over from goals that are like this one."""

import pytest

from metagpt.models.local.neighbours import Neighbours, ReadGoal
from metagpt.models.local.phrases import Phrase
from metagpt.models.local.tfidf import Index


def _phrase(step: str, takes: str = "list[int]", gives: str = "list[int]", **slots: tuple[str, ...]) -> Phrase:
    return Phrase(step=step, takes=takes, gives=gives, name="f", wordings=(step,), slots=slots)


OVER = _phrase("keep the numbers greater than {n}", n=("5", "10"))
TOTAL = _phrase("add up the numbers", gives="int")
SPLIT = _phrase("split the text at {mark}", "str", "list[str]", mark=('","', '";"'))
GOALS = Neighbours(
    [
        ReadGoal(goal="what did the days with more than 100 guests bring together", phrases=(OVER, TOTAL), values=({"n": "100"}, {})),
        ReadGoal(goal="how many guests came in all", phrases=(TOTAL,), values=({},)),
        ReadGoal(goal="cut my notes wherever there is a ';'", phrases=(SPLIT,), values=({"mark": '";"'},)),
    ]
)


@pytest.mark.parametrize(
    ("goal", "summary"),
    [
        ("the days with more than 100 guests, together", "keep the numbers greater than 100; add up the numbers"),
        ("the days with more than 40 guests, together", "keep the numbers greater than 40; add up the numbers"),
        ("days with more than seven guests together", "keep the numbers greater than 7; add up the numbers"),
        ("how many guest coming in all?", "add up the numbers"),
        ("cut the note wherever there is a '|'", 'split the text at "|"'),
        ("cut the note wherever there is a bar", 'split the text at ";"'),
    ],
)
def test_the_nearest_goals_reading_comes_first_with_the_values_of_this_goal(goal: str, summary: str) -> None:
    assert GOALS.of(goal, 3)[0].summary == summary


def test_readings_differ_and_are_no_more_than_asked_for() -> None:
    found = GOALS.of("guests there is", 2)
    assert len(found) == 2
    assert len({chain.summary for chain in found}) == 2


@pytest.mark.parametrize("goal", ["", "xyzzy", "?? --"])
def test_a_goal_without_a_known_word_has_no_neighbours(goal: str) -> None:
    assert GOALS.of(goal, 5) == []


def test_nearness_is_the_cosine_of_weights_by_rarity() -> None:
    index = Index([["a", "b"], ["a", "c"], ["c"]])
    found = index.nearness(["b", "c"])
    assert found is not None
    # weights: a and c are in two of three rows, ln 1.5 = 0.4055; b in one, ln 3 = 1.0986
    assert found == pytest.approx([1.0986**2 / (1.1711 * 1.1711), 0.4055**2 / (1.1711 * 0.5734), 0.4055 / 1.1711], abs=1e-3)
    assert index.nearness(["unknown"]) is None
