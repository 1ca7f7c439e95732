"""A program as a chain of typed steps: its spec, its code, its reference results, and which chains make sense."""

import copy
import itertools
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from metagpt.lab.embedded.catalogue import Step, load_primitives, random_step
from metagpt.lab.embedded.inputs import edge_inputs, fitting_kinds, random_input, step_hints
from metagpt.lab.embedded.primitive import Primitive
from metagpt.models.local.programs import accepts, compose

__all__ = ["ARGUMENTS", "Chain", "chain_inputs", "is_sensible", "is_unchanged", "random_chain"]

ARGUMENTS = {
    "int": "number",
    "float": "number",
    "str": "text",
    "list[int]": "numbers",
    "list[float]": "numbers",
    "list[str]": "words",
    "list[list[int]]": "rows",
    "dict[str, int]": "counts",
    "dict[str, str]": "mapping",
    "dict[str, list[int]]": "scores",
    "dict[str, list[str]]": "groups",
    "list[dict[str, str]]": "records",
}
"""The argument's name in a signature where the goal asks for no other."""
SCALARS = ("int", "float")
"""People seldom ask to go on from a single number: such chains are made less often."""


@dataclass(frozen=True)
class Chain:
    """One to three steps, each taking what the one before gives."""

    steps: tuple[Step, ...]

    @property
    def takes(self) -> str:
        return self.steps[0].primitive.takes

    @property
    def gives(self) -> str:
        return self.steps[-1].primitive.gives

    @property
    def ids(self) -> tuple[str, ...]:
        """The primitives in order; held-out compositions are chosen by this."""
        return tuple(step.primitive.id for step in self.steps)

    @property
    def summary(self) -> str:
        return "; ".join(step.text for step in self.steps)

    @property
    def default_name(self) -> str:
        """What the function is called where the goal does not say: after its last step."""
        return self.steps[-1].fragment

    def signature(self, name: str = "", argument: str = "") -> str:
        return f"{name or self.default_name}({argument or ARGUMENTS[self.takes]}: {self.takes}) -> {self.gives}"

    def code(self, name: str = "", argument: str = "") -> str:
        """The canonical program: imports, helper functions, one function with a line for each step."""
        return compose(self.signature(name, argument), [step.code for step in self.steps])

    def run(self, value: Any) -> Any:
        """The reference result; the argument is left as it was."""
        value = copy.deepcopy(value)
        for step in self.steps:
            value = step.run(value)
        return value

    def identifiers(self) -> set[str]:
        """Every name its code uses, which an argument must not be called."""
        return {word for step in self.steps for word in re.findall(r"[A-Za-z_]\w*", step.primitive.code + step.primitive.helper)}


def chain_inputs(chain: Chain, rng: random.Random, count: int, *, edges: bool = False) -> list[Any]:
    """Arguments that suit the chain, mostly with values its steps name; with `edges`, the awkward ones of its type come first."""
    kinds, hints = fitting_kinds(chain.steps[0].primitive), step_hints(chain.steps)
    found: list[Any] = list(edge_inputs(chain.takes)) if edges else []
    found.extend(random_input(chain.takes, rng, kinds, hints) for _ in range(count - len(found)))
    return found[:count] if not edges else found


def is_sensible(chain: Chain) -> bool:
    """Whether every step matters: it runs, changes something, is not undone, and the results differ among inputs."""
    rng = random.Random(f"sense {chain.summary}")
    traces = [trace for value in chain_inputs(chain, rng, 14) if (trace := _trace(chain, value)) is not None]
    if len(traces) < 9:
        return False
    if any(_changed(traces, number) < 0.25 for number in range(len(chain.steps))):
        return False
    results = [repr(trace[-1]) for trace in traces]
    if max(results.count(result) for result in set(results)) > (0.85 if chain.gives == "bool" else 0.6) * len(results):
        return False
    return len(chain.steps) == 1 or not any(_needless(chain, traces, number) for number in range(len(chain.steps)))


def _trace(chain: Chain, value: Any) -> list[Any] | None:
    values = [value]
    for step in chain.steps:
        try:
            values.append(step.run(copy.deepcopy(values[-1])))
        except Exception:  # noqa: BLE001  a step may raise anything on input unfit for it
            return None
    return values


def _changed(traces: Sequence[Sequence[Any]], number: int) -> float:
    changed = [not is_unchanged(trace[number], trace[number + 1]) for trace in traces]
    hollow = [trace[number + 1] in ("", [], {}) for trace in traces]
    return 0.0 if sum(hollow) > len(traces) / 2 else sum(changed) / len(traces)


def is_unchanged(before: Any, after: Any) -> bool:
    """Whether a step gives back what it was given: of the same type, a dictionary's entries in the same order."""
    return type(before) is type(after) and _is_equal(before, after)


def _is_equal(one: Any, other: Any) -> bool:
    return bool(one == other) and (not isinstance(one, dict) or list(one) == list(other))


def _needless(chain: Chain, traces: Sequence[Sequence[Any]], number: int) -> bool:
    """Whether the chain without this step, or without it and the one before, does nearly the same."""
    for gone in ({number}, {number - 1, number} if number else {number}):
        kept = tuple(step for place, step in enumerate(chain.steps) if place not in gone)
        if kept and not _typed(kept, chain):
            continue
        same = 0
        for trace in traces:
            shorter = _trace(Chain(kept), trace[0]) if kept else [trace[0]]
            same += shorter is not None and _is_equal(shorter[-1], trace[-1])
        if same > 0.7 * len(traces):
            return True
    return False


def _typed(steps: Sequence[Step], chain: Chain) -> bool:
    types = [chain.takes, *(step.primitive.gives for step in steps)]
    return all(accepts(step.primitive.takes, given) for step, given in zip(steps, types, strict=False))


@cache
def _following(gives: str) -> tuple[Primitive, ...]:
    return tuple(p for p in load_primitives() if accepts(p.takes, gives) and not p.first_only)


def random_chain(rng: random.Random, length: int) -> Chain:
    """A sensible chain of this many steps."""
    while True:
        primitive = rng.choice(load_primitives())
        steps = [random_step(primitive, rng)]
        while len(steps) < length and not steps[-1].primitive.last_only:
            if steps[-1].primitive.gives in SCALARS and rng.random() < 0.7:
                break
            following = _following(steps[-1].primitive.gives)
            if not following:
                break
            steps.append(random_step(rng.choice(following), rng))
        if len(steps) == length and all(_goes_well(first, second) for first, second in itertools.pairwise(steps)):
            return Chain(tuple(steps))


def _goes_well(first: Step, second: Step) -> bool:
    """Whether two steps make a sensible chain; found out once for each pair of primitives."""
    pair = (first.primitive.id, second.primitive.id)
    if pair not in _PAIRS:
        _PAIRS[pair] = pair[0] != pair[1] and is_sensible(Chain((first, second)))
    return _PAIRS[pair]


_PAIRS: dict[tuple[str, str], bool] = {}
