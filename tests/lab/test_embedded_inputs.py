"""The arguments on which the steps of the corpus are tried."""

from __future__ import annotations

import random
from typing import Any

import pytest

from metagpt.lab.embedded.catalogue import MAX_SIZE, Step, load_primitives, random_step
from metagpt.lab.embedded.chain import Chain, chain_inputs, is_sensible
from metagpt.lab.embedded.hints import read_hint, weave
from metagpt.lab.embedded.inputs import KINDS, random_input
from metagpt.lab.embedded.primitive import Primitive

PRIMITIVES = {primitive.id: primitive for primitive in load_primitives()}


def results(name: str) -> list[Any]:
    chain = Chain((random_step(PRIMITIVES[name], random.Random(3)),))
    return [chain.run(value) for value in chain_inputs(chain, random.Random(1), 30)]


def test_nearly_every_primitive_is_sensible_on_its_inputs() -> None:
    chains = [Chain((random_step(primitive, random.Random(primitive.id)),)) for primitive in load_primitives()]
    assert sum(map(is_sensible, chains)) >= 0.94 * len(chains)


@pytest.mark.parametrize("name", ["measure_luhn", "measure_isbn13", "is_ipv4", "is_palindrome", "table_symmetric", "all_numbers_equal"])
def test_what_is_checked_is_sometimes_true_and_sometimes_false(name: str) -> None:
    assert set(results(name)) == {True, False}


@pytest.mark.parametrize(
    ("takes", "hint"),
    [("str", "zebra"), ("list[str]", "zebra"), ("dict[str, int]", "zebra"), ("dict[str, list[str]]", "zebra"), ("list[int]", 4711)],
)
def test_hints_are_worked_into_the_arguments(takes: str, hint: str | int) -> None:
    rng = random.Random(1)
    assert not any(str(hint) in str(random_input(takes, rng)) for _ in range(60))
    assert sum(str(hint) in str(random_input(takes, rng, hints=[hint])) for _ in range(60)) > 20


@pytest.mark.parametrize("takes", sorted(KINDS))
@pytest.mark.parametrize("hint", ["a", "zebra", 0, 3, 100, -2, 0.5])
def test_an_argument_with_a_hint_keeps_its_type(takes: str, hint: str | float) -> None:
    rng = random.Random(5)
    inner = {"list[int]": int, "list[float]": float, "list[str]": str}.get(takes)
    for _ in range(40):
        before = random_input(takes, rng)
        after = weave(takes, before, hint, rng)
        assert type(after) is type(before) or takes == "int"
        assert inner is None or isinstance(hint, float) or all(type(item) is inner for item in after)


@pytest.mark.parametrize(("value", "hint"), [('"cat"', "cat"), ("12", 12), ("-3", -3), ("0.5", 0.5), ("name", None), ('""', None)])
def test_a_hint_is_what_a_slots_value_stands_for(value: str, hint: str | float | None) -> None:
    assert read_hint(value) == hint


def test_sorting_a_dictionary_changes_it() -> None:
    assert is_sensible(Chain((Step(PRIMITIVES["dict_sort_entries_by_key"]),)))


def test_a_result_with_too_many_inner_cells_is_huge() -> None:
    primitive = Primitive(id="wide", takes="int", gives="list[list[int]]", step="", code="[[0] * {x}] * {x}", do=(), np=(), name=("wide",))
    assert len(Step(primitive).run(50)) == 50
    with pytest.raises(OverflowError, match="huge"):
        Step(primitive).run(int(MAX_SIZE**0.5) + 1)
