"""What users may rely on: the names, the errors, and an import that does nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import metagpt
import metagpt.testing
from metagpt import errors

FROZEN = Path(__file__).with_name("public_surface.txt")

HEAVY = (
    "torch", "transformers", "numpy", "openai", "httpx", "jinja2", "networkx", "tenacity", "rich", "typer", "filelock", "sqlite3",
    "genai_prices", "safetensors", "tokenizers", "llguidance", "matplotlib", "starlette", "uvicorn", "mcp",
)  # fmt: skip


def test_the_public_names_are_those_in_the_file() -> None:
    """A name that is added, renamed or removed is a decision: change the file with it, and the changelog."""
    names = [f"metagpt.{name}" for name in metagpt.__all__] + [f"metagpt.testing.{name}" for name in metagpt.testing.__all__]
    assert names == FROZEN.read_text().split()


@pytest.mark.parametrize("module", [metagpt, metagpt.testing, errors])
def test_public_names_are_sorted_exist_and_are_documented(module: object) -> None:
    names = module.__all__  # type: ignore[attr-defined]
    assert names == sorted(set(names))
    for name in names:
        assert getattr(module, name).__doc__, name
        assert name in dir(module)


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Tema'"):
        metagpt.Tema  # type: ignore[attr-defined]  # noqa: B018


def _tree(docstring: str) -> dict[str, str | None]:
    """Each error's parent, as the docstring draws it."""
    parents: dict[str, str | None] = {}
    path: list[str] = []
    for line in docstring.splitlines():
        if match := re.match(r"^((?:[│ ] {3})*(?:[├└]── )?)(\w+Error)\b", line):
            depth = len(match[1]) // 4
            parents[match[2]] = path[depth - 1] if depth else None
            path[depth:] = [match[2]]
    return parents


def test_the_errors_are_the_tree_that_their_docstring_draws() -> None:
    drawn = _tree(errors.__doc__ or "")
    classes = {name: cls for name, cls in vars(errors).items() if isinstance(cls, type) and issubclass(cls, BaseException)}
    assert set(drawn) == set(classes)
    for name, cls in classes.items():
        parent = drawn[name]
        assert name.endswith("Error")
        assert cls.__bases__[0].__name__ == (parent or "Exception")
        assert issubclass(cls, errors.MetaGPTError)
        assert name in errors.__all__


def test_every_error_can_be_imported_from_metagpt() -> None:
    for name in errors.__all__:
        if name.endswith("Error"):
            assert getattr(metagpt, name) is getattr(errors, name)


def _in_a_fresh_process(folder: Path, code: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True, check=False, timeout=60)
    assert done.stderr == ""
    assert done.returncode == 0
    return done.stdout


@pytest.mark.parametrize("module", ["metagpt", "metagpt.testing"])
def test_importing_loads_nothing_heavy_writes_nothing_and_says_nothing(module: str, tmp_path: Path) -> None:
    code = f"import sys, json, {module}; json.dump(sorted(sys.modules), sys.stdout)"
    loaded = json.loads(_in_a_fresh_process(tmp_path, code))
    assert [name for name in loaded if name.partition(".")[0] in HEAVY] == []
    assert [
        name for name in loaded if name.startswith(("metagpt.roles", "metagpt.lab", "metagpt.serve", "metagpt.cli", "metagpt.hub"))
    ] == []
    assert list(tmp_path.iterdir()) == []


def test_importing_starts_no_thread_and_sets_up_no_log(tmp_path: Path) -> None:
    code = (
        "import logging, threading, warnings; filters = list(warnings.filters); from metagpt import Message, Role, SqliteJournal, Team, on\n"
        "assert threading.active_count() == 1; assert logging.getLogger().handlers == []\n"
        "assert not any(name.startswith('metagpt') and logging.getLogger(name).handlers for name in logging.root.manager.loggerDict)\n"
        "assert list(warnings.filters) == filters"
    )
    assert _in_a_fresh_process(tmp_path, code) == ""


def test_making_a_team_and_running_it_loads_neither_journal_nor_client(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from metagpt import Goal, Message, Role, Team, on\n"
        "class Note(Message):\n    text: str\n"
        "class Writer(Role):\n"
        "    @on(Goal)\n"
        "    async def write(self, goal: Goal) -> Note:\n"
        "        return Note(text=goal.text)\n"
        "print(Team([Writer()], final=Note).run_sync('hello').output.text)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert _in_a_fresh_process(tmp_path, code) == "hello\n[]\n"
    assert list(tmp_path.iterdir()) == []
