"""An endless stream of training examples for the four calls of the embedded model."""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from metagpt.lab.embedded.chain import Chain, chain_inputs, is_unchanged, random_chain
from metagpt.lab.embedded.frames import ARGUMENT_NAMES
from metagpt.lab.embedded.holdout import is_held_composition
from metagpt.lab.embedded.mutations import broken_program
from metagpt.lab.embedded.notation import example_text
from metagpt.lab.embedded.outside import outside_goal
from metagpt.lab.embedded.properties import holding_properties
from metagpt.lab.embedded.roughen import add_talk, reword, roughen
from metagpt.lab.embedded.sentences import Side, Speaker, UnsayableError
from metagpt.lab.embedded.written import redrawn, written_outside, written_requests
from metagpt.models.compact import compact_prompt
from metagpt.models.local.drafts import DECLINED

__all__ = ["WRITTEN", "Asked", "Example", "as_json", "ask", "ask_as_written", "asked_goals", "examples", "specify_prompt", "training_chain"]

LENGTHS = (1,) * 9 + (2,) * 8 + (3,) * 3
"""How many steps the programs of the sets have that the model is scored on: 45 % one, 40 % two, 15 % three."""
_TAUGHT_LENGTHS = (1,) * 7 + (2,) * 8 + (3,) * 5
"""The same of the training: longer chains are harder to read, and hold the single steps, too."""

MOST_SIGNS = 48
"""Of an argument or result in an example, as JSON."""
MOST_LETTERS = 420
"""Of a goal."""
WRITTEN = 0.25
"""Of the goals to be specified, how many were written by hand; the others are put together."""


@dataclass(frozen=True)
class Example:
    """What the model reads and what it should then say (without the mark of the end)."""

    call: str
    prompt: str
    answer: str


@dataclass(frozen=True)
class Asked:
    """A goal in English with the chain it means."""

    goal: str
    chain: Chain
    name: str
    argument: str
    pairs: tuple[tuple[Any, Any], ...]
    """(argument, result) examples stated in the goal."""

    @property
    def spec(self) -> str:
        """The answer of `product_manager.specify`."""
        spec = {
            "in_scope": True,
            "summary": self.chain.summary,
            "signature": self.chain.signature(self.name, self.argument),
            "examples": self.pairs,
        }
        return as_json(spec)


def as_json(value: Any) -> str:
    """JSON as the model reads and writes it: one line, a space after commas and colons."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def examples(rng: random.Random) -> Iterator[Example]:
    """Training examples without end: of the tokens about 69 % specify, 22 % write, 6 % repair, 3 % test."""
    while True:
        kind = rng.random()
        if kind < 0.05:
            yield Example("product_manager.specify", specify_prompt(_outside(rng)), DECLINED)
        elif kind < 0.71:
            yield _specify(rng)
        elif kind < 0.925:
            yield _write(rng)
        elif kind < 0.97:
            yield from _repair(rng)
        else:
            yield from _tests(rng)


def _outside(rng: random.Random) -> str:
    return reword(rng.choice(written_outside()), rng) if rng.random() < WRITTEN else outside_goal(rng)


def specify_prompt(goal: str) -> str:
    """What the model reads of a goal."""
    return compact_prompt("product_manager.specify", {"goal": goal})


def training_chain(rng: random.Random, length: int) -> Chain:
    """A sensible chain that is not held out."""
    while is_held_composition((chain := random_chain(rng, length)).ids):
        continue
    return chain


def ask(chain: Chain, rng: random.Random, *, side: Side = "training", with_examples: bool | None = None) -> Asked:
    """A goal for the chain; `with_examples` None leaves that to chance."""
    request = Speaker(rng, side).request(chain)
    keep = tuple(word for literal in request.literals for word in literal.split(" ") if word)
    names = tuple(word for word in (request.name, request.argument) if word)
    goal = roughen(add_talk(request.goal, chain.gives, rng), rng, (*keep, *names))
    return _asked(goal, chain, request.name, request.argument, rng, with_examples)


def ask_as_written(rng: random.Random) -> Asked:
    """A goal that somebody wrote by hand for training, with other values and in another's hand."""
    request = redrawn(rng.choice(written_requests()), rng)
    goal = reword(request.goal, rng, tuple(word for literal in request.literals for word in literal.split(" ") if word))
    if rng.random() < 0.3:
        goal = add_talk(goal, request.chain.gives, rng)
    return _asked(goal, request.chain, request.name, request.argument, rng, None)


def _asked(goal: str, chain: Chain, name: str, argument: str, rng: random.Random, with_examples: bool | None) -> Asked:
    if with_examples is None:
        with_examples = rng.random() < 0.25
    pairs = _pairs(chain, rng) if with_examples else ()
    if pairs:
        text = example_text(pairs, name, rng)
        stem = goal.rstrip(".") if text.startswith(" (") or rng.random() < 0.3 else goal
        goal = stem + ("" if stem[-1] in ".?!:" or text.startswith((" (", "\n")) else rng.choice((".", ",", ".", ""))) + text
    return Asked(goal, chain, name, argument, pairs)


