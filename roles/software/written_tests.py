"""The test files of a delivery: plain asserts for what was stated and what was observed, and what the evaluator wrote."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

from metagpt.roles.software.judging import Verdict, expected_cases, signature_of
from metagpt.roles.software.messages import Checks, Example, Program, Requirements
from metagpt.roles.software.signatures import Signature

__all__ = ["conftest", "module_of", "one_line", "test_files"]

REQUIREMENTS = "tests/test_requirements.py"
"""The tests that the evaluator's model wrote; they may start the program and leave files."""

_IMPORTS = '''"""Lets the tests import the program from the folder above."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
'''

_OWN_FOLDER = '''"""Lets the tests import the program from the folder above, and run in a copy of it, so that they leave nothing behind."""

import os
import shutil
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parent.parent
FILES = %(files)s

sys.path.insert(0, str(PROGRAM))


@pytest.fixture(autouse=True, scope="session")
def own_folder(tmp_path_factory):
    """The folder that all tests run in."""
    folder = tmp_path_factory.mktemp("program")
    for file in FILES:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROGRAM / file, folder / file)
    before = Path.cwd()
    os.chdir(folder)
    yield
    os.chdir(before)
'''

_LONGEST = 300
"""Characters of an observed result and its argument that a test is still worth reading with."""

_PLAIN = '''

def plain(value):
    """The value as JSON holds it: tuples as lists, sets sorted, floats to nine digits."""
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=repr)
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    return round(value, 9) if isinstance(value, float) else value
'''


def test_files(requirements: Requirements, program: Program, checks: Checks, verdict: Verdict) -> dict[str, str]:
    """The test files by path; none where nothing can be tested."""
    files = {}
    signature = signature_of(requirements, program.reading)
    if signature is not None:
        text = _case_tests(requirements, expected_cases(requirements, checks), verdict, signature, module_of(program.entry))
        if text:
            files[f"tests/test_{PurePosixPath(program.entry).stem}.py"] = text
    if checks.source:
        files[REQUIREMENTS] = checks.source
    return files


def conftest(tests: Iterable[str], program: Iterable[str]) -> str:
    """tests/conftest.py, for pytest; in the evaluator's sandbox the tests have program and folder to themselves anyway."""
    return _OWN_FOLDER % {"files": sorted(program)} if REQUIREMENTS in tests else _IMPORTS


def module_of(file: str) -> str:
    """What the file is imported as."""
    return file.removesuffix(".py").removesuffix("/__main__").replace("/", ".")


def one_line(text: str) -> str:
    """The text without line breaks, fit for a docstring."""
    return " ".join(text.split()).replace("\\", "/").replace('"', "'")


def _case_tests(requirements: Requirements, cases: Sequence[Example], verdict: Verdict, signature: Signature, module: str) -> str:
    observed = [case for case in verdict.observed if _is_readable(case)]
    tests = [
        _test("stated_results", "The goal or its requirements state these results.", cases, signature),
        _test("observed_results", f"Nobody stated these results, the program gave them: {verdict.evidence}.", observed, signature),
    ]
    if not any(tests):
        return ""
    helper = "" if _is_direct(signature.returns) else _PLAIN
    head = f'"""Tests of {signature.name}.\n\nThe goal was: {one_line(requirements.goal)}\n"""\n\nfrom {module} import {signature.name}\n'
    return head + helper + "".join(tests)


def _test(name: str, why: str, cases: Sequence[Example], signature: Signature) -> str:
    if not cases:
        return ""
    lines = [_assertion(signature, argument, expected) for argument, expected in cases]
    return f'\n\ndef test_{name}():\n    """{why}"""\n' + "".join(f"    {line}\n" for line in lines)


def _assertion(signature: Signature, argument: Any, expected: Any) -> str:
    call = f"{signature.name}({', '.join(map(repr, signature.arguments(argument)))})"
    if not _is_direct(signature.returns):
        return f"assert plain({call}) == plain({expected!r})"
    return f"assert {call} is {expected!r}" if expected is None or isinstance(expected, bool) else f"assert {call} == {expected!r}"


def _is_direct(returns: str) -> bool:
    """Whether a result of this type equals its JSON form as it stands: no tuples, sets, floats or keys but text."""
    words = re.findall(r"\w+", returns.replace("dict[str,", ""))
    return bool(words) and set(words) <= {"int", "str", "bool", "list", "None"}


def _is_readable(case: Example) -> bool:
    text = repr(case)
    return len(text) <= _LONGEST and "{'float': '" not in text  # the form of a float that JSON has not
