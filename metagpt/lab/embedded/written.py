"""Goals written by hand for training, each with the chain that it means, said anew with other values at every draw."""

import itertools
import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from metagpt.lab.embedded.catalogue import Step, load_primitives, slot_value
from metagpt.lab.embedded.chain import Chain
from metagpt.lab.embedded.holdout import is_held_composition
from metagpt.lab.embedded.primitive import Primitive
from metagpt.models.local.programs import accepts, step_pattern

__all__ = ["WrittenRequest", "find_chain", "redrawn", "written_outside", "written_requests"]

_NAMED = re.compile(r"\bdef (\w+)\((\w*)|\b(?:called|named|name it|call it) [`'\"]?([a-z]\w*)\b|`([a-z]\w*_\w+)(?:\((\w*)\))?`")


@dataclass(frozen=True)
class WrittenRequest:
    """A goal as its writer put it, and what it means."""

    goal: str
    chain: Chain

    @property
    def name(self) -> str:
        """What the goal wants the function to be called; empty if it does not say."""
        found = _NAMED.search(self.goal)
        return next((name for name in (found[1], found[3], found[4]) if name), "") if found else ""

    @property
    def argument(self) -> str:
        """What the goal calls the function's argument; empty if it does not say."""
        found = _NAMED.search(self.goal)
        argument = (found[2] or found[5] or "") if found else ""
        return "" if argument in self.chain.identifiers() else argument

    @property
    def literals(self) -> tuple[str, ...]:
        """Words of the goal that stand for themselves: the steps' values and the names asked for."""
        values = [value.strip('"') for step in self.chain.steps for _, value in step.values]
        return (*values, *(name for name in (self.name, self.argument) if name))


@cache
def written_requests() -> tuple[WrittenRequest, ...]:
    """The goals of `goals/training.jsonl` within the scope whose compositions are not held out.

    Raises:
        ValueError: a line whose steps are not in the catalogue, or do not fit together.
    """
    found = (WrittenRequest(line["goal"], find_chain(line["steps"], line.get("takes", ""))) for line in _lines() if "steps" in line)
    return tuple(request for request in found if not is_held_composition(request.chain.ids))


@cache
def written_outside() -> tuple[str, ...]:
    """The goals of `goals/training.jsonl` that are to be declined."""
    return tuple(line["goal"] for line in _lines() if "steps" not in line)


@cache
def _lines() -> tuple[dict[str, Any], ...]:
    text = resources.files("metagpt.lab.embedded.goals").joinpath("training.jsonl").read_text(encoding="utf-8")
    return tuple(json.loads(line) for line in text.split("\n") if line)


def find_chain(texts: Sequence[str], takes: str = "") -> Chain:
    """The chain whose steps have these canonical wordings.

    Args:
        texts: The steps in order, their slots filled.
        takes: The type of the argument, where wordings are shared by steps of several types.

    Raises:
        ValueError: no such chain.
    """
    for steps in itertools.product(*(_steps_called(text) for text in texts)):
        types = [takes or steps[0].primitive.takes, *(step.primitive.gives for step in steps)]
        if types[0] == steps[0].primitive.takes and all(
            accepts(step.primitive.takes, given) for step, given in zip(steps, types, strict=False)
        ):
            return Chain(steps)
    raise ValueError(f"steps: found {list(texts)!r} on {takes or 'any type'}; expected steps of the catalogue that fit together.")


@cache
def _steps_called(text: str) -> tuple[Step, ...]:
    found = []
    for primitive, pattern in _patterns():
        match = pattern.fullmatch(text)
        if match:
            found.append(Step(primitive, tuple((slot, match[slot]) for slot in primitive.slots)))
    return tuple(found)


@cache
def _patterns() -> tuple[tuple[Primitive, re.Pattern[str]], ...]:
    return tuple((primitive, step_pattern(primitive.step, primitive.slots)) for primitive in load_primitives())


def redrawn(request: WrittenRequest, rng: random.Random) -> WrittenRequest:
    """The same request with other values where the goal says a value once, as a numeral or in quotes."""
    goal, steps = request.goal, []
    values = [value for step in request.chain.steps for _, value in step.values]
    for step in request.chain.steps:
        filled = dict(step.values)
        for slot, old in step.values:
            new = slot_value(step.primitive.slots[slot], rng)
            said = _said_once(goal, old)
            if said is not None and values.count(old) == 1 and new not in values and _is_alike(old, new) and rng.random() < 0.5:
                goal = goal[: said[0]] + new.strip('"') + goal[said[1] :]
                filled[slot] = new
        steps.append(Step(step.primitive, tuple(filled.items())))
    return WrittenRequest(goal, Chain(tuple(steps)))


def _said_once(goal: str, value: str) -> tuple[int, int] | None:
    """Where the goal says the value, if once and plainly."""
    inner = value.strip('"')
    if value.isdigit():
        plain = rf"(?<![\w.,\-]){inner}(?![\w%]|[.,]\d)"
    elif value.startswith('"'):
        plain = rf"(?<=['\"`]){re.escape(inner)}(?=['\"`])"
    else:
        return None
    found = list(re.finditer(plain, goal))
    return found[0].span() if len(found) == 1 and goal.count(inner) == 1 else None


def _is_alike(old: str, new: str) -> bool:
    """Whether the goal's grammar bears the other value: not 1 for 3, not a word for a letter."""
    if old.isdigit():
        return new.isdigit() and (old in "01") == (new in "01")
    return len(old.strip('"')) > 1 or len(new.strip('"')) == 1
