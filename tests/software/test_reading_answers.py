"""Files out of answers, examples out of goals, signatures out of words, and programs that run from a shell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from metagpt.behaviour import PROPERTIES
from metagpt.roles.software.engineer import make_program
from metagpt.roles.software.messages import Reading, Specification
from metagpt.roles.software.product_manager import stands_in
from metagpt.roles.software.shell import shell_command, shell_entry
from metagpt.roles.software.signatures import read_signature
from metagpt.roles.software.sources import checked_tests, read_files

ONE = "x = 1\n"


@pytest.mark.parametrize(
    ("answer", "files"),
    [
        ("x = 1", {"main.py": ONE}),
        ("```python\nx = 1\n```", {"main.py": ONE}),
        ("Here:\n\n```\nx = 1\n```\nDone.", {"main.py": ONE}),
        ("### main.py\n```python\nx = 1\n```", {"main.py": ONE}),
        ("**`todo/store.py`**\n\n```python\nx = 1\n```", {"todo/store.py": ONE}),
        ("File: ./store.py\n```py\nx = 1\n```", {"store.py": ONE}),
        ("```python title=store.py\nx = 1\n```", {"store.py": ONE}),
        ("```python\n# store.py\nx = 1\n```", {"store.py": "# store.py\nx = 1\n"}),
        ("### a.py\n```python\nx = 1\n```\n### b.py\n```python\nx = 1\n```", {"a.py": ONE, "b.py": ONE}),
        ("### a.py\n```python\nx = 1\n```\nRun it:\n```bash\npython a.py\n```\n```text\nout\n```", {"a.py": ONE}),
        (
            "### a.py\n```python\nx = 1\n```\n### README.md\n````markdown\nUse:\n```sh\npython a.py\n```\n````",
            {"a.py": ONE, "README.md": "Use:\n```sh\npython a.py\n```\n"},
        ),
        ("### p/__init__.py\n```python\n```\n### p/a.py\n~~~python\nx = 1\n~~~", {"p/__init__.py": "", "p/a.py": ONE}),
        ("```python\nx = 1", {"main.py": ONE}),
    ],
)
def test_files_are_read_from_all_usual_forms(answer: str, files: dict[str, str]) -> None:
    assert read_files(answer) == files


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("", "holds no code"),
        ("I cannot do that.", "no valid Python"),
        ("```python\ndef f(:\n```", "no valid Python"),
        ("```bash\nrm -rf /\n```", "no Python file"),
        ("# only a comment", "holds no code"),
        ("```python\nx = 1\n```\n```python\ny = 1\n```", "two blocks for main.py"),
        ("### ../a.py\n```python\nx = 1\n```", "leads out"),
        ("### /tmp/a.py\n```python\nx = 1\n```", "leads out"),
        ("### ~/a.py\n```python\nx = 1\n```", "leads out"),
        ("### C:\\a.py\n```python\nx = 1\n```", "leads out"),
        ("### .ssh/a.py\n```python\nx = 1\n```", "leads out"),
        ("### my-app/a.py\n```python\nx = 1\n```", "cannot be imported"),
        ("### class.py\n```python\nx = 1\n```", "cannot be imported"),
        ("### json.py\n```python\nx = 1\n```", "hides a module"),
        ("### a.py\n```python\nx = 1\n```\n### a.py/b.py\n```python\nx = 1\n```", "a file as its folder"),
        ("x = " + "(" * 500 + "1" + ")" * 500, "main.py is n"),
        ("x = '\ud800'", "no valid Python"),
        ("def f(n):\n    return math.floor(m)", "neither defines nor imports: 'math' in line 2, 'm' in line 2"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(answer: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_files(answer)


def test_tests_may_stand_in_a_fence_and_must_be_plain_functions() -> None:
    assert checked_tests(" \n") == ""
    assert checked_tests("```python\ndef test_it():\n    assert 1\n```") == "def test_it():\n    assert 1\n"
    with pytest.raises(ValueError, match="no function whose name begins with test_"):
        checked_tests("assert 1\n")
    with pytest.raises(ValueError, match="test_it has parameters or decorators"):
        checked_tests("import pytest\n\n@pytest.mark.skip\ndef test_it():\n    assert 1\n")


@pytest.mark.parametrize(
    ("answer", "signature", "files", "entry"),
    [
        ({"main.py": ONE}, "f(x: int) -> int", ["f.py"], "f.py"),
        ({"main.py": ONE}, "statistics(x: int) -> int", ["statistics_program.py"], "statistics_program.py"),
        ({"main.py": ONE}, "tests(x: int) -> int", ["tests_program.py"], "tests_program.py"),
        ({"vowels.py": ONE}, "f(x: int) -> int", ["vowels.py"], "vowels.py"),
        ({"a.py": ONE, "b.py": "def f(x):\n    return x\n"}, "f(x: int) -> int", ["a.py", "b.py"], "b.py"),
        ({"main.py": ONE}, "", ["main.py"], "main.py"),
        ({"a.py": ONE, "p/__main__.py": ONE}, "", ["a.py", "p/__main__.py"], "p/__main__.py"),
        ({"a.py": ONE, "b.py": "if __name__ == '__main__':\n    pass\n"}, "", ["a.py", "b.py"], "b.py"),
        ({"a.py": ONE, "tests/test_a.py": ONE, "run.json": "{}"}, "", ["a.py"], "a.py"),
    ],
)
def test_the_file_to_start_with_is_found(answer: dict[str, str], signature: str, files: list[str], entry: str) -> None:
    program = make_program(answer, 0, Reading(specification=Specification(in_scope=True, signature=signature)))
    assert sorted(program.files) == files
    assert program.entry == entry


@pytest.mark.parametrize(
    ("goal", "example"),
    [
        ("sum a list, [1, 2, 3] gives 6", [[1, 2, 3], 6]),
        ("sum a list: f([1,2,3]) == 6", [[1, 2, 3], 6]),
        ("reverse words: 'Hello World' becomes 'World Hello'", ["Hello World", "World Hello"]),
        ("is it prime? 7 -> True", [7, True]),
        ("count: {'a': 1, 'b': 2} -> 3", [{"a": 1, "b": 2}, 3]),
        ("double 2 and get 4", [2, 4]),
        ("square -1.5 to 2.25", [-1.5, 2.25]),
    ],
)
def test_examples_that_stand_in_the_goal_are_found(goal: str, example: list[Any]) -> None:
    assert stands_in(goal, (example[0], example[1]))


@pytest.mark.parametrize(
    ("goal", "example"),
    [
        ("sum a list of numbers above 10", [[1, 10], 10]),
        ("keep the numbers above 12", [[1, 2], [2]]),
        ("is 7 prime?", [7, True]),
        ("reverse 'Hello World'", ["Hello World", "World Hello"]),
        ("say 'Hello World'", ["Hello World", "Hello World"]),
        ("join 'a b' to 'a-b'", ["a b", "a_b"]),
        ("count the vowels in 'Hello'", ["hello", 2]),
        ("an empty list gives an empty list", [[], []]),
        ("f([1, 2, 3]) is 6", [[3, 2, 1], 6]),
    ],
)
def test_examples_that_are_made_up_are_not(goal: str, example: list[Any]) -> None:
    assert not stands_in(goal, (example[0], example[1]))


@pytest.mark.parametrize(
    ("text", "parameters", "returns"),
    [
        ("f(x: int) -> int", (("x", "int"),), "int"),
        ("def f(x, y=2) -> list[str]:", (("x", ""), ("y", "")), "list[str]"),
        ("f()", (), ""),
        ("f(x: int, /, *, sep: str = ',') -> str", (("x", "int"),), "str"),
    ],
)
def test_signatures_are_read(text: str, parameters: tuple[tuple[str, str], ...], returns: str) -> None:
    signature = read_signature(text)
    assert signature is not None
    assert (signature.name, signature.parameters, signature.returns) == ("f", parameters, returns)


@pytest.mark.parametrize(
    "text", ["", "count vowels", "f(*x) -> int", "f(**x)", "f(x, *, y)", "class F", "f(x): ...\nimport os\ndef g()", "f(" * 300]
)
def test_what_is_no_signature_is_none(text: str) -> None:
    assert read_signature(text) is None


def from_shell(folder: Path, signature: str, body: str, *words: str) -> str:
    read = read_signature(signature)
    assert read is not None
    (folder / "f.py").write_text(f"def {signature}:\n    return {body}\n" + shell_entry("f.py", read))
    done = subprocess.run([sys.executable, "f.py", *words], cwd=folder, capture_output=True, text=True, timeout=30, check=False)
    return done.stdout.rstrip("\n") if done.returncode == 0 else done.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("signature", "body", "words", "printed"),
    [
        ("f(text: str) -> str", "text.upper()", ["5, [naïve]"], "5, [NAÏVE]"),
        ("f(text: str | None) -> int", "len(text)", ["null"], "4"),
        ("f(n: int) -> int", "n + 1", ["-5"], "-4"),
        ("f(x: float) -> float", "x / 2", ["3"], "1.5"),
        ("f(flag: bool) -> bool", "not flag", ["False"], "true"),
        ("f(items: list[int]) -> int", "sum(items)", ["1, 2,3"], "6"),
        ("f(items: list[int]) -> int", "sum(items)", ["[1, 2]"], "3"),
        ("f(items: list[int]) -> int", "sum(items)", ["4"], "4"),
        ("f(items: list[int]) -> int", "len(items)", [""], "0"),
        ("f(items: list[str]) -> list[str]", "items[::-1]", ["a, b,c"], '["c", "b", "a"]'),
        ("f(items: list[str]) -> str", "'-'.join(items)", ["1,2"], "1-2"),
        ("f(table: list[list[int]]) -> int", "len(table)", ["[1, 2], [3]"], "2"),
        ("f(counts: dict[str, int]) -> dict[str, int]", "counts", ['{"a": 1}'], '{"a": 1}'),
        ("f(items: list[int]) -> set[int]", "set(items)", ["2,2"], "[2]"),
        ("f(a: str, b: int) -> str", "a * b", ["x", "3"], "xxx"),
        ("f() -> str", "'here'", [], "here"),
        ("f(x)", "x", ["[1]"], "[1]"),
        ("f(x)", "x", ["word"], "word"),
        ("f(a: str, b: int) -> str", "a * b", ["x"], "usage: python f.py A B"),
    ],
)
def test_a_function_runs_from_a_shell(tmp_path: Path, signature: str, body: str, words: list[str], printed: str) -> None:
    assert from_shell(tmp_path, signature, body, *words) == printed


def test_the_command_line_of_an_example_is_quoted() -> None:
    signature = read_signature("f(text: str, items: list[str], n: int) -> str")
    assert signature is not None
    assert shell_command("f.py", signature, ["it's", ["a"], 3]) == """python f.py 'it'"'"'s' '["a"]' 3"""


def test_each_property_is_told_apart() -> None:
    assert len(PROPERTIES) == 14
    holding = {name for name, holds in PROPERTIES.items() if holds([3, 1, 2], [1, 2, 3])}
    assert holding == {
        "same length",
        "not longer",
        "ascending",
        "subset of the input",
        "permutation of the input",
        "no duplicates",
        "non-negative",
    }
