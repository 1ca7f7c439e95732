"""The software team on a general model: one reading of the goal, its cases and tests believed, failures sent back."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from metagpt.errors import HandlerFailedError, InvalidReplyError
from metagpt.models.interface import ModelRequest
from metagpt.roles.software import Checks, Declined, Delivery, Specification, software_team
from metagpt.run import Run
from metagpt.testing import FunctionModel, ScriptedModel, data, text
from tests.software.answers import CHECKS, CODE, GOAL, SPECIFICATION, WRONG_CODE, general_model


async def run_team(model: Any, folder: Path, goal: str = GOAL) -> Run[Delivery | Declined]:
    return await software_team(model=model, workspace=folder).run(goal)


def delivered(run: Run[Delivery | Declined]) -> Delivery:
    assert isinstance(run.output, Delivery)
    return run.output


def record(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "run.json").read_text())
    return found


def python(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    bare = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, *words], cwd=folder, env=bare, capture_output=True, text=True, timeout=60, check=False)


def pytest_in(folder: Path) -> subprocess.CompletedProcess[str]:
    return python(folder, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore", "tests")


# A function


async def test_a_goal_becomes_a_tested_function(tmp_path: Path) -> None:
    run = await run_team(general_model(), tmp_path)
    assert run.success
    found = delivered(run)
    assert found.passed
    assert found.tests == 2
    assert found.failures == []
    assert found.evidence == "1 example of the goal; 2 cases of the requirements; tests written from the requirements"
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()) == [
        "README.md",
        "count_vowels.py",
        "run.json",
        "tests/conftest.py",
        "tests/test_count_vowels.py",
        "tests/test_requirements.py",
    ]
    assert record(tmp_path) == {
        "goal": GOAL,
        "verdict": {"passed": True, "tests": 2, "failures": [], "evidence": found.evidence},
        "entry": {"file": "count_vowels.py", "function": "count_vowels", "signature": "count_vowels(text: str) -> int"},
    }


async def test_the_delivered_function_runs_from_a_shell(tmp_path: Path) -> None:
    await run_team(general_model(), tmp_path)
    assert python(tmp_path, "count_vowels.py", "Hello World").stdout == "3\n"
    assert python(tmp_path, "-c", "from count_vowels import count_vowels; print(count_vowels('aei'))").stdout == "3\n"
    wrong = python(tmp_path, "count_vowels.py")
    assert wrong.returncode == 1
    assert wrong.stderr == "usage: python count_vowels.py TEXT\n"


async def test_the_generated_tests_pass_under_pytest_and_fail_for_another_program(tmp_path: Path) -> None:
    await run_team(general_model(), tmp_path)
    good = pytest_in(tmp_path)
    assert good.returncode == 0, good.stdout
    assert "2 passed" in good.stdout
    (tmp_path / "count_vowels.py").write_text(WRONG_CODE)
    assert pytest_in(tmp_path).returncode == 1


async def test_the_readme_says_how_to_use_it_and_whether_to_rely_on_it(tmp_path: Path) -> None:
    await run_team(general_model(), tmp_path)
    readme = (tmp_path / "README.md").read_text()
    assert readme.startswith("# count_vowels\n\nCount the vowels in the text")
    assert "count_vowels('Hello')  # 2" in readme
    assert "python count_vowels.py Hello" in readme
    assert "**Its tests passed.** 2 tests ran." in readme
    assert "Not verified" not in readme


async def test_every_part_of_the_goal_reaches_the_model(tmp_path: Path) -> None:
    model = general_model()
    await run_team(model, tmp_path)
    assert sorted(request.call for request in model.requests) == [
        "engineer.write_program",
        "evaluator.write_tests",
        "product_manager.specify",
    ]
    for request in model.requests:
        assert GOAL in request.chat[-1].text
        assert request.context["goal"] == GOAL


async def test_several_parameters_are_passed_one_by_one(tmp_path: Path) -> None:
    model = general_model(
        specify=Specification(
            in_scope=True, signature="repeat(word: str, times: int) -> list[str]", summary="Repeat.", examples=[(["ab", 2], ["ab", "ab"])]
        ),
        write_program="def repeat(word: str, times: int) -> list[str]:\n    return [word] * times\n",
        write_tests=Checks(inputs=[["x", 0], ["y", 3]], properties=["same length"]),
    )
    run = await run_team(model, tmp_path, "repeat a word")
    assert run.success
    assert python(tmp_path, "repeat.py", "ab", "2").stdout == '["ab", "ab"]\n'
    assert "assert repeat('ab', 2) == ['ab', 'ab']" in (tmp_path / "tests/test_repeat.py").read_text()
    assert "python repeat.py ab 2" in (tmp_path / "README.md").read_text()


# Repairs


async def test_a_failing_program_is_sent_back_with_what_failed(tmp_path: Path) -> None:
    model = general_model(write_program=WRONG_CODE, repair=CODE)
    run = await run_team(model, tmp_path)
    assert run.success
    asked = model.requests[-1]
    assert asked.call == "engineer.repair"
    assert "count_vowels('Hello') returned 5, expected 2" in asked.context["failure"]
    assert asked.context["code"] == WRONG_CODE
    assert (tmp_path / "count_vowels.py").read_text().startswith(CODE)


async def test_after_three_repairs_it_is_delivered_as_not_verified(tmp_path: Path) -> None:
    model = general_model(write_program=WRONG_CODE, repair=WRONG_CODE)
    run = await run_team(model, tmp_path)
    assert run.status == "done"
    assert not run.success
    found = delivered(run)
    assert not found.passed
    assert found.failures[0] == "count_vowels('Hello') returned 5, expected 2"
    assert found.evidence.startswith("0 of 1 example of the goal; 0 of 2 cases of the requirements")
    assert [request.call for request in model.requests].count("engineer.repair") == 3
    assert record(tmp_path)["verdict"]["passed"] is False
    readme = (tmp_path / "README.md").read_text()
    assert "**Not verified:** do not rely on it" in readme
    assert "- count_vowels('Hello') returned 5, expected 2" in readme


async def test_a_program_without_the_function_is_not_passed(tmp_path: Path) -> None:
    run = await run_team(general_model(write_program="x = 1\n", repair="y = 2\n"), tmp_path)
    assert not run.success
    assert "no attribute 'count_vowels'" in delivered(run).failures[0]


async def test_a_broken_property_is_a_failure(tmp_path: Path) -> None:
    code = "def count_vowels(text: str) -> int:\n    return sum(c in 'aeiouAEIOU' for c in text) if text != 'b c d' else 99\n"
    run = await run_team(general_model(write_program=code, repair=code), tmp_path)
    assert delivered(run).failures == ["the result for 'b c d' is 99, which is not 'at most the length'"]


@pytest.mark.parametrize(
    "code",
    [
        "import os\nos._exit(0)\n",
        "import sys\nsys.exit(0)\n",
        "def count_vowels(text):\n    while True:\n        pass\n",
        "class Yes(int):\n    def __eq__(self, other):\n        return True\n    __hash__ = None\n\ndef count_vowels(text):\n    return Yes(7)\n",
        "def count_vowels(text):\n    print('1 passed')\n    raise SystemExit(0)\n",
    ],
)
async def test_a_hostile_program_is_never_passed(tmp_path: Path, code: str) -> None:
    model = general_model(write_program=code, repair=code)
    run = await run_team(model, tmp_path)
    assert not run.success
    assert not delivered(run).passed
    assert delivered(run).failures


async def test_tests_that_assert_nothing_do_not_make_a_program_passed(tmp_path: Path) -> None:
    specification = SPECIFICATION.model_copy(update={"examples": []})
    idle = "from count_vowels import count_vowels\n\n\ndef test_it():\n    for text in []:\n        assert count_vowels(text) == 0\n"
    run = await run_team(
        general_model(specify=specification, write_tests=Checks(inputs=["a"], source=idle), repair=CODE), tmp_path, "count the vowels"
    )
    assert not run.success
    assert "no test comes to an assertion" in delivered(run).failures[0]


async def test_a_function_that_nothing_tests_is_not_passed(tmp_path: Path) -> None:
    specification = SPECIFICATION.model_copy(update={"examples": []})
    run = await run_team(general_model(specify=specification, write_tests=Checks(inputs=["a"])), tmp_path, "count the vowels")
    assert not run.success
    assert delivered(run).evidence == "nothing that could be tested"
    assert delivered(run).tests == 0


# Applications

TODO = """### todo/__init__.py
```python
```
### todo/store.py
```python
import json
from pathlib import Path


def load(path):
    file = Path(path)
    return json.loads(file.read_text()) if file.exists() else []


def add(path, item):
    items = [*load(path), item]
    Path(path).write_text(json.dumps(items))
    return items
```
### todo/__main__.py
```python
import sys

from todo.store import add, load

if __name__ == "__main__":
    items = add("todo.json", " ".join(sys.argv[2:])) if sys.argv[1:2] == ["add"] else load("todo.json")
    print("\\n".join(items))
```
Run it:
```bash
python -m todo add milk
```
"""
TODO_TESTS = """import subprocess
import sys

