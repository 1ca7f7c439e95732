"""The repository as a whole: no stale maps, no dangerous calls, nothing of the machine it was written on, no giants."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from metagpt.plugins import GROUPS

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "CHANGELOG.md")
OWN = ("metagpt", "roles", "examples", "benchmarks")
"""Folders of our own programs; metagpt/roles is a link to roles, and seen once."""

USERS_FILES = {"metagpt.toml", "run.json", ".metagpt/journal.db", "check-whether-a-number-is-prime", "SKILL.md"}
"""Names in documents that stand in the user's folder, not in ours."""

HOSTS = [
    ".".join(parts)
    for parts in (("pypi", "org"), ("pythonhosted", "org"), ("registry", "npmjs"), ("download", "pytorch"), ("deb", "debian"))
]
PLACES = [f"/{name}/" for name in ("work", "root", "home/runner", "Users")]

FUNCTION, CLASS, MODULE = 40, 250, 500
"""Sizes in lines worth a second look; twice that fails."""

CATALOGUES = ("metagpt/lab/embedded/primitives/", "metagpt/lab/embedded/outside.py", "metagpt/lab/embedded/frames.py")
"""Modules that are lists of small entries, as long as there are entries."""


def tracked() -> list[Path]:
    """Every file that is in git or about to be, once; all files where there is no git. The folder of a run in the root is none of them."""
    done = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    names = done.stdout.splitlines() if done.returncode == 0 else _all_files()
    runs = {name.removesuffix("run.json") for name in names if name.count("/") == 1 and name.endswith("/run.json")}
    own = [ROOT / name for name in names if not name.startswith(tuple(runs))]
    return sorted({path for path in own if path.is_file() and not path.is_symlink()})


def _all_files() -> list[str]:
    """Names of files that stand in no hidden or made folder: what git would say, where there is none."""
    names = [path.relative_to(ROOT) for path in ROOT.rglob("*")]
    made = {"__pycache__", "build", "dist", ".venv", "node_modules"}
    return [str(name) for name in names if not made & set(name.parts) and not any(part.endswith("_cache") for part in name.parts)]


def programs(*folders: str) -> list[Path]:
    return [path for path in tracked() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in (folders or OWN)]


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), filename=str(path))


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# the one command


