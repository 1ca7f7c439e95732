"""Held-out tasks: a call with its context, and tests that tell whether an answer is right."""

from __future__ import annotations

import json
import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metagpt.hub.data import TextData
from metagpt.lab.embedded.chain import Chain, chain_inputs, random_chain
from metagpt.lab.embedded.corpus import LENGTHS, is_plain, training_chain
from metagpt.lab.embedded.holdout import is_held_composition
from metagpt.lab.embedded.mutations import broken_program
from metagpt.lab.from_runs.seen import Case, function_of

__all__ = ["GENERATED_CALLS", "GENERATED_SETS", "Task", "generated_tasks", "recorded_tasks"]

GENERATED_SETS = ("held_compositions", "seen")
"""Compositions that the embedded model's training never shows, and such as it may show."""
_LEAST_TESTS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to ask a role's model."""

    call: str
    context: Mapping[str, Any]  # Any: JSON values
    function: str
    tests: Sequence[Case]


def recorded_tasks(data: TextData) -> list[Task]:
    """The rows of a set from runs that have tests, each prompt once."""
    rows = {example.text: example.fields for example in data if example.fields.get("tests")}
    return [
        Task(call=row["call"], context=json.loads(row["context"]), function=row["function"], tests=json.loads(row["tests"]))
        for row in rows.values()
    ]


def generated_tasks(name: str, calls: Collection[str], *, count: int, seed: int) -> Iterator[Task]:
    """Tasks of a set for the calls that can be made without runs: the same for the same seed, one call after the other."""
    rng = random.Random(f"improve {name} {seed}")
    makers = [GENERATED_CALLS[call] for call in sorted(calls) if call in GENERATED_CALLS]
    made = 0
    while makers and made < count:
        chain = _held_chain(rng) if name == "held_compositions" else training_chain(rng, rng.choice(LENGTHS))
        tests = _tests(chain, rng)
        task = makers[made % len(makers)](chain, tests, rng) if len(tests) >= _LEAST_TESTS else None
        if task is not None:
            made += 1
            yield task


def _held_chain(rng: random.Random) -> Chain:
    while not is_held_composition((chain := random_chain(rng, rng.choice((2, 2, 3)))).ids):
        continue
    return chain


def _tests(chain: Chain, rng: random.Random) -> list[Case]:
    found: list[Case] = []
    for value in chain_inputs(chain, rng, 20, edges=True):
        try:
            result = chain.run(value)
        except Exception:  # noqa: BLE001, S112  an argument unfit for the chain
            continue
        if is_plain(result) or not isinstance(result, float):
            found.append(([value], result))
    return found


def _write(chain: Chain, tests: Sequence[Case], _: random.Random) -> Task:
    context = {"signature": chain.signature(), "summary": chain.summary}
    return Task(call="engineer.write_program", context=context, function=function_of(context), tests=tests)


def _repair(chain: Chain, tests: Sequence[Case], rng: random.Random) -> Task | None:
    found = broken_program(chain, "", "", [arguments[0] for arguments, _ in tests], rng)
    if found is None:
        return None
    context = {"signature": chain.signature(), "summary": chain.summary, "code": found[0], "failure": found[1][:200]}
    return Task(call="engineer.repair", context=context, function=function_of(context), tests=tests)


GENERATED_CALLS = {"engineer.write_program": _write, "engineer.repair": _repair}
"""Calls whose tasks the lab of the embedded model can make."""
