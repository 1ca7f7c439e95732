"""Programs run in the sandbox: on inputs, or against their tests."""

from __future__ import annotations

import json
import math
import secrets
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from metagpt.actions.confinement import write_confined
from metagpt.actions.sandbox import Limits, Sandbox, SandboxResult
from metagpt.behaviour.controls import CLAIM, END, inverted

__all__ = ["PROGRAM_LIMITS", "Outcome", "TestReport", "observe", "observe_each", "run_tests", "same_value"]

PROGRAM_LIMITS = Limits(cpu_s=5, wall_s=10)
"""For a small program on a handful of inputs, or its tests."""

_RUNNER = "_metagpt_runner.py"
_DIGITS = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a call came to: a plain value, or an error."""

    value: Any = None  # Any: a JSON value
    error: str = ""

    def same_as(self, value: Any) -> bool:
        """Whether the call gave this value; floats may differ in the last digits."""
        return not self.error and same_value(self.value, value)

    def against(self, value: Any) -> str:
        """What went wrong, in the words of a failed test, where another value was expected."""
        return f"raised {self.error}" if self.error else f"returned {self.value!r}, expected {value!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestReport:
    """What came of running tests."""

    __test__ = False  # no test class, whatever its name begins with

    tests: int
    """How many ran."""
    failures: tuple[str, ...] = ()
    """`test: problem` for each that failed."""

    @property
    def passed(self) -> bool:
        """Whether tests ran and none failed."""
        return self.tests > 0 and not self.failures


def same_value(first: Any, second: Any) -> bool:
    """Equal as JSON values: bool is no number, whole numbers are compared exactly, floats to nine digits."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, int | float) and isinstance(second, int | float):
        is_inexact = isinstance(first, float) or isinstance(second, float)
        return first == second or (is_inexact and _is_close(first, second))
    if isinstance(first, list | tuple) and isinstance(second, list | tuple):
        return len(first) == len(second) and all(map(same_value, first, second))
    if isinstance(first, dict) and isinstance(second, dict):
        found, wanted = ({str(key): value for key, value in each.items()} for each in (first, second))
        return found.keys() == wanted.keys() and all(same_value(found[key], wanted[key]) for key in found)
    return bool(type(first) is type(second) and first == second)


def _is_close(first: float, second: float) -> bool:
    try:
        return math.isclose(first, second, rel_tol=_DIGITS, abs_tol=_DIGITS)
    except OverflowError:  # a whole number that no float can hold
        return False


async def observe(
    sandbox: Sandbox,
    files: Mapping[str, str],
    *,
    file: str,
    function: str,
    inputs: Sequence[Sequence[Any]],
    limits: Limits = PROGRAM_LIMITS,
) -> list[Outcome]:
    """Call a program's function once per input, in one process.

    Args:
        sandbox: Where it runs.
        files: The program, text by relative path.
        file: The one that holds the function.
        function: Its name.
        inputs: Positional arguments of each call, JSON values.
        limits: Of all calls together.

    Returns:
        One outcome per input; when the process ended early, the same error for each.
    """
    job = {"kind": "calls", "file": file, "function": function, "inputs": [list(each) for each in inputs]}
    outcomes, error = await _run(sandbox, files, job, limits)
    if error or len(outcomes) != len(inputs):
        return [Outcome(error=error or "the program's report is incomplete") for _ in inputs]
    return [_outcome(each) for each in outcomes]


async def observe_each(
    sandbox: Sandbox, sources: Sequence[tuple[str, str]], *, inputs: Sequence[Sequence[Any]], limits: Limits = PROGRAM_LIMITS
) -> list[list[Outcome]]:
    """Call the functions of several programs once per input, all in one process: many times faster than `observe` for each.

    One of them can meddle with those behind it, so what comes of it chooses which to observe, and is no verdict.

    Args:
        sandbox: Where they run.
        sources: Of each program its one file's text, and the function's name.
        inputs: Positional arguments of each call, JSON values.
        limits: Of all calls together.

    Returns:
        For each program one outcome per input; when the process ended early, the same error for each.
    """
    files = {f"program_{number}.py": text for number, (text, _) in enumerate(sources)}
    programs = [{"file": file, "function": function} for file, (_, function) in zip(files, sources, strict=True)]
    job = {"kind": "programs", "programs": programs, "inputs": [list(each) for each in inputs]}
    found, error = await _run(sandbox, files, job, limits)
    if error or len(found) != len(sources) * len(inputs):
        return [[Outcome(error=error or "the programs' report is incomplete") for _ in inputs] for _ in sources]
    outcomes = iter([_outcome(each) for each in found])
    return [[next(outcomes) for _ in inputs] for _ in sources]


