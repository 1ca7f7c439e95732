"""Steps on dictionaries of lists and on records: their inputs, their results, and what is known of every type."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any

import pytest

from metagpt.actions.sandbox import open_sandbox
from metagpt.behaviour import observe, sample_inputs
from metagpt.lab.embedded.catalogue import load_primitives, random_step
from metagpt.lab.embedded.chain import ARGUMENTS, Chain, chain_inputs, is_sensible
from metagpt.lab.embedded.frames import ARGUMENT_NAMES, DEFINITE, INPUTS, RESULT_NOTES
from metagpt.lab.embedded.inputs import KINDS, edge_inputs
from metagpt.lab.embedded.phrase_table import phrase_table
from metagpt.lab.embedded.sentences import Speaker
from metagpt.lab.embedded.written import find_chain
from metagpt.models.local.phrases import Phrase, Phrases

TYPES = ("dict[str, list[int]]", "dict[str, list[str]]", "list[dict[str, str]]")
GROUPS = tuple(primitive for primitive in load_primitives() if primitive.id.startswith("groups_"))
MARKS = {"Ann": [9, 6], "Bob": [10], "Cem": []}
CSV = 'name,city\nAnn,Oslo\n\n"Bo, jr",Rome\nEve\n'


def result(steps: Sequence[str], value: Any, takes: str = "") -> Any:
    return find_chain(steps, takes).run(value)


def test_all_that_is_keyed_by_type_knows_every_type_of_the_catalogue() -> None:
    takes = {primitive.takes for primitive in load_primitives()}
    assert set(TYPES) <= takes
    for table in (KINDS, ARGUMENTS, INPUTS, DEFINITE, ARGUMENT_NAMES):
        assert takes <= set(table)
    assert {primitive.gives for primitive in load_primitives()} <= set(RESULT_NOTES)
    assert all(edge_inputs(each) and sample_inputs(each) for each in takes)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("add up each list of the dictionary", {"Ann": 15, "Bob": 10, "Cem": 0}),
        ("compute the mean of each list of the dictionary", {"Ann": 7.5, "Bob": 10.0}),
        ("find the highest number of each list of the dictionary", {"Ann": 9, "Bob": 10}),
        ("find the key with the highest total", "Ann"),
        ("find the key with the highest mean", "Bob"),
        ("rank the keys by their totals, highest first", ["Ann", "Bob", "Cem"]),
        ("list the keys whose mean is at least 8", ["Bob"]),
    ],
)
def test_scores_are_summed_up_by_name(step: str, expected: Any) -> None:
    assert result([step], MARKS, "dict[str, list[int]]") == expected


def test_numbers_and_words_are_grouped() -> None:
    assert result(["group the numbers into even and odd"], [3, 4, 0]) == {"even": [4, 0], "odd": [3]}
    assert result(["group the words by length, the lengths as text"], ["a", "bc", "d"]) == {"1": ["a", "d"], "2": ["bc"]}
    scores = ["Ann: 3", "no number", "Bob:1", "Ann:4"]
    assert result(["gather the numbers of the name:number lines by name", "add up each list of the dictionary"], scores) == {
        "Ann": 7,
        "Bob": 1,
    }


def test_csv_with_a_header_becomes_records_and_text_again() -> None:
    read = "read the CSV text with a header into a list of dictionaries"
    assert result([read], CSV) == [{"name": "Ann", "city": "Oslo"}, {"name": "Bo, jr", "city": "Rome"}, {"name": "Eve"}]
    assert result([read, "list the city of each record"], CSV) == ["Oslo", "Rome"]
    assert result([read, "write the records as CSV text with a header"], "a,b\n1,2") == "a,b\n1,2"
    assert result([read], "") == []


@pytest.mark.parametrize("primitive", GROUPS, ids=lambda primitive: primitive.id)
def test_every_step_on_groups_bears_awkward_arguments_and_can_be_asked_for(primitive: Any) -> None:
    chain = Chain((random_step(primitive, random.Random(1)),))
    assert all(json.dumps(chain.run(value)) for value in edge_inputs(primitive.takes))
    assert Speaker(random.Random(2)).request(chain).goal


def test_programs_on_groups_give_the_results_of_their_steps() -> None:
    for primitive in GROUPS[::4]:
        chain = Chain((random_step(primitive, random.Random(3)),))
        values = chain_inputs(chain, random.Random(4), 6, edges=True)
        name = chain.default_name
        made = asyncio.run(observe(open_sandbox(), {"p.py": chain.code()}, file="p.py", function=name, inputs=[[each] for each in values]))
        assert all(outcome.same_as(json.loads(json.dumps(chain.run(value)))) for outcome, value in zip(made, values, strict=True)), chain


def test_a_step_that_reads_csv_is_tried_on_csv_and_what_follows_makes_sense() -> None:
    chain = find_chain(["read the CSV text with a header into a list of dictionaries", "list the name of each record"])
    texts = chain_inputs(chain, random.Random(5), 20)
    assert all("\n" in text and " " not in text.partition("\n")[0] for text in texts)
    assert is_sensible(chain)


def test_the_phrase_parser_knows_the_steps_on_groups() -> None:
    table = phrase_table()
    phrases = Phrases([Phrase(**{**step, "wordings": tuple(step["wordings"])}) for step in table["steps"]], table["nouns"])
    goal = "the total for every name in a dictionary of lists of scores"
    chain = next(chain for chain in phrases.parse(goal, 5) if chain.phrases[0].takes == "dict[str, list[int]]")
    assert table["arguments"][chain.phrases[0].takes] == "scores"
    assert chain.steps == ("add up each list of the dictionary",)
