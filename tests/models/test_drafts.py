"""Drafts of a phrase table: what is parsed, where it stands, and a folder without its table."""

import json
from importlib.resources import files
from pathlib import Path

import pytest

from metagpt.errors import ConfigError, ModelUnavailableError
from metagpt.models.interface import ModelRequest
from metagpt.models.local.card import read_card
from metagpt.models.local.drafts import Drafts
from metagpt.models.local.phrases import Phrase, Phrases

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
    assert summary in [chain.summary for chain in PHRASES.parse(goal, 5)]


def test_the_shipped_table_reads_a_goal_of_two_steps() -> None:
    table = json.loads(files("metagpt.models").joinpath("embedded_weights", "phrases.json").read_text())
    shipped = Phrases([Phrase(**{**step, "wordings": tuple(step["wordings"])}) for step in table["steps"]], table["nouns"])
    assert shipped.parse("double every number in a list, then return the running totals", 1)[0].summary == (
        "double each number; compute the running totals"
    )


def test_chains_are_typed_and_no_more_than_asked_for() -> None:
    chains = PHRASES.parse("sum them and make it upper case and drop the odd ones", 3)
    assert 0 < len(chains) <= 3
    for chain in PHRASES.parse("sum them and make it upper case and drop the odd ones", 100):
        for first, second in zip(chain.phrases, chain.phrases[1:], strict=False):
            assert first.gives == second.takes


@pytest.mark.parametrize("goal", ["", "   ", "xyzzy " * 2000, "([{" * 3000, "and " * 5000])
def test_any_goal_is_parsed_in_bounded_time(goal: str) -> None:
    assert isinstance(PHRASES.parse(goal, 24), list)


def test_a_folder_without_its_table_says_so(tmp_path: Path) -> None:
    drafts = Drafts(tmp_path, {"product_manager.specify": "goal"})
    with pytest.raises(ModelUnavailableError, match=r"phrases\.json"):
        drafts.of(ModelRequest(call="product_manager.specify", chat=(), context={"goal": "x"}))


def test_the_shipped_drafts_are_of_both_kinds_each_from_its_best_on() -> None:
    drafts = Drafts(Path(str(files("metagpt.models").joinpath("embedded_weights"))), {"product_manager.specify": "goal"})
    found = drafts.of(
        ModelRequest(
            call="product_manager.specify",
            chat=(),
            context={"goal": "double every number in a list, then return the running totals: def steps_up(x)"},
        )
    )
    for kind in ("parsed", "near"):
        assert [draft.place for draft in found if draft.kind == kind] == list(range(1, 1 + sum(draft.kind == kind for draft in found)))
    specs = [json.loads(draft.text) for draft in found if draft.kind == "parsed"]
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
