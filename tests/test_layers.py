"""What importing costs and reaches, beyond the contracts in .importlinter."""

from __future__ import annotations

import ast
import configparser
import json
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import metagpt

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("torch", "transformers", "tokenizers", "numpy", "matplotlib")
LATE = ("openai", "networkx", "jinja2", "typer", "rich", "httpx", "httpx2", "requests", "starlette", "fastapi", "uvicorn", "genai_prices")
FREE_TO_BE_HEAVY = ("metagpt.lab", "metagpt.cli", "metagpt.serve", "metagpt.hub", "metagpt.models.local.", "metagpt.memory.vector")


OF_THE_LAB = ("ContrastiveTrainer", "ModelHub", "TaskDescription", "evaluate_model", "generate_response", "load_data", "VectorMemory")
EVERY_AGENT_NAME = f"import metagpt\nfor name in metagpt.__all__:\n    name in {OF_THE_LAB!r} or getattr(metagpt, name)"
"""Names are loaded at their first use: this uses all those of the agent side."""


def loaded_after(statement: str, names: tuple[str, ...]) -> list[str]:
    """Which of the modules a fresh interpreter has loaded after the statement."""
    program = f"import sys, json\n{statement}\nprint(json.dumps([name for name in {names!r} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def agent_modules() -> list[str]:
    """Every module on the agent side: what a program with a remote model may load."""
    names = [module.name for module in pkgutil.walk_packages(metagpt.__path__, "metagpt.", onerror=lambda name: None)]
    return [name for name in names if not name.startswith(FREE_TO_BE_HEAVY) and not name.endswith("__main__")]


def test_importing_metagpt_loads_no_library_that_only_some_programs_need() -> None:
    assert loaded_after(EVERY_AGENT_NAME, HEAVY + LATE) == []


def test_no_module_of_the_agent_side_loads_tensors_or_an_http_client() -> None:
    modules = [name for name in agent_modules() if name not in ("metagpt.models.openai_compatible",)]
    assert len(modules) > 50
    statement = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)"
    assert loaded_after(statement, (*HEAVY, "openai", "httpx", "httpx2", "starlette", "fastapi")) == []


def test_naming_the_lab_or_the_hub_does_not_happen_by_importing_metagpt() -> None:
    assert loaded_after(EVERY_AGENT_NAME, ("metagpt.lab", "metagpt.hub", "metagpt.cli", "metagpt.serve", "metagpt.roles")) == []


def test_importing_metagpt_loads_nothing_but_its_errors() -> None:
    loaded = loaded_after("import metagpt", ("metagpt.errors", "metagpt.message", "metagpt.team", "pydantic", "asyncio", "sqlite3"))
    assert loaded == ["metagpt.errors"]


def test_using_a_name_of_metagpt_loads_it_and_an_unknown_one_is_refused() -> None:
    assert loaded_after("from metagpt import Message", ("metagpt.message", "metagpt.team")) == ["metagpt.message"]
    with pytest.raises(AttributeError, match="no attribute 'Massage'"):
        metagpt.Massage  # type: ignore[attr-defined]  # noqa: B018


def test_importing_metagpt_writes_nothing_and_prints_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", EVERY_AGENT_NAME], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120)
    assert (done.stdout, done.stderr) == ("", "")
    assert list(tmp_path.iterdir()) == []


def test_every_module_of_the_package_stands_in_a_layer() -> None:
    contracts = configparser.ConfigParser()
    contracts.read(ROOT / ".importlinter")
    layers = contracts["importlinter:contract:layers"]["layers"]
    placed = {name.strip(" ()") for name in layers.replace("|", "\n").replace(":", "\n").splitlines()} - {""}
    present = {module.name for module in pkgutil.iter_modules(metagpt.__path__)}
    assert present - placed == set(), "found modules in no layer; expected each in one. Add them to .importlinter"


def modules_of(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


@pytest.mark.parametrize("path", modules_of("roles"), ids=lambda path: str(path.relative_to(ROOT)))
def test_ready_made_roles_import_only_public_names(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("metagpt"):
            private = [alias.name for alias in node.names if alias.name.startswith("_")]
            assert not private, f"found {private} of {node.module}; expected public names only"
