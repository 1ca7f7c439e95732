"""What counts as a test that ran, and what a report says."""

from __future__ import annotations

import pytest

from metagpt.actions.sandbox import Sandbox, open_sandbox
from metagpt.behaviour import Outcome, observe, observe_each, run_tests, same_value
from metagpt.behaviour.controls import inverted
from metagpt.errors import SandboxError

PROGRAM = {"calc.py": "def add(a, b):\n    if a is None:\n        raise ValueError('none')\n    return a + b\n"}


@pytest.fixture
def sandbox() -> Sandbox:
    try:
        return open_sandbox()
    except SandboxError as error:
        pytest.skip(str(error))


async def failures_of(sandbox: Sandbox, test: str) -> tuple[int, tuple[str, ...]]:
    report = await run_tests(sandbox, {**PROGRAM, "tests/test_calc.py": test}, tests=["tests/test_calc.py"])
    assert report.passed == (report.tests > 0 and not report.failures)
    return report.tests, report.failures


@pytest.mark.parametrize(
    "body",
    [
        "assert add(1, 2) == 3",
        "assert 3 == add(1, 2), 'adds'",
        "assert add(1, 2) in (3, 4) and add(0, 0) == 0",
        "for n in range(3):\n        assert add(n, n) == 2 * n",
        "try:\n        add(None, 1)\n    except ValueError:\n        return\n    assert False, 'it must raise'",
        "try:\n        add(None, 1)\n    except ValueError as error:\n        assert 'none' in str(error)\n    else:\n        raise AssertionError('it must raise')",
        "check(add(1, 2))",
        "import contextlib, io\n    out = io.StringIO()\n    with contextlib.redirect_stdout(out):\n        print(add(1, 1))\n    assert out.getvalue() == '2\\n'",
        "import subprocess, sys\n    done = subprocess.run([sys.executable, '-c', 'import calc; print(calc.add(1, 1))'], capture_output=True, text=True)\n    assert done.stdout == '2\\n', done.stderr",
    ],
)
async def test_an_honest_test_passes(sandbox: Sandbox, body: str) -> None:
    test = f"from calc import add\n\n\ndef check(n):\n    assert n == 3\n\n\ndef test_it():\n    {body}\n\n\ndef test_zero():\n    assert add(0, 0) == 0\n"
    assert await failures_of(sandbox, test) == (2, ())


async def test_an_async_test_is_awaited(sandbox: Sandbox) -> None:
    assert await failures_of(sandbox, "from calc import add\n\nasync def test_it():\n    assert add(1, 1) == 2\n") == (1, ())
    ran, failures = await failures_of(sandbox, "from calc import add\n\nasync def test_it():\n    assert add(1, 1) == 3\n")
    assert (ran, failures) == (1, ("test_it: AssertionError: assert add(1, 1) == 3",))


@pytest.mark.parametrize(
    ("test", "ran", "said"),
    [
        ("", 1, "no test_ function"),
        ("x = 1\n", 1, "no test_ function"),
        ("from calc import *\n", 1, "no test_ function"),
        ("import nowhere\ndef test_it():\n    pass\n", 1, "No module named 'nowhere'"),
        ("def test_it(\n", 1, "SyntaxError"),
        ("def test_it(tmp_path):\n    pass\n", 1, "missing 1 required positional argument"),
        ("def test_it():\n    yield 1\n", 1, "returned a generator"),
        ("def test_it():\n    import sys\n    sys.exit(0)\n", 1, "SystemExit: 0"),
        ("def test_it():\n    import os\n    os._exit(0)\n", 0, "ended early, with status 0"),
        ("import os\nos.close(1)\nos.closerange(3, 99)\ndef test_it():\n    pass\n", 0, "ended early"),
    ],
)
async def test_tests_that_never_ran_are_failures(sandbox: Sandbox, test: str, ran: int, said: str) -> None:
    found, failures = await failures_of(sandbox, test)
    assert found == ran
    assert len(failures) == 1
    assert said in failures[0]


@pytest.mark.parametrize("body", ["pass", "add(1, 2)", "for n in []:\n        assert add(n, n) == 0", "assert True"])
async def test_tests_without_an_assertion_prove_nothing(sandbox: Sandbox, body: str) -> None:
    ran, failures = await failures_of(sandbox, f"from calc import add\n\n\ndef test_it():\n    {body}\n")
    assert ran == 1
    assert "no test comes to an assertion" in failures[0]


async def test_a_test_file_left_out_of_the_files_is_no_pass(sandbox: Sandbox) -> None:
    report = await run_tests(sandbox, PROGRAM, tests=["tests/test_calc.py"])
    assert not report.passed
    assert report.failures


