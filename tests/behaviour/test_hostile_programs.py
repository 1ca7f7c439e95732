"""Programs that want to be called passed without doing their work."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from metagpt.actions.sandbox import Limits, Sandbox, open_sandbox
from metagpt.behaviour import observe, run_tests
from metagpt.errors import SandboxError

TEST = {
    "tests/test_double.py": "from double import double\n\n\ndef test_two():\n    assert double(2) == 4\n\n\ndef test_three():\n    assert double(3) == 6\n"
}
HONEST = "def double(n):\n    return 2 * n\n"
WRONG = "def double(n):\n    return 4\n"
REPORT = {
    "nonce": "",
    "outcomes": [{"file": "tests/test_double.py", "test": "test_two"}, {"file": "tests/test_double.py", "test": "test_three"}],
}
SHORT = Limits(cpu_s=2, wall_s=4)


@pytest.fixture(params=["bubblewrap", "landlock"])
def each_sandbox(request: pytest.FixtureRequest) -> Sandbox:
    try:
        return open_sandbox(request.param)
    except SandboxError as error:
        pytest.skip(str(error))


@pytest.fixture
def sandbox() -> Sandbox:
    try:
        return open_sandbox()
    except SandboxError as error:
        pytest.skip(str(error))


async def test_an_honest_program_passes(each_sandbox: Sandbox) -> None:
    report = await run_tests(each_sandbox, {"double.py": HONEST, **TEST}, tests=list(TEST))
    assert report.passed
    assert report.tests == 2


CHEATS = {
    "leaves without a word": "import os\nos._exit(0)\n",
    "leaves when called": "import os\ndef double(n):\n    os._exit(0)\n",
    "exits": "import sys\nsys.exit(0)\n",
    "exits when called": "import sys\ndef double(n):\n    sys.exit(0)\n",
    "raises what is no exception": "def double(n):\n    raise BaseException('bye')\n",
    "prints a report": f"import os, sys\ndef double(n):\n    print({json.dumps(REPORT)!r}, flush=True)\n    os.write(1, {json.dumps(REPORT).encode()!r})\n    os._exit(0)\n",
    "reads the job again": """
import json, os

def double(n):
    for number in range(0, 64):
        try:
            os.lseek(number, 0, 0)
            job = json.loads(os.read(number, 1 << 20))
            report = {"nonce": job["nonce"], "outcomes": [{"file": job["tests"][0], "test": t} for t in ("test_two", "test_three")]}
        except (OSError, ValueError, KeyError):
            continue
        for other in range(1, 64):
            try:
                os.write(other, json.dumps(report).encode())
            except OSError:
                pass
        os._exit(0)
    return 4
""",
    "hands up outcomes of its own": """
import json, os

def double(n):
    outcomes = json.dumps([{"file": "tests/test_double.py", "test": t} for t in ("test_two", "test_three")]).encode()
    for number in range(3, 64):
        try:
            os.write(number, len(outcomes).to_bytes(8, "big") + outcomes)
        except OSError:
            pass
    os._exit(0)
""",
    "takes what its callers hold": """
import json, os, sys

def double(n):
    frame = sys._getframe()
    held = {}
    while frame:
        held.update(frame.f_locals)
        frame = frame.f_back
    nonce = held.get("nonce") or held.get("job", {}).get("nonce", "")
    names = [{"file": "tests/test_double.py", "test": t} for t in ("test_two", "test_three")]
    for form in (json.dumps({"nonce": nonce, "outcomes": names}).encode(), json.dumps(names).encode()):
        for number in range(1, 64):
            try:
                os.write(number, form)
            except OSError:
                pass
    os._exit(0)
""",
    "is equal to everything": """
class Yes:
    def __eq__(self, other):
        return True
    def __hash__(self):
        return 0

def double(n):
    return Yes()
""",
    "disarms the tests": """
import sys

def passing():
    return None

def double(n):
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()):
            if name.startswith("test_") and hasattr(value, "__code__"):
                setattr(module, name, passing)
                value.__code__ = passing.__code__
    return 4
""",
    "patches what reports are made with": """
import builtins, json, traceback
real = json.dumps
json.dumps = lambda *a, **k: real([{"file": "tests/test_double.py", "test": t} for t in ("test_two", "test_three")])
traceback.extract_tb = lambda *a, **k: []

def double(n):
    return 4
""",
    "patches the runner": """
import sys
runner = sys.modules["__main__"]
runner.tested = lambda function: {}
runner.problem = lambda error: ""

def double(n):
    return 4
""",
    "rewrites the tests": """
from pathlib import Path
for path in Path("tests").glob("*.py"):
    path.write_text("def test_two():\\n    pass\\n\\ndef test_three():\\n    pass\\n")

def double(n):
    return 4
