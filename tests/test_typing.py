"""Right uses pass and wrong uses fail, on the line that is wrong, under mypy --strict and under pyright.

A line of `typing/wrong` that ends in `# wrong` must be refused by both; `# wrong: pyright` by pyright alone, where mypy
lacks the feature.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TYPING = Path(__file__).with_name("typing")
RIGHT = sorted((TYPING / "right").glob("*.py"))
WRONG = sorted((TYPING / "wrong").glob("*.py"))

pytestmark = pytest.mark.slow

Found = dict[str, dict[int, list[str]]]
"""By folder/file and line, what a checker says."""


def _name(path: str | Path) -> str:
    return "/".join(Path(path).parts[-2:])


def _output(command: list[str]) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return done.stdout


@cache
def mypy_found() -> Found:
    files = [str(file.relative_to(ROOT)) for file in (*RIGHT, *WRONG)]
    found: Found = {}
    for line in _output([sys.executable, "-m", "mypy", "--strict", "--no-pretty", "--no-error-summary", *files]).splitlines():
        if match := re.match(r"(.+\.py):(\d+)(?::\d+)?: error: (.*)", line):
            found.setdefault(_name(match[1]), {}).setdefault(int(match[2]), []).append(match[3])
    return found


@cache
def pyright_found() -> Found:
    report = json.loads(_output([sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(TYPING)]))
    assert report["summary"]["filesAnalyzed"] >= len(RIGHT) + len(WRONG)
    found: Found = {}
    for each in report["generalDiagnostics"]:
        if each["severity"] == "error":
            found.setdefault(_name(each["file"]), {}).setdefault(each["range"]["start"]["line"] + 1, []).append(each["message"])
    return found


@pytest.fixture(scope="session")
def found() -> dict[str, Found]:
    return {"mypy": mypy_found(), "pyright": pyright_found()}


def _marked(file: Path, checker: str) -> set[int]:
    marks = ("# wrong", f"# wrong: {checker}")
    return {number for number, line in enumerate(file.read_text().splitlines(), 1) if line.endswith(marks)}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
@pytest.mark.parametrize("file", RIGHT, ids=lambda file: file.stem)
def test_a_right_use_passes(file: Path, checker: str, found: dict[str, Found]) -> None:
    assert found[checker].get(_name(file), {}) == {}


@pytest.mark.parametrize("checker", ["mypy", "pyright"])
@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.stem)
def test_a_wrong_use_is_refused_on_its_line(file: Path, checker: str, found: dict[str, Found]) -> None:
    assert set(found[checker].get(_name(file), {})) == _marked(file, checker)


@pytest.mark.parametrize("file", WRONG, ids=lambda file: file.stem)
def test_a_wrong_file_marks_what_is_wrong(file: Path) -> None:
    assert len(_marked(file, "pyright")) == 1
