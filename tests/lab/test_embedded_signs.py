"""The weights of signs: which readings are right, what is gathered, and what is fitted to it."""

import math
import random

import pytest

from metagpt.lab.embedded.corpus import training_chain
from metagpt.lab.embedded.goal_sets import Goal
from metagpt.lab.embedded.phrase_table import phrase_table
from metagpt.lab.embedded.weights_of_signs import Weighed, does, fit
from metagpt.lab.embedded.written import find_chain
from metagpt.models.local.phrases import Phrase
from metagpt.models.local.programs import Programs
from metagpt.models.local.weighing import Signs

EVEN_SUM = Goal("add up the even numbers", (([1, 2, 4], 6), ([], 0)))


@pytest.mark.parametrize(
    ("summary", "takes", "is_right"),
    [
        ("keep the even numbers; add up the numbers", "list[int]", True),
        ("add up the even numbers", "list[int]", True),
        ("add up the numbers", "list[int]", False),
        ("add up the even numbers", "str", False),
        ("sing a song", "list[int]", False),
        ("keep the even numbers", "list[int]", False),
        ("add up the even numbers; convert the number to base 1", "list[int]", False),
        ("add up the even numbers; multiply the number by 99999999", "list[int]", False),
    ],
)
def test_a_reading_is_right_by_what_it_does(summary: str, takes: str, is_right: bool) -> None:
    assert does((summary, takes), EVEN_SUM) is is_right


def test_a_value_that_could_leave_its_text_is_not_run() -> None:
    goal = Goal("replace", (("a", "a"),))
    assert does(('replace every "b" with "c"', "str"), goal)
    assert not does(('replace every "b\\" with "c"', "str"), goal)


def test_no_reading_of_a_goal_outside_is_right() -> None:
    assert not does(("add up the numbers", "list[int]"), Goal("write a web server"))


def _rows(count: int) -> list[Weighed]:
    """Goals whose right reading is drawn from the odds of known weights; a third have none, and are declined more often."""
    rng, rows = random.Random(4), []
    for _ in range(count):
        signs = [
            Signs(
                samples=rng.randrange(9), parsed=rng.choice((None, 1, 4)), near=rng.choice((None, 2)),
                read=-rng.uniform(0, 20), retold=-rng.uniform(20, 60),
            )
            for _ in range(6)
        ]  # fmt: skip
        weights = [
            0.5 * math.log(each.samples + 0.25) + 0.4 * each.read + 0.2 * each.retold - 0.7 * math.log(each.parsed or 33) for each in signs
        ]
        highest = max(weights)
        [right] = rng.choices(range(6), [math.exp(weight - highest) for weight in weights])
        is_outside = rng.random() < 0.33
        declined = rng.uniform(0.4, 1) if is_outside else rng.uniform(0, 0.6)
        rows.append(
            Weighed(
                signs=tuple(signs), right=tuple(not is_outside and place == right for place in range(6)),
                declined=declined, read_declined=-rng.uniform(0, 20), goal_tokens=20,
            )
        )  # fmt: skip
    return rows


def test_the_weights_that_made_the_choices_are_found_again() -> None:
    found = fit(_rows(1500))
    assert found.samples == pytest.approx(0.5, abs=0.15)
    assert found.read == pytest.approx(0.4, abs=0.06)
    assert found.retold == pytest.approx(0.2, abs=0.04)
    assert found.parsed == pytest.approx(0.7, abs=0.15)
    assert found.near == pytest.approx(0, abs=0.15)
    assert found.none[1] > 2  # who declines often means none
    assert abs(found.none[3]) < 1  # no sign of it here


def test_a_table_makes_every_chain_of_the_training_what_its_own_program_is() -> None:
    table = phrase_table()["steps"]
    programs = Programs([Phrase(**{**step, "wordings": tuple(step["wordings"]), "imports": tuple(step["imports"])}) for step in table])
    rng = random.Random(3)
    for _ in range(60):
        chain = training_chain(rng, rng.choice((1, 2, 3)))
        program = programs.draft(chain.summary, chain.signature())
        assert program is not None, chain.summary
        lines, own = ([line for line in text.splitlines() if " = " not in line] for text in (program, chain.code()))
        assert len(lines) == len(own)
        assert lines[:-1] == own[:-1]


@pytest.mark.parametrize(
    ("step", "takes", "argument"),
    [
        ("expand the number ranges like 1-3,5", "str", "2499-6963672081"),
        ("add up the numbers", "list[int]", [3, 2001]),
        ("list the keys in alphabetical order", "dict[str, int]", {"a": 10**9}),
    ],
)
def test_an_argument_that_a_step_could_count_for_ever_on_makes_no_example(step: str, takes: str, argument: object) -> None:
    with pytest.raises(OverflowError, match="too large"):
        find_chain([step], takes).run(argument)
