"""The documents run: python blocks, commands, pictures, and the examples in docstrings."""

from __future__ import annotations

import ast
import doctest
import importlib
import importlib.util
import itertools
import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from metagpt import Team

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *(ROOT / "examples").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
WEIGHTS = ROOT / "metagpt" / "models" / "embedded_weights"
HAS_CLI = (ROOT / "metagpt" / "cli" / "app.py").exists()
needs_cli = pytest.mark.skipif(not HAS_CLI, reason="metagpt/cli/app.py is not there yet")
needs_weights = pytest.mark.skipif(
    not any(WEIGHTS.glob("*.safetensors")), reason="the embedded model's weights are not in metagpt/models yet"
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a document."""

    document: Path
    line: int
    language: str
    text: str
    expected: str = ""
    """What stands in the `text` block right after it, if there is one."""

    def __str__(self) -> str:
        return f"{self.document.name}:{self.line}"


def blocks(document: Path) -> list[Block]:
    """All fenced blocks; a `text` block before the next heading is what the block above it prints."""
    text = document.read_text()
    fences = list(re.finditer(r"^```(\w*)[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    found = []
    for fence, after in itertools.zip_longest(fences, fences[1:]):
        is_output = after is not None and after.group(1) == "text" and "\n#" not in text[fence.end() : after.start()]
        line = text.count("\n", 0, fence.start()) + 1
        found.append(Block(document, line, fence.group(1), fence.group(2), after.group(2) if is_output and after is not None else ""))
    return found


def blocks_in(*languages: str) -> list[Block]:
    return [block for document in DOCUMENTS for block in blocks(document) if block.language in languages]


def commands() -> list[tuple[str, list[str]]]:
    """Every simple command of the shell blocks: where it stands, and its words."""
    found = []
    for block in blocks_in("bash", "sh"):
        for line in block.text.replace("\\\n", " ").splitlines():
            for part in re.split(r"&&|\|\||;", line):
                words = shlex.split(part, comments=True)
                if words:
                    found.append((str(block), words))
    return found


def words_of(program: str) -> list[tuple[str, list[str]]]:
    return [(where, words[1:]) for where, words in commands() if Path(words[0]).name == program]


@pytest.mark.parametrize("block", blocks_in("python"), ids=str)
def test_a_python_block_runs_and_prints_what_is_written_below_it(block: Block, tmp_path: Path) -> None:
    program = tmp_path / "block.py"
    program.write_text(block.text)
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    folder = tmp_path / "empty"
    folder.mkdir()
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stderr == ""
    assert done.stdout.strip() == block.expected.strip()


@pytest.mark.parametrize("block", blocks_in("toml"), ids=str)
def test_a_settings_block_is_read_as_settings(block: Block, tmp_path: Path) -> None:
    from metagpt.settings import read_settings

    assert tomllib.loads(block.text)
    (tmp_path / "metagpt.toml").write_text(block.text)
    settings = read_settings(tmp_path, environ={})
    assert settings.file == tmp_path / "metagpt.toml"


@pytest.mark.parametrize("block", blocks_in("bash", "sh"), ids=str)
def test_a_shell_block_is_valid_shell(block: Block) -> None:
    done = subprocess.run(["bash", "-n"], input=block.text, capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs_cli
@pytest.mark.parametrize(("where", "words"), words_of("metagpt"))
def test_a_metagpt_command_of_a_document_is_one_that_the_program_takes(where: str, words: list[str]) -> None:
    import typer.main

    app = importlib.import_module("metagpt.cli.app").app
    command = typer.main.get_command(app)
    with command.make_context("metagpt", list(words)) as context:
        name, chosen, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert chosen is not None, f"{where}: found no command {name!r}"
        chosen.make_context(name, list(rest), parent=context)


@needs_cli
def test_the_changelog_lists_the_commands_that_there_are() -> None:
    import typer.main

    known = set(typer.main.get_command(importlib.import_module("metagpt.cli.app").app).commands)
    named = set(re.findall(r"\bmetagpt ([a-z]+)\b", README.read_text())) | set(
        re.findall(r"`([a-z]+)`", (ROOT / "CHANGELOG.md").read_text())
    )
    assert known - named == set(), "found commands that neither README nor CHANGELOG names; expected all there"


@pytest.mark.parametrize(("where", "words"), [*words_of("python"), *words_of("python3")])
def test_a_module_that_a_document_starts_exists(where: str, words: list[str]) -> None:
    if words[0] != "-m":
        return
    name = words[1]
    found = importlib.util.find_spec(name)
    assert found is not None, f"{where}: found python -m {name}; expected a module of that name"
    if found.submodule_search_locations is not None:
        assert importlib.util.find_spec(f"{name}.__main__"), f"{where}: python -m {name} has no __main__"


@pytest.mark.parametrize(("where", "words"), words_of("pip"))
def test_an_installation_line_names_extras_and_files_that_exist(where: str, words: list[str]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    line = " ".join(words)
    for named in re.findall(r"\[([\w,]+)\]", line):
        assert set(named.split(",")) <= set(extras), where
    for file in re.findall(r"-[cr] (\S+)", line):
        assert (ROOT / file).is_file(), where


def test_the_picture_of_the_software_team_is_the_one_that_the_team_draws() -> None:
    [drawn] = [block.text for block in blocks(README) if block.language == "mermaid"]
    expected = Team.load("software").diagram("mermaid")
    assert drawn.strip() == expected.strip(), "found another picture in README.md; expected the output of: metagpt graph software"


@needs_cli
@needs_weights
@pytest.mark.slow
def test_the_first_run_goes_as_the_readme_shows(tmp_path: Path) -> None:
    shown = README.read_text().partition("<!-- first-run -->")[2].partition("```text\n")[2].partition("\n```")[0]
    assert shown, "found no transcript below <!-- first-run -->; expected the output of the first command there"
    [command] = [words for words in (words for _, words in words_of("metagpt")) if "Check whether a number is prime" in words]
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
    done = subprocess.run(
        [sys.executable, "-c", "from metagpt.cli import main; main()", *command],
        cwd=tmp_path, env={**environment, "HF_HUB_OFFLINE": "1"}, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert _missing(shown.splitlines(), done.stdout.splitlines()) == [], done.stdout
    assert (tmp_path / "check-whether-a-number-is-prime" / "run.json").is_file()


def _missing(shown: list[str], printed: list[str]) -> list[str]:
    """The shown lines that were not printed, in their order; `…` in one stands for anything."""
    left = iter(printed)
    return [line for line in shown if not any(re.fullmatch(re.escape(line).replace("…", ".*"), other) for other in left)]


def test_a_shown_transcript_must_be_printed_in_its_order() -> None:
    printed = ["model embedded", "[    0.2 s] a starts", "[    1.0 s] b starts", "success: run 17"]
    assert _missing(["model embedded", "[… s] b starts", "success: run …"], printed) == []
    assert _missing(["[… s] b starts", "[… s] a starts"], printed) == ["[… s] a starts"]


def _modules_with_examples() -> list[str]:
    """Modules with `>>>` in a docstring."""
    found = []
    for path in sorted(
        [*(ROOT / "metagpt").glob("*.py"), *(ROOT / "metagpt").glob("[!r]*/**/*.py"), *(ROOT / "metagpt" / "runtime").rglob("*.py")]
    ):
        docstrings = [ast.get_docstring(node) or "" for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, _DOCUMENTED)]
        if any(">>> " in text for text in docstrings):
            found.append(".".join(path.relative_to(ROOT).with_suffix("").parts))
    return found


_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@pytest.mark.parametrize("name", _modules_with_examples())
def test_the_examples_in_docstrings_are_true(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