async def test_without_test_files_nothing_is_passed(sandbox: Sandbox) -> None:
    assert not (await run_tests(sandbox, PROGRAM, tests=[])).passed


async def test_each_failure_is_named(sandbox: Sandbox) -> None:
    test = "from calc import add\n\ndef test_a():\n    assert add(1, 1) == 3\n\ndef test_b():\n    assert add(1, 1) == 2\n\ndef test_c():\n    add(None, 1)\n"
    assert await failures_of(sandbox, test) == (3, ("test_a: AssertionError: assert add(1, 1) == 3", "test_c: ValueError: none"))


async def test_modules_of_a_package_are_found(sandbox: Sandbox) -> None:
    files = {"shop/__init__.py": "", "shop/prices.py": "def total(prices):\n    return sum(prices)\n"}
    outcomes = await observe(sandbox, files, file="shop/prices.py", function="total", inputs=[[[1, 2]], [["x"]]])
    assert outcomes[0] == Outcome(value=3)
    assert outcomes[1].error.startswith("TypeError")


async def test_a_missing_function_is_an_error_for_each_input(sandbox: Sandbox) -> None:
    outcomes = await observe(sandbox, PROGRAM, file="calc.py", function="subtract", inputs=[[1], [2]])
    assert [outcome.error for outcome in outcomes] == ["AttributeError: module 'calc' has no attribute 'subtract'"] * 2


def test_a_file_that_cannot_be_turned_round_stays() -> None:
    assert inverted("def test_it(:\n") == "def test_it(:\n"
    assert inverted("x = " + "(" * 500 + ")" * 500) == "x = " + "(" * 500 + ")" * 500


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (1, 1.0, True),
        (0.1 + 0.2, 0.3, True),
        (1_000_000_000, 1_000_000_001, False),
        (10**400, 1.5, False),
        (10**400, 10**400, True),
        (True, 1, False),
        (False, False, True),
        (None, False, False),
        ([1, [2]], (1, (2,)), True),
        ([1, 2], [1], False),
        ({"1": 0.30000000000000004}, {1: 0.3}, True),
        ({"a": 1}, {"b": 1}, False),
        ("1", 1, False),
        (float("nan"), float("nan"), False),
    ],
)
def test_values_are_compared_as_json_with_whole_numbers_exact(first: object, second: object, same: bool) -> None:
    assert same_value(first, second) is same
    assert same_value(second, first) is same


async def test_many_programs_are_observed_in_one_process_each_by_itself(sandbox: Sandbox) -> None:
    sources = [
        ("def double(n):\n    return 2 * n\n", "double"),
        ("def broken(:\n", "broken"),
        ("import math\n\n\ndef root(n):\n    return math.isqrt(n)\n", "root"),
        ("def double(n):\n    return n + n\n", "triple"),
    ]
    doubled, broken, root, missing = await observe_each(sandbox, sources, inputs=[[4], ["x"]])
    assert doubled == [Outcome(value=8), Outcome(value="xx")]
    assert root[0] == Outcome(value=2)
    assert root[1].error.startswith("TypeError")
    assert all(outcome.error.startswith("SyntaxError") for outcome in broken)
    assert all(outcome.error.startswith("AttributeError") for outcome in missing)


async def test_programs_that_take_long_leave_the_last_ones_untried(sandbox: Sandbox) -> None:
    loop, quick = ("def f(n):\n    while True:\n        pass\n", "f"), ("def f(n):\n    return n\n", "f")
    first, loops, *_, last = await observe_each(sandbox, [quick, loop, loop, loop, quick], inputs=[[1]])
    assert first == [Outcome(value=1)]
    assert loops[0].error.startswith("OutOfTimeError")
    assert last[0].error == "not tried: other programs took 2 s"


async def test_large_results_of_many_programs_do_not_spoil_the_report(sandbox: Sandbox) -> None:
    large, small = ("def f(n):\n    return 'x' * 30_000\n", "f"), ("def f(n):\n    return n\n", "f")
    *many, last = await observe_each(sandbox, [*[large] * 60, small], inputs=[[1]])
    assert last == [Outcome(value=1)]
    assert all(outcome.error == "ValueError: the result is larger than 8196 characters" for [outcome] in many)


async def test_a_program_that_ends_the_process_leaves_no_outcome_of_any(sandbox: Sandbox) -> None:
    leaving = ("import os\n\n\ndef f(n):\n    os._exit(3)\n", "f")
    found = await observe_each(sandbox, [("def f(n):\n    return n\n", "f"), leaving], inputs=[[1], [2]])
    assert [[outcome.error for outcome in each] for each in found] == [["it ended early, with status 3"] * 2] * 2
    assert await observe_each(sandbox, [], inputs=[[1]]) == []