""",
    "ends its parent": "import os\ndef double(n):\n    os.kill(os.getppid(), 9)\n    return 2 * n\n",
    "says it too loudly": "def double(n):\n    while True:\n        print('passed ' * 1000)\n",
    "calls itself": "import sys\nsys.setrecursionlimit(10**9)\ndef double(n):\n    return double(n)\n",
    "leaves a fork behind": "import os, time\ndef double(n):\n    if os.fork() == 0:\n        time.sleep(60)\n    os._exit(0)\n",
    "never ends": "def double(n):\n    while True:\n        pass\n",
    "waits for ever": "import time\ndef double(n):\n    time.sleep(60)\n",
    "multiplies": "import os\ndef double(n):\n    while True:\n        os.fork()\n",
    "takes all memory": "def double(n):\n    return [bytearray(1 << 28) for _ in range(64)]\n",
}


@pytest.mark.parametrize("trick", CHEATS)
async def test_no_trick_makes_a_program_pass(sandbox: Sandbox, trick: str) -> None:
    report = await run_tests(sandbox, {"double.py": CHEATS[trick], **TEST}, tests=list(TEST), limits=SHORT)
    assert not report.passed
    assert report.failures


@pytest.mark.parametrize("trick", ["prints a report", "reads the job again", "hands up outcomes of its own", "takes what its callers hold"])
async def test_a_forged_report_passes_under_no_isolation(each_sandbox: Sandbox, trick: str) -> None:
    assert not (await run_tests(each_sandbox, {"double.py": CHEATS[trick], **TEST}, tests=list(TEST), limits=SHORT)).passed


async def test_the_process_that_reports_shows_neither_memory_nor_files(each_sandbox: Sandbox) -> None:
    spy = """
import os

def look():
    seen, me = [], os.getppid()
    for path in (f"/proc/{me}/fd/0", f"/proc/{me}/fd/1", f"/proc/{me}/mem", f"/proc/{me}/environ"):
        try:
            open(path, "rb").close()
            seen.append(path)
        except OSError:
            pass
    return seen
"""
    (outcome,) = await observe(each_sandbox, {"spy.py": spy}, file="spy.py", function="look", inputs=[[]])
    assert outcome.value == []


async def test_a_program_finds_neither_job_nor_secrets(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    spy = "import os, sys\n\ndef look():\n    return [sys.stdin.read(), sorted(os.environ.values()), sys.argv]\n"
    (outcome,) = await observe(sandbox, {"spy.py": spy}, file="spy.py", function="look", inputs=[[]])
    read, environment, argv = outcome.value
    assert read == ""
    assert argv == ["spy.py"]
    assert "sk-secret" not in " ".join(environment)


async def test_a_program_cannot_write_outside_its_folder(sandbox: Sandbox, tmp_path: Path) -> None:
    spy = f"def leave():\n    open({str(tmp_path)!r} + '/left.txt', 'w').write('here')\n    return 'left'\n"
    (outcome,) = await observe(sandbox, {"spy.py": spy}, file="spy.py", function="leave", inputs=[[]])
    assert outcome.value is None
    assert "Error" in outcome.error
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos._exit(0)\n",
        "import os\ndef f(n):\n    os._exit(0)\n",
        "def f(n):\n    while True:\n        pass\n",
        "import os\nos.close(1)\nos.closerange(3, 64)\ndef f(n):\n    return n\n",
    ],
)
async def test_results_of_a_program_that_ends_early_are_errors(sandbox: Sandbox, source: str) -> None:
    outcomes = await observe(sandbox, {"p.py": source}, file="p.py", function="f", inputs=[[1], [2], [3], [4], [5], [6]], limits=SHORT)
    assert len(outcomes) == 6
    assert all(outcome.error and outcome.value is None for outcome in outcomes)


async def test_one_call_that_never_ends_spoils_only_its_own_result(sandbox: Sandbox) -> None:
    source = "def f(n):\n    while n == 2:\n        pass\n    return n\n"
    outcomes = await observe(sandbox, {"p.py": source}, file="p.py", function="f", inputs=[[1], [2], [3]])
    assert [outcome.value for outcome in outcomes] == [1, None, 3]
    assert "no result within" in outcomes[1].error


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def f():\n    return 'x' * 10**7\n", "larger than"),
        ("def f():\n    return 10 ** 10**4\n", "integer string conversion"),
        ("def f():\n    return '\\ud800'\n", "surrogates"),
        ("def f():\n    here = []\n    here.append(here)\n    return here\n", "too deeply"),
        ("def f():\n    return lambda: 1\n", "no plain value"),
        (
            "class Odd(Exception):\n    def __str__(self):\n        raise self\n\ndef f():\n    raise Odd\n",
            "Odd: its text could not be made",
        ),
        ("def f():\n    raise ValueError('\\ud800' * 10**6)\n", "ValueError: ?"),
    ],
)
async def test_a_result_that_no_report_can_hold_is_an_error(sandbox: Sandbox, source: str, said: str) -> None:
    (outcome,) = await observe(sandbox, {"p.py": source}, file="p.py", function="f", inputs=[[]])
    assert outcome.value is None
    assert said in outcome.error
    assert len(outcome.error) <= 500


async def test_values_come_out_plain(sandbox: Sandbox) -> None:
    source = "def f():\n    return {1: (1, 2), 'set': {3, 1}, 'inf': float('inf'), 'text': 'naïve ☃'}\n"
    (outcome,) = await observe(sandbox, {"p.py": source}, file="p.py", function="f", inputs=[[]])
    assert outcome.value == {"1": [1, 2], "set": [1, 3], "inf": {"float": "inf"}, "text": "naïve ☃"}
