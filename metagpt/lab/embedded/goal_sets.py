"""The sets of goals that the model is scored on: generated with held-out parts, and written by hand."""

import random
from dataclasses import dataclass
from typing import Any

from metagpt.lab.embedded.chain import Chain, chain_inputs, random_chain
from metagpt.lab.embedded.corpus import LENGTHS, ask, is_plain, training_chain
from metagpt.lab.embedded.goals import load_goals
from metagpt.lab.embedded.holdout import is_held_composition
from metagpt.lab.embedded.outside import outside_goal
from metagpt.lab.embedded.sentences import Side, UnsayableError

__all__ = ["SETS", "Goal", "goals_of"]


@dataclass(frozen=True)
class Goal:
    """A goal and what a right program does; no tests where it is out of scope."""

    text: str
    tests: tuple[tuple[Any, Any], ...] = ()
    steps: tuple[str, ...] = ()
    """The primitives that a generated goal means, in order."""

    @property
    def in_scope(self) -> bool:
        return bool(self.tests)


SETS = (
    "seen",
    "held_compositions",
    "held_wordings",
    "held_frames",
    "seen_with_example",
    "outside_generated",
    "validation",
    "validation_with_example",
    "validation_outside",
    "test",
    "test_with_example",
    "test_outside",
)
"""Names of the sets; the three of the test goals are scored only when asked for by name."""


def goals_of(name: str, *, count: int, seed: int) -> list[Goal]:
    """The goals of a set."""
    if name.startswith(("validation", "test")):
        written = load_goals("validation" if name.startswith("validation") else "test")
        if name.endswith("_outside"):
            return [Goal(goal.goal) for goal in written if not goal.in_scope]
        texts = [(goal.goal_with_example if name.endswith("_example") else goal.goal, goal) for goal in written if goal.in_scope]
        return [Goal(text, goal.tests) for text, goal in texts]
    rng = random.Random(f"evaluation {name} {seed}")
    if name == "outside_generated":
        return [Goal(outside_goal(rng, held_out=True)) for _ in range(count)]
    return [_generated(name, rng) for _ in range(count)]


def _generated(name: str, rng: random.Random) -> Goal:
    side: Side = {"held_wordings": "wordings", "held_frames": "frames"}.get(name, "training")  # type: ignore[assignment]
    while True:
        chain = _held_chain(rng) if name == "held_compositions" else training_chain(rng, rng.choice(LENGTHS))
        tests = _tests(chain, rng)
        if len(tests) < 6:
            continue
        try:
            asked = ask(chain, rng, side=side, with_examples=name.endswith("_example"))
        except UnsayableError:
            continue
        if len(asked.goal) < 420 and (asked.pairs or not name.endswith("_example")):
            return Goal(asked.goal, tests, chain.ids)


def _held_chain(rng: random.Random) -> Chain:
    while not is_held_composition((chain := random_chain(rng, rng.choice((2, 2, 3)))).ids):
        continue
    return chain


def _tests(chain: Chain, rng: random.Random) -> tuple[tuple[Any, Any], ...]:
    found = []
    for value in chain_inputs(chain, rng, 20, edges=True):
        try:
            result = chain.run(value)
        except Exception:  # noqa: BLE001, S112  an argument unfit for the chain
            continue
        if is_plain(result) or not isinstance(result, float):
            found.append((value, result))
    return tuple(found)