def _outcome(found: Mapping[str, Any]) -> Outcome:
    return Outcome(value=found.get("value"), error=found.get("error", ""))


async def run_tests(sandbox: Sandbox, files: Mapping[str, str], *, tests: Sequence[str], limits: Limits = PROGRAM_LIMITS) -> TestReport:
    """Run the test functions of files that import the program by its modules' names.

    Tests that pass are run once more turned round, and must then fail: one that passes whatever the program does counts as
    failed, and so do tests of which none comes to an assertion.

    Args:
        sandbox: Where they run.
        files: Program and tests, text by relative path.
        tests: Which of the files hold tests: functions named `test…`, without parameters.
        limits: Of one run of all of them.
    """
    outcomes, error = await _run(sandbox, files, {"kind": "tests", "tests": list(tests)}, limits)
    untold = set(tests) - {each.get("file") for each in outcomes}
    if error or untold:
        return TestReport(tests=len(outcomes), failures=(f"{', '.join(tests)}: {error or 'the report is incomplete'}",))
    failures = [f"{each.get('test')}: {each['error']}" for each in outcomes if each.get("error")]
    return TestReport(tests=len(outcomes), failures=tuple(failures or await _without_force(sandbox, files, tests, outcomes, limits)))


async def _without_force(
    sandbox: Sandbox, files: Mapping[str, str], tests: Sequence[str], passed: Sequence[Mapping[str, Any]], limits: Limits
) -> list[str]:
    """A failure for each of the tests that passed and that do not fail turned round, or one if none comes to an assertion."""
    control = {**files, **{path: inverted(files[path]) for path in tests}}
    outcomes, _ = await _run(sandbox, control, {"kind": "tests", "tests": list(tests)}, limits)
    failing = {(each.get("file"), each.get("test")): each.get("error", "") for each in outcomes}
    idle = [str(each.get("test")) for each in passed if not failing.get((each.get("file"), each.get("test")), "").startswith((CLAIM, END))]
    if not idle and passed and CLAIM not in failing.values():
        return [f"{', '.join(tests)}: no test comes to an assertion, so they prove nothing"]
    return [f"{test}: it passes whatever the program does, so it proves nothing" for test in idle]


async def _run(sandbox: Sandbox, files: Mapping[str, str], job: Mapping[str, Any], limits: Limits) -> tuple[list[dict[str, Any]], str]:
    """The runner's outcomes, or why there are none."""
    nonce = secrets.token_hex(16)
    with tempfile.TemporaryDirectory(prefix="metagpt-program-") as folder:
        for path, text in files.items():
            write_confined(Path(folder), path, text.encode())
        write_confined(Path(folder), _RUNNER, resources.files("metagpt.behaviour").joinpath("runner.py").read_bytes())
        request = json.dumps({**job, "nonce": nonce}).encode()
        result = await sandbox.run([sys.executable, "-I", "-B", _RUNNER], workspace=Path(folder), stdin=request, limits=limits)
    return _report(result, nonce)


def _report(result: SandboxResult, nonce: str) -> tuple[list[dict[str, Any]], str]:
    if result.killed_by is not None:
        return [], f"stopped by the {result.killed_by} limit"
    try:
        report = json.loads(result.stdout)
    except (ValueError, RecursionError):
        said = result.stderr.decode(errors="replace").strip().splitlines()[-1:]
        return [], f"it ended early, with status {result.exit_status}" + "".join(f": {line[:300]}" for line in said)
    if not isinstance(report, dict) or report.get("nonce") != nonce or not isinstance(report.get("outcomes"), list):
        return [], "the report is not the runner's"
    return [each for each in report["outcomes"] if isinstance(each, dict)], ""
