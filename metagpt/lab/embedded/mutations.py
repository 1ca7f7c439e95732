"""Programs made wrong in the ways models make them wrong, and what running them then says."""

import copy
import random
from collections.abc import Sequence
from typing import Any

from metagpt.lab.embedded.catalogue import MAX_SIZE, load_primitives, random_step, size_of
from metagpt.lab.embedded.chain import Chain
from metagpt.lab.embedded.loading import TooLongError, load_source, run_briefly
from metagpt.lab.embedded.slips import slip
from metagpt.models.local.programs import accepts

__all__ = ["broken_program"]


def broken_program(chain: Chain, name: str, argument: str, inputs: Sequence[Any], rng: random.Random) -> tuple[str, str] | None:
    """(wrong code, what failed) for a correct chain, or None where this draw found no fault that shows."""
    right = chain.code(name, argument)
    wrong = _wrong(chain, right, name, argument, rng)
    if wrong is None or wrong == right or "while " in right:  # a spoilt loop condition may never end
        return None
    function = name or chain.default_name
    called = f"{function}({{}})"
    for value in inputs:
        try:
            expected = chain.run(value)
        except Exception:  # noqa: BLE001, S112  an argument unfit for the chain
            continue
        try:
            outcome = _outcome(wrong, function, value)
        except TooLongError:
            return None
        if isinstance(outcome, str):
            return wrong, f"{called.format(repr(value))} {outcome}"
        if size_of(outcome[0]) > MAX_SIZE:
            return None
        if outcome[0] != expected or type(outcome[0]) is not type(expected):
            return wrong, f"{called.format(repr(value))} returned {outcome[0]!r}, expected {expected!r}"
    return None


def _wrong(chain: Chain, right: str, name: str, argument: str, rng: random.Random) -> str | None:
    way = rng.random()
    if way < 0.5:
        return slip(right, rng)
    if way < 0.8 or len(chain.steps) == 1:
        return _other_step(chain, name, argument, rng)
    if way < 0.9:
        lines = right.split("\n")
        del lines[len(lines) - 2 - rng.randint(1, len(chain.steps) - 1)]
        return "\n".join(lines)
    if right.startswith(("import ", "from ")):
        return right.split("\n\n\n", 1)[1]
    shorter = Chain(chain.steps[:-1] if rng.random() < 0.5 else chain.steps[1:])
    return shorter.code(name or chain.default_name, argument).replace(
        shorter.signature(name or chain.default_name, argument), chain.signature(name, argument)
    )


def _other_step(chain: Chain, name: str, argument: str, rng: random.Random) -> str | None:
    """The program with one step put in the place of another of the same types."""
    place = rng.randrange(len(chain.steps))
    was = chain.steps[place].primitive
    others = [p for p in load_primitives() if p.id != was.id and accepts(p.takes, was.takes) and p.gives == was.gives]
    if not others:
        return None
    steps = list(chain.steps)
    steps[place] = random_step(rng.choice(others), rng)
    other = Chain(tuple(steps))
    code = other.code(name or chain.default_name, argument or "")
    return code.replace(other.signature(name or chain.default_name, argument), chain.signature(name, argument))


def _outcome(code: str, function: str, value: Any) -> tuple[Any] | str:
    try:  # a variation of the project's own code, not a model's
        return (run_briefly(getattr(load_source("broken", code), function), copy.deepcopy(value)),)
    except TooLongError:
        raise
    except Exception as error:  # noqa: BLE001  the failure is what is wanted
        return f"raised {type(error).__name__}: {str(error)[:80]}"
