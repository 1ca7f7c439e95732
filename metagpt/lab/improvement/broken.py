"""Lessons in repair: programs that passed, broken on purpose, with the test that they fail then.

Source: Yasunaga & Liang 2021, Break-It-Fix-It, arXiv:2106.06600; what breaks a program here are slips, not a second model.
"""

from __future__ import annotations

import ast
import asyncio
import json
import random
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from metagpt.actions.sandbox import Limits, Sandbox, open_sandbox
from metagpt.behaviour import observe
from metagpt.hub.data import TextData
from metagpt.lab.embedded.slips import slip
from metagpt.lab.from_runs import CompactPrompts
from metagpt.lab.from_runs.answers import trained_form
from metagpt.lab.from_runs.seen import Case
from metagpt.lab.progress import progress_bar

__all__ = ["repair_call", "repairs"]

_FILE = "program.py"
_AT_ONCE = 4
_LIMITS = Limits(cpu_s=2, wall_s=10)
"""A slip may make a loop that never ends."""
_FAILURE = 200
"""Characters of a failure that are told, as in service."""
_SLIP, _OTHER = 0.6, 0.8
"""How often a slip is made, and up to where another run's program of the same types is put in its place; else lines are lost."""


@dataclass(frozen=True, slots=True)
class _Broken:
    call: str
    context: Mapping[str, Any]  # Any: JSON values
    function: str
    tests: list[Case]
    right: str
    wrong: str


def repair_call(prompts: CompactPrompts, call: str) -> str | None:
    """The model's call that reads what this one reads, and beside it `code` and `failure`."""
    reads = prompts.card.reads
    wanted = {*reads.get(call, ()), "code", "failure"}
    return next((other for other, keys in reads.items() if call in reads and set(keys) == wanted), None)


async def repairs(passed: TextData, prompts: CompactPrompts, *, tries: int, seed: int) -> list[tuple[str, str]]:
    """Prompts to repair the passed programs that slips have broken, each with the program that passed.

    Args:
        passed: Answers that passed, with tests.
        prompts: Of the model that will learn.
        tries: Slips in each program; most programs have fewer that differ and show.
        seed: Of the slips.
    """
    broken = list(_broken(passed, prompts, tries, random.Random(f"break {seed}")))
    sandbox = await asyncio.to_thread(open_sandbox)
    rows: dict[tuple[str, str], None] = {}
    with progress_bar(len(broken), "breaking", unit="program", patience_s=2.0) as bar:
        for first in range(0, len(broken), _AT_ONCE):
            batch = broken[first : first + _AT_ONCE]
            for each, failure in zip(batch, await asyncio.gather(*(_failure(sandbox, one) for one in batch)), strict=True):
                if failure:
                    context = {**each.context, "code": each.wrong, "failure": failure}
                    rows[prompts(each.call, context), each.right] = None
            bar.update(len(batch))
    return list(rows)


def _broken(passed: TextData, prompts: CompactPrompts, tries: int, rng: random.Random) -> Iterator[_Broken]:
    calls = {row.fields["call"]: repair_call(prompts, row.fields["call"]) for row in passed}
    lessons = [(call, row.fields) for row in passed if (call := calls[row.fields["call"]]) is not None and row.fields.get("tests")]
    of_types: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for _, fields in lessons:
        of_types[_types(fields)].append(fields)
    for call, fields in lessons:
        right = trained_form(fields["answer"])
        others = [_renamed(other, fields["function"]) for other in of_types[_types(fields)] if other is not fields]
        for wrong in dict.fromkeys(_spoilt(right, others, rng) for _ in range(tries)):
            if wrong is not None and wrong != right:
                context, tests = json.loads(fields["context"]), json.loads(fields["tests"])
                yield _Broken(call, context, fields["function"], tests, right, wrong)


def _types(fields: Mapping[str, Any]) -> str:
    """What the function takes and gives: its signature without its name and the names of its arguments."""
    signature = str(json.loads(fields["context"]).get("signature", ""))
    return re.sub(r"\w+\s*:", ":", signature.partition("(")[2])


def _renamed(fields: Mapping[str, Any], function: str) -> str:
    return re.sub(rf"\b{re.escape(fields['function'])}\b", function, trained_form(fields["answer"]))


def _spoilt(source: str, others: Sequence[str], rng: random.Random) -> str | None:
    """The source with a slip in it, without some of its lines, or another program in its place."""
    way = rng.random()
    if way < _SLIP:
        return slip(source, rng)
    return rng.choice(others) if others and way < _OTHER else _without_some(source, rng)


def _without_some(source: str, rng: random.Random) -> str | None:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    imports = {line for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom) for line in _lines(node)}
    assigned = [
        set(_lines(node))
        for function in tree.body
        if isinstance(function, ast.FunctionDef)
        for node in function.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
    ]
    losses = [lines for lines in (imports, *assigned) if lines]
    if not losses:
        return None
    lost = rng.choice(losses)
    return "".join(line for number, line in enumerate(source.splitlines(keepends=True), 1) if number not in lost).lstrip("\n")


def _lines(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


async def _failure(sandbox: Sandbox, broken: _Broken) -> str:
    """The first test that the broken program fails, in the words of the verdict; empty where it passes all."""
    inputs = [list(arguments) for arguments, _ in broken.tests]
    outcomes = await observe(sandbox, {_FILE: broken.wrong}, file=_FILE, function=broken.function, inputs=inputs, limits=_LIMITS)
    for outcome, (arguments, expected) in zip(outcomes, broken.tests, strict=True):
        if not outcome.same_as(expected):
            return f"{broken.function}({', '.join(map(repr, arguments))}) {outcome.against(expected)}"[:_FAILURE]
    return ""