from todo.store import add, load


def test_items_are_kept():
    assert load("one.json") == []
    assert add("one.json", "milk") == ["milk"]
    assert load("one.json") == ["milk"]


def test_it_runs():
    done = subprocess.run([sys.executable, "-m", "todo", "add", "buy", "milk"], capture_output=True, text=True)
    assert done.stdout == "buy milk\\n", done.stderr
"""
TODO_SPECIFICATION = Specification(in_scope=True, summary="A to-do list with the command add.", examples=[("ignored", "ignored")])


def todo_model(**changed: Any) -> FunctionModel:
    answers: dict[str, Any] = {"specify": TODO_SPECIFICATION, "write_program": TODO, "write_tests": Checks(source=TODO_TESTS)}
    return general_model(**{**answers, **changed})


async def test_an_application_of_several_files_is_delivered_with_its_command(tmp_path: Path) -> None:
    run = await run_team(todo_model(), tmp_path, "a to-do list for the shell")
    assert run.success, delivered(run).failures
    found = delivered(run)
    assert found.evidence == "tests written from the requirements"
    assert found.tests == 2
    assert found.signature == ""
    assert record(tmp_path)["entry"] == {"command": ["python", "-m", "todo"]}
    assert "python -m todo" in (tmp_path / "README.md").read_text()
    assert python(tmp_path, "-m", "todo", "add", "milk").stdout == "milk\n"
    for _ in range(2):  # what the tests leave behind is not there the next time
        again = pytest_in(tmp_path)
        assert again.returncode == 0, again.stdout
    assert not (tmp_path / "one.json").exists()


async def test_an_application_in_one_file_is_started_by_it(tmp_path: Path) -> None:
    source = "def greet(name):\n    return f'Hello {name}'\n\n\nif __name__ == '__main__':\n    print(greet('you'))\n"
    tests = "from main import greet\n\n\ndef test_it():\n    assert greet('x') == 'Hello x'\n"
    run = await run_team(todo_model(write_program=source, write_tests=Checks(source=tests)), tmp_path, "greet me")
    assert run.success
    assert record(tmp_path)["entry"] == {"command": ["python", "main.py"]}
    assert python(tmp_path, "main.py").stdout == "Hello you\n"


async def test_a_repair_changes_only_the_files_it_names(tmp_path: Path) -> None:
    broken = TODO.replace("items = [*load(path), item]", "items = [item, item]")
    mended = "### todo/store.py\n```python\n" + re.findall(r"```python\n(.*?)```", TODO, re.DOTALL)[1] + "```\n"
    model = todo_model(write_program=broken, repair=mended)
    run = await run_team(model, tmp_path, "a to-do list for the shell")
    assert run.success, delivered(run).failures
    assert "### todo/__main__.py" in model.requests[-1].context["code"]
    assert sorted(delivered(run).program.files) == ["todo/__init__.py", "todo/__main__.py", "todo/store.py"]


async def test_an_application_without_tests_is_not_passed(tmp_path: Path) -> None:
    run = await run_team(todo_model(write_tests=Checks()), tmp_path, "a to-do list for the shell")
    assert not run.success
    assert delivered(run).evidence == "nothing that could be tested"


async def test_the_engineers_own_tests_and_settings_are_left_out(tmp_path: Path) -> None:
    extra = (
        "### tests/test_requirements.py\n```python\ndef test_it(): pass\n```\n### conftest.py\n```python\ncollect_ignore = ['tests']\n```\n"
    )
    run = await run_team(todo_model(write_program=TODO + extra + "### README.md\n```markdown\nNothing to see.\n```\n"), tmp_path, "a list")
    assert run.success
    assert not (tmp_path / "conftest.py").exists()
    assert (tmp_path / "tests/test_requirements.py").read_text() == TODO_TESTS
    readme = (tmp_path / "README.md").read_text()
    assert "**Its tests passed.**" in readme
    assert "Nothing to see." in readme


# Answers that cannot be used


async def test_bad_python_is_asked_again_with_the_error(tmp_path: Path) -> None:
    script: dict[str, list[Any]] = {
        "product_manager": [data(SPECIFICATION)],
        "engineer": [
            text("def count_vowels(:\n    pass"),
            text("I would rather talk."),
            text(f"Here it is:\n```python\n{CODE}```\nEnjoy!"),
        ],
        "evaluator": [data(CHECKS)],
    }
    with ScriptedModel(script) as model:
        run = await run_team(model, tmp_path)
    assert run.success
    again = [request for request in model.requests if request.call == "engineer.write_program"]
    assert "main.py is no valid Python: invalid syntax" in again[1].chat[-1].text
    assert "main.py is no valid Python" in again[2].chat[-1].text


async def test_bad_python_three_times_fails_the_run_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(HandlerFailedError, match="no valid Python") as caught:
        await run_team(general_model(write_program="def ("), tmp_path)
    assert isinstance(caught.value.__cause__, InvalidReplyError)
    assert caught.value.run is not None
    assert caught.value.run.output is None
    assert not (tmp_path / "run.json").exists()


@pytest.mark.parametrize("path", ["../evil.py", "/etc/evil.py", "~/evil.py", "todo/../../evil.py", ".git/hooks/evil.py", "a\\..\\evil.py"])
async def test_a_path_out_of_the_workspace_is_refused_and_asked_again(tmp_path: Path, path: str) -> None:
    asked: list[ModelRequest] = []

    def answer(request: ModelRequest) -> str:
        asked.append(request)
        return f"### {path}\n```python\nx = 1\n```\n" if len(asked) == 1 else CODE

    folder = tmp_path / "deep" / "out"
    run = await run_team(general_model(write_program=answer), folder)
    assert run.success
    assert "leads out of the program's folder" in asked[1].chat[-1].text
    assert not list(tmp_path.rglob("evil.py"))


async def test_tests_that_are_no_python_are_asked_again(tmp_path: Path) -> None:
    answers = iter(
        [
            CHECKS.model_dump() | {"source": "def test_it(:"},
            CHECKS.model_dump() | {"source": "import pytest\n\ndef test_it(tmp_path):\n    pass\n"},
            CHECKS,
        ]
    )
    model = general_model(write_tests=lambda _: next(answers))
    assert (await run_team(model, tmp_path)).success
    again = [request.chat[-1].text for request in model.requests if request.call == "evaluator.write_tests"]
    assert "no valid Python" in again[1]
    assert "without pytest and its fixtures" in again[2]


async def test_a_signature_that_cannot_be_called_is_asked_again(tmp_path: Path) -> None:
    answers = iter(["count vowels", "f(*texts: str) -> int", SPECIFICATION.signature])
    model = general_model(specify=lambda _: SPECIFICATION.model_copy(update={"signature": next(answers)}))
    assert (await run_team(model, tmp_path)).success
    asked = [request.chat[-1].text for request in model.requests if request.call == "product_manager.specify"]
    assert len(asked) == 3
    assert "expected one to call by position" in asked[2]


# Goals that are declined


async def test_a_declined_goal_is_no_success_and_leaves_no_program(tmp_path: Path) -> None:
    model = general_model(specify=Specification(in_scope=False))
    run = await run_team(model, tmp_path, "what is the weather in Paris?")
    assert run.status == "done"
    assert not run.success
    assert isinstance(run.output, Declined)
    assert "does not ask for a program" in run.output.reason
    assert any("OPENAI_API_KEY" in way and "openai:NAME@http" in way for way in run.output.ways_out)
    assert any("local:" in way for way in run.output.ways_out)
    assert len(model.requests) == 1
    assert not list(tmp_path.iterdir())
