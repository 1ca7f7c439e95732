"""Goals written by hand, fixed before training, that score the embedded model by execution."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

__all__ = ["WrittenGoal", "load_goals"]


@dataclass(frozen=True, kw_only=True)
class WrittenGoal:
    """A goal as a user would type it, with the tests that a right program passes."""

    id: str
    goal: str
    goal_with_example: str = ""
    """The same goal with one true example inside, which is not among the tests; empty when out of scope."""
    in_scope: bool
    takes: str = ""
    """The Python type of the one argument, as `list[int]`; empty when out of scope."""
    gives: str = ""
    """The Python type of the result; empty when out of scope."""
    tests: tuple[tuple[Any, Any], ...] = ()
    """Pairs of argument and expected result; tuples in a result count as lists. Empty when out of scope."""


def load_goals(name: Literal["validation", "test"]) -> tuple[WrittenGoal, ...]:
    """Read one set in the order of its file."""
    text = resources.files(__name__).joinpath(f"{name}.jsonl").read_text(encoding="utf-8")
    return tuple(_written_goal(json.loads(line)) for line in text.split("\n") if line)


def _written_goal(fields: Mapping[str, Any]) -> WrittenGoal:
    tests = tuple((argument, expected) for argument, expected in fields.get("tests", ()))
    return WrittenGoal(**{**fields, "tests": tests})
