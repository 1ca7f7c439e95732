"""HumanEval through the evaluator's path: every canonical solution passes its problem's own check, every mutated one fails.

Problems: Chen et al. 2021, arXiv:2107.03374. Without the data folder the same path is proved on three problems of our own.
"""

from __future__ import annotations

import ast
import asyncio
import copy
import gzip
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from metagpt.actions.sandbox import Limits, Sandbox, open_sandbox
from metagpt.behaviour import TestReport, run_tests
from metagpt.errors import SandboxError

DATA = Path(__file__).resolve().parents[2].parent / "shared/data/humaneval/HumanEval.jsonl.gz"
LIMITS = Limits(cpu_s=20, wall_s=60)
MUTANT_LIMITS = Limits(cpu_s=3, wall_s=30)
CONCURRENCY = 2


@dataclass(frozen=True, kw_only=True)
class Problem:
    name: str
    program: str
    function: str
    check: str
    """Source of a function `check(candidate)`."""

    @property
    def test(self) -> str:
        return f"from solution import *\n\n\n{self.check}\n\n\ndef test_{self.function}():\n    check({self.function})\n"


OWN = [
    Problem(
        name="own/gcd",
        program="def gcd(a, b):\n    while b:\n        a, b = b, a % b\n    return a\n",
        function="gcd",
        check="def check(candidate):\n    assert candidate(12, 18) == 6\n    assert candidate(7, 5) == 1\n    assert candidate(0, 4) == 4\n",
    ),
    Problem(
        name="own/palindrome",
        program="def is_palindrome(text):\n    letters = [c.lower() for c in text if c.isalpha()]\n    return letters == letters[::-1]\n",
        function="is_palindrome",
        check="def check(candidate):\n    assert candidate('Never odd or even')\n    assert not candidate('hello')\n    assert candidate('') is True\n",
    ),
    Problem(
        name="own/runs",
        program=(
            "def runs(items):\n    found = []\n    for item in items:\n        if found and found[-1][0] == item:\n"
            "            found[-1][1] += 1\n        else:\n            found.append([item, 1])\n    return found\n"
        ),
        function="runs",
        check="def check(candidate):\n    for n in range(1, 4):\n        assert candidate('a' * n + 'b') == [['a', n], ['b', 1]], n\n    assert candidate('') == []\n",
    ),
]


def humaneval() -> list[Problem]:
    if not DATA.is_file():
        pytest.skip("no HumanEval beside the project (shared/data/humaneval/HumanEval.jsonl.gz); the three problems of our own still ran")
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        found = [json.loads(line) for line in lines]
    return [
        Problem(name=each["task_id"], program=each["prompt"] + each["canonical_solution"], function=each["entry_point"], check=each["test"])
        for each in found
    ]


# Mutants

OPPOSITE: dict[type[ast.AST], type[Any]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.Add,
    ast.And: ast.Or,
    ast.Or: ast.And,
}

Mutation = Callable[[ast.FunctionDef], None]


def first(function: ast.FunctionDef, kind: type[ast.AST]) -> ast.AST | None:
    """The first such node of the function's body; its docstring and its signature do not count."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return next((node for statement in body for node in ast.walk(statement) if isinstance(node, kind)), None)


def flip_comparison(function: ast.FunctionDef) -> None:
    if isinstance(found := first(function, ast.Compare), ast.Compare) and (other := OPPOSITE.get(type(found.ops[0]))):
        found.ops[0] = other()


def change_operator(function: ast.FunctionDef) -> None:
    found = first(function, ast.BinOp) or first(function, ast.AugAssign) or first(function, ast.BoolOp)
    if isinstance(found, ast.BinOp | ast.AugAssign | ast.BoolOp) and (other := OPPOSITE.get(type(found.op))):
        found.op = other()


def shift_number(function: ast.FunctionDef) -> None:
    found = first(function, ast.Constant)
    if isinstance(found, ast.Constant) and isinstance(found.value, int) and not isinstance(found.value, bool):
        found.value += 1


def return_nothing(function: ast.FunctionDef) -> None:
    """The last value that is returned becomes None."""
    returns = [node for node in ast.walk(function) if isinstance(node, ast.Return) and node.value is not None]
    if returns:
        max(returns, key=lambda node: node.lineno).value = ast.Constant(value=None)


MUTATIONS: tuple[Mutation, ...] = (flip_comparison, change_operator, shift_number, return_nothing)
"""In the order they are tried; the last one applies to every function and changes what it gives."""


def mutants(problem: Problem) -> Iterator[tuple[str, str]]:
    """(name, source) of each way to break the program."""
    tree = ast.parse(problem.program)
    for mutation in MUTATIONS:
        changed = copy.deepcopy(tree)
        function = next(node for node in changed.body if isinstance(node, ast.FunctionDef) and node.name == problem.function)
        mutation(function)
        source = ast.unparse(ast.fix_missing_locations(changed))
        if source != ast.unparse(tree):
            yield mutation.__name__, source


# The path


@pytest.fixture
def sandbox() -> Sandbox:
    try:
        return open_sandbox()
    except SandboxError as error:
        pytest.skip(str(error))


async def report_on(sandbox: Sandbox, problem: Problem, program: str, limits: Limits) -> TestReport:
    return await run_tests(
        sandbox, {"solution.py": program, "tests/test_solution.py": problem.test}, tests=["tests/test_solution.py"], limits=limits
    )


async def of_each(problems: Sequence[Problem], work: Callable[[Problem], Awaitable[str]]) -> list[str]:
    """The complaints about the problems, a few problems at a time; each run is a sandbox of its own."""
    gate = asyncio.Semaphore(CONCURRENCY)

    async def gated(problem: Problem) -> str:
        async with gate:
            return await work(problem)

    return [complaint for complaint in await asyncio.gather(*map(gated, problems)) if complaint]


async def wrongly_failed(sandbox: Sandbox, problems: Sequence[Problem]) -> list[str]:
    async def complaint(problem: Problem) -> str:
        report = await report_on(sandbox, problem, problem.program, LIMITS)
        return "" if report.passed else f"{problem.name}: {report}"

    return await of_each(problems, complaint)


async def wrongly_passed(sandbox: Sandbox, problems: Sequence[Problem], killed_by: dict[str, str]) -> list[str]:
    """Problems none of whose mutants failed; which mutation was the first to be found out is noted."""

    async def complaint(problem: Problem) -> str:
        for name, source in mutants(problem):
            report = await report_on(sandbox, problem, source, MUTANT_LIMITS)
            if not report.passed:
                killed_by[problem.name] = name
                return ""
        return f"{problem.name}: no mutant failed"

    return await of_each(problems, complaint)


async def test_our_own_solutions_pass_and_each_mutant_fails(sandbox: Sandbox) -> None:
    assert await wrongly_failed(sandbox, OWN) == []
    for problem in OWN:
        found = list(mutants(problem))
        assert found
        for name, source in found:
            assert not (await report_on(sandbox, problem, source, MUTANT_LIMITS)).passed, (problem.name, name)


@pytest.mark.slow
async def test_the_canonical_solutions_of_humaneval_pass(sandbox: Sandbox) -> None:
    problems = humaneval()
    assert len(problems) == 164
    assert await wrongly_failed(sandbox, problems) == []


@pytest.mark.slow
async def test_mutated_solutions_of_humaneval_fail(sandbox: Sandbox) -> None:
    problems = humaneval()
    killed_by: dict[str, str] = {}
    assert await wrongly_passed(sandbox, problems, killed_by) == []
    assert len(killed_by) == 164
    assert sum(name != "return_nothing" for name in killed_by.values()) > 120  # small mistakes are found, too
