"""What a run knows of results: examples that its goal states, and what its programs were seen to give.

Both become tests that a later answer to the same call can be run against.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from metagpt.journal.trajectories import Trajectory
from metagpt.lab.from_runs.answers import as_json, pieces
from metagpt.lab.from_runs.credit import Attempt

__all__ = ["Case", "function_of", "tests_for"]

MOST_CASES = 20

Case = tuple[list[Any], Any]  # Any: JSON values
"""Positional arguments, and the result."""


@dataclass(frozen=True, slots=True)
class _Signature:
    name: str
    parameters: int


def _signature(text: object) -> _Signature | None:
    """Read, never run."""
    try:
        tree = ast.parse(f"def {text}: ...").body[0]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return _Signature(tree.name, len(tree.args.posonlyargs) + len(tree.args.args)) if isinstance(tree, ast.FunctionDef) else None


def function_of(context: Mapping[str, Any]) -> str:  # Any: JSON values
    """The function that a call's context asks for by its signature; empty where it asks for none."""
    signature = _signature(context.get("signature", ""))
    return signature.name if signature else ""


def tests_for(trajectory: Trajectory, attempt: Attempt) -> list[Case]:
    """What a right answer to the attempt's call gives: the goal's own examples, and what the passed program gave.

    None for an answer that came to nothing: its call may have asked for something else than the goal does.
    """
    signature = _signature(attempt.call.context.get("signature", ""))
    if signature is None or not (attempt.outcome == "passed" or attempt.mended):
        return []
    cases = [*_stated(trajectory, signature.parameters)]
    if attempt.outcome == "passed":
        cases += _observed(trajectory, attempt.answer, signature.name)
    first: dict[str, Case] = {}
    for case in cases:
        first.setdefault(as_json(case[0]), case)
    return list(first.values())[:MOST_CASES]


def _stated(trajectory: Trajectory, parameters: int) -> Iterable[Case]:
    """The examples of the goal, where a message of the team hands them on as `given`."""
    for message in trajectory.messages:
        for argument, result in message["body"].get("given") or ():
            if parameters == 1:
                yield [argument], result
            elif isinstance(argument, list):
                yield argument, result


def _observed(trajectory: Trajectory, answer: str, function: str) -> Iterable[Case]:
    """Results that the program gave in the sandbox while the run judged it."""
    parts = set(pieces(answer))
    for action in trajectory.actions:
        given = action.arguments
        if given.get("function") != function or not isinstance(action.result, list) or "inputs" not in given:
            continue
        if parts & {text.strip() for text in given.get("files", {}).values()}:
            yield from ((case, found["value"]) for case, found in zip(given["inputs"], action.result, strict=False) if not found["error"])