def the_command() -> ModuleType:
    """tests/__main__.py, not run."""
    spec = importlib.util.spec_from_file_location("the_command", ROOT / "tests" / "__main__.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["the_command"] = module  # where its dataclass looks for its own names
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("status", "expected"), [(0, 0), (1, 1)])
def test_the_command_fails_when_a_check_does_although_the_tests_pass(
    status: int, expected: int, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    command = the_command()
    check = command.Check(name="example", command=(sys.executable, "-c", f"print('seen'); raise SystemExit({status})"))
    monkeypatch.setattr(command, "CHECKS", (check,))
    assert command.main(["--version"]) == expected
    printed = capfd.readouterr().out
    assert ("example: FAILED" in printed, "seen" in printed) == (bool(status), bool(status))
    assert printed.rstrip().splitlines()[-1].startswith("pytest ")


def test_the_command_runs_every_kind_of_check() -> None:
    assert [check.command[0] for check in the_command().CHECKS] == ["ruff", "ruff", "mypy", "pyright", "lint-imports"]


def test_the_command_reads_every_folder_of_ours_and_not_the_run_of_a_user_in_the_root() -> None:
    command = the_command()
    assert {path.relative_to(ROOT).parts[0] for path in tracked() if path.suffix == ".py"} == set(command.CODE)
    assert [check.name for check in command.CHECKS if "." in check.command] == []


# nothing of the machine it was written on


def test_no_file_names_a_place_of_one_machine_or_the_host_of_a_registry() -> None:
    found = []
    for path in tracked():
        if path.suffix in {".safetensors", ".png", ".gz", ".whl"} or path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            found += [f"{shown(path)}:{number}: {word}" for word in (*HOSTS, *PLACES) if word in line]
    assert found == []


def test_no_file_is_empty_of_meaning_or_left_over() -> None:
    left = [shown(path) for path in tracked() if path.name.endswith((".orig", ".rej", ".bak", "~", ".tmp")) or path.name == ".DS_Store"]
    assert left == []


# nothing that runs what it reads


def dangers(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        where = f"{shown(path)}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name) and node.func.id in {"eval", "exec", "__import__"}:
                yield f"{where}: {node.func.id}("
            if any(
                word.arg == "shell" and not (isinstance(word.value, ast.Constant) and word.value.value is False) for word in node.keywords
            ):
                yield f"{where}: shell="
            is_tensors_only = any(word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in node.keywords)
            if ast.unparse(node.func) in {"os.system", "os.popen", "torch.load", "yaml.load", "tempfile.mktemp"} and not is_tensors_only:
                yield f"{where}: {ast.unparse(node.func)}("
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        yield from (
            f"{where}: {name}" for name in names if name.split(".")[0] in {"pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle"}
        )


def test_nothing_in_the_package_evaluates_unpickles_or_asks_a_shell() -> None:
    assert [danger for path in programs("metagpt", "roles") for danger in dangers(path)] == []


def test_the_search_for_dangers_finds_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    bad = tmp_path / "bad.py"
    bad.write_text(
        "import pickle\nfrom dill import loads\nexec('1')\nrun('ls', shell=True)\nmodel.eval()\nos.system('ls')\ntorch.load(f)\ntorch.load(f, weights_only=True)\n"
    )
    assert [danger.split(": ")[1] for danger in sorted(dangers(bad))] == ["pickle", "dill", "exec(", "shell=", "os.system(", "torch.load("]


# no stale maps


def docstrings(path: Path) -> Iterator[str]:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield ast.get_docstring(node) or ""


def texts() -> Iterator[tuple[str, str]]:
    """Everything that explains: documents and docstrings, with where it stands."""
    for name in DOCUMENTS:
        yield name, (ROOT / name).read_text()
    for path in programs():
        for text in docstrings(path):
            yield shown(path), text


def is_there(dotted: str) -> bool:
    """Whether a name such as metagpt.testing.ScriptedModel is a module or stands in one."""
    parts = dotted.split(".")
    if parts[1] in GROUPS:  # an entry point group
        return True
    for cut in range(len(parts), 0, -1):
        name = ".".join(parts[:cut])
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            continue
        if found is None:
            continue
        owner: object = importlib.import_module(name)
        for attribute in parts[cut:]:
            if not hasattr(owner, attribute):
                return False
            owner = getattr(owner, attribute)
        return True
    return False


def test_every_name_of_the_package_that_is_mentioned_exists() -> None:
    stale = []
    for where, text in texts():
        for dotted in set(re.findall(r"(?<![\w./@-])metagpt(?:\.[A-Za-z_]\w*)+(?![\w-])", text)) - {"metagpt.toml", "metagpt.lock"}:
            if not is_there(dotted):
                stale.append(f"{where}: {dotted}")
    assert stale == []


def test_every_file_that_a_document_mentions_exists() -> None:
    stale = []
    for name in DOCUMENTS:
        text = (ROOT / name).read_text()
        layout = [block for block in re.findall(r"```text\n(.*?)```", text, re.DOTALL) if block.startswith("metagpt/")]
        named = [line.split()[0] for block in layout for line in block.splitlines()]
        named += [
            word
            for word in re.findall(r"`([^`\s]+)`", text)
            if re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", word) and ("/" in word or "." in word)
        ]
        for word in named:
            is_path = "/" in word or Path(word).suffix in {".py", ".md", ".toml", ".txt", ".json", ".yaml"}
            if is_path and word not in USERS_FILES and not (ROOT / word).exists():
                stale.append(f"{name}: {word}")
    assert stale == []


@pytest.mark.skipif(not (ROOT / "metagpt" / "cli" / "app.py").exists(), reason="metagpt/cli/app.py is not there yet")
def test_every_command_that_is_mentioned_exists() -> None:
    import typer.main

    known = set(typer.main.get_command(importlib.import_module("metagpt.cli.app").app).commands)
    stale = []
    for where, text in texts():
        for command in re.findall(r"`metagpt ([a-z]+)\b", text):
            if command not in known:
                stale.append(f"{where}: metagpt {command}")
    assert stale == []


# every module says what it is and what of it is public


def test_every_module_says_what_it_is_for_and_what_of_it_is_public() -> None:
    lacking = []
    for path in programs("metagpt", "roles"):
        body = tree(path).body
        if not body or path.name == "__main__.py":
            continue
        is_program = any(isinstance(node, ast.If) and ast.unparse(node.test) == "__name__ == '__main__'" for node in body)
        if ast.get_docstring(tree(path)) is None:
            lacking.append(f"{shown(path)}: no docstring")
        defines = [node.name for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)]
        if not is_program and any(not name.startswith("_") for name in defines) and _all_of(tree(path)) is None:
            lacking.append(f"{shown(path)}: no __all__")
    assert lacking == []


def test_what_a_module_calls_public_is_there_once() -> None:
    wrong = []
    for path in programs("metagpt", "roles"):
        names = _all_of(tree(path))
        if names is None:
            continue
        present = {n.name for n in tree(path).body if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)}
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import | ast.ImportFrom):
                present |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                present.add(node.id)
        has_lazy = "__getattr__" in present
        missing = [name for name in names if name not in present]
        if (missing and not has_lazy) or len(set(names)) != len(names):
            wrong.append(f"{shown(path)}: {missing or 'a name twice'}")
    assert wrong == []


def _all_of(module: ast.Module) -> list[str] | None:
    """The names in `__all__`; None where it is not written out."""
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets) and node.value is not None:  # type: ignore[union-attr]
            value = node.value  # type: ignore[union-attr]
            return list(ast.literal_eval(value)) if isinstance(value, ast.List | ast.Tuple) else []
    return None


# no giants


def sizes() -> Iterator[tuple[float, str]]:
    """How often each part fills the size worth a second look, and what it is."""
    for path in programs("metagpt", "roles"):
        if shown(path).startswith(CATALOGUES):
            continue
        lines = len(path.read_text().splitlines())
        yield lines / MODULE, f"{shown(path)}: module of {lines} lines"
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.ClassDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                yield length / CLASS, f"{shown(path)}:{node.lineno}: class {node.name} of {length} lines"
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or 0) - node.lineno + 1
                yield length / FUNCTION, f"{shown(path)}:{node.lineno}: function {node.name} of {length} lines"


def test_no_function_class_or_module_is_a_giant() -> None:
    large = [(size, what) for size, what in sorted(sizes(), reverse=True) if size > 1]
    giants = [what for size, what in large if size > 2]
    report = "\n".join(f"  {size:4.1f}x  {what}" for size, what in large)
    assert not giants, f"found {len(giants)} more than twice the size worth a second look; all that are worth one:\n{report}"
