"""The grammar of the embedded model's corpus."""

import asyncio
import itertools
import json
import random
from collections.abc import Sequence
from functools import cache

import pytest

from metagpt.actions.sandbox import open_sandbox
from metagpt.behaviour import Outcome, holds, observe
from metagpt.lab.embedded import mutations
from metagpt.lab.embedded.__main__ import WEIGHTS
from metagpt.lab.embedded.catalogue import load_primitives, random_step
from metagpt.lab.embedded.chain import Chain, chain_inputs, is_sensible, random_chain
from metagpt.lab.embedded.corpus import Example, ask, examples, training_chain
from metagpt.lab.embedded.holdout import is_held_composition, is_held_wording
from metagpt.lab.embedded.inflect import gerund, third_person
from metagpt.lab.embedded.mutations import broken_program
from metagpt.lab.embedded.phrase_table import phrase_table
from metagpt.lab.embedded.properties import holding_properties
from metagpt.lab.embedded.sentences import Speaker
from metagpt.lab.embedded.written import find_chain
from metagpt.models.local.drafts import PHRASES_FILE


@cache
def some_examples() -> tuple[Example, ...]:
    return tuple(itertools.islice(examples(random.Random(3)), 250))


def chain_of(*ids: str) -> Chain:
    known = {primitive.id: primitive for primitive in load_primitives()}
    return Chain(tuple(random_step(known[name], random.Random(1)) for name in ids))


def outcome(chain: Chain, value: object) -> object:
    try:
        return json.loads(json.dumps(chain.run(value)))
    except Exception:  # noqa: BLE001  an argument unfit for the chain
        return None


def test_the_same_seed_gives_the_same_examples() -> None:
    assert tuple(itertools.islice(examples(random.Random(3)), 250)) == some_examples()


def test_every_call_is_in_the_stream_with_an_answer_of_its_form() -> None:
    forms: dict[str, Example] = {example.call: example for example in some_examples()}
    assert set(forms) == {"product_manager.specify", "engineer.write_program", "engineer.repair", "evaluator.write_tests"}
    assert set(json.loads(forms["product_manager.specify"].answer)) == {"in_scope", "summary", "signature", "examples"}
    assert set(json.loads(forms["evaluator.write_tests"].answer)) == {"inputs", "properties"}
    compile(forms["engineer.write_program"].answer, "program", "exec")
    compile(forms["engineer.repair"].answer, "program", "exec")


def run(code: str, function: str, inputs: Sequence[object]) -> list[Outcome]:
    """What a program gives for each argument, in the sandbox."""
    name = function.partition("(")[0]
    return asyncio.run(observe(open_sandbox(), {"p.py": code}, file="p.py", function=name, inputs=[[value] for value in inputs]))


def test_programs_give_the_results_of_their_chains() -> None:
    rng = random.Random(5)
    chains = [random_chain(rng, length) for length in (1, 2, 3) * 12]
    inputs = [chain_inputs(chain, rng, 6, edges=True) for chain in chains]
    for chain, values in zip(chains, inputs, strict=True):
        for value, made in zip(values, run(chain.code(), chain.signature(), values), strict=True):
            expected = outcome(chain, value)
            assert expected is None or made.same_as(expected), (chain.summary, value)


def test_examples_in_a_goal_are_true_and_copied() -> None:
    rng = random.Random(11)
    for _ in range(30):
        asked = ask(training_chain(rng, 2), rng, with_examples=True)
        for argument, result in asked.pairs:
            assert asked.chain.run(argument) == result
        assert len(json.loads(asked.spec)["examples"]) == len(asked.pairs)


def test_training_never_uses_a_held_out_composition() -> None:
    rng = random.Random(2)
    chains = [training_chain(rng, 2) for _ in range(60)]
    assert not any(is_held_composition(chain.ids) for chain in chains)
    assert any(is_held_composition(random_chain(rng, 2).ids) for _ in range(80))


def test_a_goal_of_the_held_out_side_uses_a_held_out_wording() -> None:
    rng = random.Random(4)
    primitive = next(p for p in load_primitives() if any(is_held_wording(p.id, text) for text in p.do) and not p.slots)
    held = [text for text in (*primitive.do, *primitive.np) if is_held_wording(primitive.id, text)]
    chain = Chain((random_step(primitive, rng),))
    speaker = Speaker(rng, "wordings")
    speaker.request(chain)
    assert speaker.held_used
    training = [Speaker(random.Random(seed)).request(chain).goal for seed in range(40)]
    assert not any(text in goal for text in held for goal in training if "{x}" not in text and len(text) > 15)


def test_a_step_that_changes_nothing_makes_no_sense() -> None:
    known = {primitive.step: primitive.id for primitive in load_primitives()}
    evens = known["keep the even numbers"]
    assert is_sensible(chain_of(evens))
    assert not is_sensible(chain_of(evens, evens))


def test_a_broken_program_fails_as_its_text_says() -> None:
    rng = random.Random(8)
    told = 0
    while told < 10:
        chain = training_chain(rng, 2)
        inputs = chain_inputs(chain, rng, 6)
        broken = broken_program(chain, "solve", "", inputs, rng)
        if broken is None or " returned " not in broken[1]:
            continue
        made = run(broken[0], "solve", inputs)
        expected = [outcome(chain, value) for value in inputs]
        assert any(not found.same_as(right) for found, right in zip(made, expected, strict=True) if right is not None)
        told += 1


def test_properties_hold_only_where_every_result_has_them() -> None:
    pairs = [([3, 1, n], sorted([3, 1, n])) for n in range(30)]
    found = holding_properties("sort the numbers in ascending order", pairs)
    assert {"ascending", "same length", "permutation of the input"} <= set(found)
    assert "descending" not in found
    assert "ascending" not in holding_properties("square each number", pairs)
    assert not holds("is bool", 1, 1)


def test_the_phrase_table_holds_no_wording_that_is_held_out() -> None:
    for primitive, step in zip(load_primitives(), phrase_table()["steps"], strict=True):
        assert step["step"] == primitive.step
        assert not [text for text in step["wordings"] if is_held_wording(primitive.id, text)]


def test_the_shipped_table_is_that_of_the_catalogue() -> None:
    shipped = json.loads((WEIGHTS / PHRASES_FILE).read_text(encoding="utf-8"))
    assert shipped == json.loads(json.dumps(phrase_table())), "found another table beside the weights; expected export's of today"


def test_verbs_are_inflected() -> None:
    assert gerund("drop the odd ones") == "dropping the odd ones"
    assert gerund("take them and square them") == "taking them and squaring them"
    assert third_person("only multiply them") == "only multiplies them"
    assert third_person("grumpily sort") is None


def test_a_spoilt_program_that_goes_on_and_on_is_no_example(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = find_chain(["add 1 to the number"])
    endless = chain.code().replace("return number + 1", "return sum(1 for n in range(10**12))")
    assert endless != chain.code()
    monkeypatch.setattr(mutations, "_wrong", lambda *_: endless)
    assert broken_program(chain, "", "", [3], random.Random(1)) is None


def test_a_spoilt_program_whose_result_is_huge_is_no_example(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = find_chain(["add 1 to the number"])
    huge = chain.code().replace("return number + 1", "return 10**5000")
    assert huge != chain.code()
    monkeypatch.setattr(mutations, "_wrong", lambda *_: huge)
    assert broken_program(chain, "", "", [3], random.Random(1)) is None
