"""Drafts of a phrase table: what is parsed, where it stands, and a folder without its table."""

import json
from importlib.resources import files
from pathlib import Path
from typing import get_args

import pytest

from metagpt.errors import ConfigError, ModelUnavailableError
from metagpt.models.interface import ModelRequest
from metagpt.models.local.card import read_card
from metagpt.models.local.drafts import Drafts
from metagpt.models.local.phrases import By, Phrase, Phrases

EVEN = Phrase(
    step="keep the even numbers",
    takes="list[int]",
    gives="list[int]",
    name="evens",
    wordings=("keep the even numbers", "drop the odd ones", "the even numbers in {x}"),
    slots={},
)
OVER = Phrase(
    step="keep the numbers greater than {n}",
    takes="list[int]",
    gives="list[int]",
    name="over",
    wordings=("keep the numbers greater than {n}", "throw out everything up to {n}"),
    slots={"n": ("5", "10")},
)
TOTAL = Phrase(
    step="add up the numbers",
    takes="list[int]",
    gives="int",
    name="total",
    wordings=("add up the numbers", "sum them", "the sum of {x}"),
    slots={},
)
UPPER = Phrase(
    step="convert the text to upper case",
    takes="str",
    gives="str",
    name="upper",
    wordings=("make it upper case", "{x} in capitals"),
    slots={},
)
SHIPPED = Drafts(Path(str(files("metagpt.models").joinpath("embedded_weights"))), {"product_manager.specify": "goal"})
PHRASES = Phrases([EVEN, OVER, TOTAL, UPPER], {"list[int]": ["a list of numbers"], "str": ["a text"]})


@pytest.mark.parametrize(
    ("goal", "summary"),
    [
        ("drop the odd ones and sum them", "keep the even numbers; add up the numbers"),
        ("the sum of the even numbers in a list", "keep the even numbers; add up the numbers"),
        ("Throw out everything up to seven, then sum them.", "keep the numbers greater than 7; add up the numbers"),
        ("please make it upper case", "convert the text to upper case"),
    ],
)
def test_what_is_meant_is_among_the_first_chains(goal: str, summary: str) -> None:
    for by in get_args(By):
        assert summary in [chain.summary for chain in PHRASES.parse(goal, 5, by=by)]


def test_by_the_mean_what_many_wordings_say_comes_before_what_the_nearest_one_says() -> None:
    def step(name: str, *wordings: str) -> Phrase:
        return Phrase(step=name, takes="str", gives="str", name=name, wordings=wordings, slots={})

    once = step("once", "flip odd signs", "mend holes", "wash cars", "paint doors", "cut grass")
    often = step("often", "flip tops", "turn signs", "flip over", "swap signs")
    table = Phrases([once, often], {})
    assert {by: table.parse("flip signs", 1, by=by)[0].summary for by in get_args(By)} == {"nearest": "once", "mean": "often"}


def test_the_shipped_table_reads_a_goal_of_two_steps() -> None:
    request = ModelRequest(
        call="product_manager.specify", chat=(), context={"goal": "double every number in a list, then return the running totals"}
    )
    first = SHIPPED.of(request)[0]
    assert (first.kind, json.loads(first.text)["summary"]) == ("by_nearest", "double each number; compute the running totals")


def test_what_most_wordings_of_a_step_say_counts_beside_the_one_that_is_nearest() -> None:
    def step(name: str, *wordings: str) -> Phrase:
        return Phrase(step=name, takes="str", gives="str", name=name, wordings=wordings, slots={})

    two, one = step("two", "flip tops", "turn signs"), step("one", "flip ends", "mend holes")
    nearness = Phrases([one, two], {}).nearness("flip signs")
    assert nearness[1] > 1.2 * nearness[0]


def test_goals_that_one_step_answers_are_wordings_of_it() -> None:
    goal = "xyzzy"
    assert PHRASES.parse(goal, 1, by="mean") == []
    told = Phrases(PHRASES.steps, {}, [("Xyzzy!", [(2, {})]), ("Xyzzy twice", [(0, {}), (2, {})])])
    assert told.parse(goal, 1, by="mean")[0].steps == ("add up the numbers",)


def test_chains_are_typed_and_no_more_than_asked_for() -> None:
    chains = PHRASES.parse("sum them and make it upper case and drop the odd ones", 3, by="mean")
    assert 0 < len(chains) <= 3
    for chain in PHRASES.parse("sum them and make it upper case and drop the odd ones", 100, by="mean"):
        for first, second in zip(chain.phrases, chain.phrases[1:], strict=False):
            assert first.gives == second.takes


@pytest.mark.parametrize("goal", ["", "   ", "xyzzy " * 2000, "([{" * 3000, "and " * 5000])
def test_any_goal_is_parsed_in_bounded_time(goal: str) -> None:
    assert isinstance(PHRASES.parse(goal, 24, by="mean"), list)


def test_a_folder_without_its_table_says_so(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path, {"product_manager.specify": "goal"})
    with pytest.raises(ModelUnavailableError, match=r"phrases\.json"):
        drafts.of(ModelRequest(call="product_manager.specify", chat=(), context={"goal": "x"}))


def test_the_shipped_drafts_are_of_three_kinds_each_from_its_best_on() -> None:
    found = SHIPPED.of(
        ModelRequest(
            call="product_manager.specify",
            chat=(),
            context={"goal": "double every number in a list, then return the running totals: def steps_up(x)"},
        )
    )
    for kind in ("by_nearest", "by_mean", "near"):
        places = [draft.place for draft in found if draft.kind == kind]
        assert places == list(range(1, 1 + len(places)))
        assert places
    specs = [json.loads(draft.text) for draft in found if draft.kind == "by_mean"]
    [meant] = [spec for spec in specs if spec["summary"] == "double each number; compute the running totals"]
    assert meant["signature"] == "steps_up(numbers: list[int]) -> list[int]"


def test_a_call_without_drafts_has_none(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path, {"product_manager.specify": "goal"})
    assert drafts.of(ModelRequest(call="engineer.repair", chat=())) == ()


def test_a_card_with_strange_drafts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("---\nprompt_format: compact\ncalls: [a.b]\ndrafts: [a.b]\n---\n")
    (tmp_path / "config.json").write_text(json.dumps({}))
    with pytest.raises(ConfigError, match="drafts: "):
        read_card(tmp_path)