def asked_goals(rng: random.Random) -> Iterator[Asked]:
    """Goals within the scope without end, some written by hand and some put together."""
    while True:
        try:
            asked = ask_as_written(rng) if rng.random() < WRITTEN else ask(training_chain(rng, rng.choice(_TAUGHT_LENGTHS)), rng)
        except UnsayableError:
            continue
        if len(asked.goal) < MOST_LETTERS:
            yield asked


def _specify(rng: random.Random) -> Example:
    asked = next(asked_goals(rng))
    return Example("product_manager.specify", specify_prompt(asked.goal), asked.spec)


@cache
def _small_inputs(chain: Chain) -> tuple[tuple[Any, Any], ...]:
    rng = random.Random(f"small {chain.summary}")
    found = []
    for value in chain_inputs(chain, rng, 16):
        short = value[:5] if isinstance(value, list) and len(as_json(value)) > MOST_SIGNS else value
        try:
            result = chain.run(short)
        except Exception:  # noqa: BLE001, S112  an argument unfit for the chain
            continue
        if is_plain(result) and max(len(as_json(short)), len(as_json(result))) <= MOST_SIGNS and not is_unchanged(short, result):
            found.append((short, result))
    return tuple(found)


def is_plain(value: Any) -> bool:
    """Whether a result survives JSON: finite numbers, texts without line breaks, lists and dictionaries of them."""
    if isinstance(value, float):
        return math.isfinite(value) and len(repr(value)) <= 8
    if isinstance(value, str):
        return "\n" not in value and "\\" not in value
    if isinstance(value, list | tuple):
        return all(is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(item) for key, item in value.items())
    return isinstance(value, bool | int)


def _pairs(chain: Chain, rng: random.Random) -> tuple[tuple[Any, Any], ...]:
    known = _small_inputs(chain)
    return tuple(rng.sample(known, min(rng.choice((1, 1, 1, 2, 2, 3)), len(known)))) if known else ()


def _named(chain: Chain, rng: random.Random) -> tuple[str, str]:
    """A name and an argument that the signature may carry; mostly the defaults."""
    if rng.random() < 0.6:
        return "", ""
    name = rng.choice(("solve", "process", "compute_it", "run", *(step.fragment for step in chain.steps)))
    taken = chain.identifiers()
    argument = rng.choice(("", *(word for word in ARGUMENT_NAMES[chain.takes] if word not in taken)))
    return name, argument


def _write(rng: random.Random) -> Example:
    chain = training_chain(rng, rng.choice(_TAUGHT_LENGTHS))
    name, argument = _named(chain, rng)
    context = {"signature": chain.signature(name, argument), "summary": chain.summary}
    return Example("engineer.write_program", compact_prompt("engineer.write_program", context), chain.code(name, argument))


def _repair(rng: random.Random) -> Iterator[Example]:
    chain = training_chain(rng, rng.choice(_TAUGHT_LENGTHS))
    name, argument = _named(chain, rng)
    found = broken_program(chain, name, argument, [value for value, _ in _small_inputs(chain)][:6], rng)
    if found is None or len(found[1]) > 200:
        return
    wrong, failure = found
    context = {"signature": chain.signature(name, argument), "summary": chain.summary, "code": wrong, "failure": failure}
    yield Example("engineer.repair", compact_prompt("engineer.repair", context), chain.code(name, argument))


@cache
def _known_properties(chain: Chain) -> tuple[str, ...]:
    rng = random.Random(f"properties {chain.summary}")
    pairs = []
    for value in chain_inputs(chain, rng, 60, edges=True):
        try:
            pairs.append((value, chain.run(value)))
        except Exception:  # noqa: BLE001, S112  an argument unfit for the chain
            continue
    return tuple(holding_properties(chain.summary, pairs))


def _tests(rng: random.Random) -> Iterator[Example]:
    chain = training_chain(rng, rng.choice((1, 1, 2, 3)))
    name, argument = _named(chain, rng)
    count = rng.randint(5, 7)
    inputs = [value for value in chain_inputs(chain, rng, count + 8, edges=True) if _runs(chain, value)]
    short = [value for value in {repr(value): value for value in inputs}.values() if len(as_json(value)) <= 60]
    if len(short) < 5:
        return
    answer = as_json({"inputs": rng.sample(short, min(count, len(short))), "properties": list(_known_properties(chain))})
    context = {"signature": chain.signature(name, argument), "summary": chain.summary}
    yield Example("evaluator.write_tests", compact_prompt("evaluator.write_tests", context), answer)


def _runs(chain: Chain, value: Any) -> bool:
    try:
        chain.run(value)
    except Exception:  # noqa: BLE001  an argument unfit for the chain
        return False
    return True
