"""Source files out of a model's answer: plain source, or fenced blocks with their paths. Nothing is run."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from keyword import iskeyword
from pathlib import PurePosixPath
from typing import Annotated, NamedTuple

from pydantic import AfterValidator

__all__ = ["DEFAULT_FILE", "SourceText", "checked_tests", "read_files"]

DEFAULT_FILE = "main.py"
"""Where source stands that comes without a path."""

_OPENING = re.compile(r"[ \t]*(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)")
_PATH = re.compile(r"[^\s`*:\"'()\[\]<>,;=]+\.(?:py|md|txt|json|toml|csv|html|css|js|sql|ini|cfg|ya?ml)\b")
_PYTHON = {"", "py", "python", "python3"}
_SHELL = {"bash", "sh", "shell", "console", "text", "output", "pycon"}


class _Block(NamedTuple):
    before: str
    """The line above it."""
    info: str
    text: str

    @property
    def language(self) -> str:
        return re.split(r"[\s:{]", self.info.strip(), maxsplit=1)[0].lower()

    @property
    def path(self) -> str | None:
        """The path it names: behind its language, in the line above it, or in a comment on its first line."""
        first = self.text.split("\n", 1)[0]
        for place in (self.info, self.before, first if first.startswith("#") else ""):
            if found := _PATH.search(place):
                return found[0]
        return None


def read_files(answer: str) -> dict[str, str]:
    """The files of an answer by relative path; a single unnamed block of Python, or plain source, is `main.py`.

    Raises:
        ValueError: no code, a path out of the folder or one that cannot be imported, Python that does not parse, or undefined names.
    """
    blocks = list(_blocks(answer))
    files = {} if blocks else {DEFAULT_FILE: answer.strip() + "\n"}
    for block in blocks:
        if block.language in _SHELL:
            continue  # how to call it, or what it prints
        path = block.path or (DEFAULT_FILE if block.language in _PYTHON else None)
        if path is None:
            continue
        path = path.removeprefix("./")
        if path in files:
            raise ValueError(
                f"found two blocks for {path}; expected each file once, with its path in the line above it, as `### {DEFAULT_FILE}`"
            )
        files[path] = f"{block.text.rstrip()}\n".lstrip("\n")
    if not any(path.endswith(".py") for path in files):
        raise ValueError("found no Python file; expected the program's source")
    for path, text in files.items():
        _check_path(path, files)
        if path.endswith(".py"):
            _check_python(path, text)
    return files


def _blocks(answer: str) -> Iterator[_Block]:
    """The fenced blocks; one that is not closed goes to the end."""
    before, lines = "", iter(answer.splitlines())
    for line in lines:
        opening = _OPENING.fullmatch(line)
        if opening is None:
            before = line if line.strip() else before
            continue
        inside = []
        for inner in lines:
            closing = inner.strip()
            if closing.startswith(opening["fence"]) and not closing.strip(closing[0]):
                break
            inside.append(inner)
        yield _Block(before, opening["info"], "\n".join(inside))
        before = ""


def _check_path(path: str, files: dict[str, str]) -> None:
    parts = PurePosixPath(path).parts
    if path.startswith(("/", "~")) or "\\" in path or any(part.startswith(".") for part in parts):
        raise ValueError(
            f"the path {path!r} leads out of the program's folder or to a hidden file; expected one inside, as 'todo/store.py'"
        )
    if any(str(parent) in files for parent in PurePosixPath(path).parents):
        raise ValueError(f"the path {path!r} has a file as its folder; expected different names")
    if not path.endswith(".py"):
        return
    names = [*parts[:-1], parts[-1].removesuffix(".py")]
    if not all(name.isidentifier() and not iskeyword(name) for name in names):
        raise ValueError(f"the path {path!r} cannot be imported; expected names of letters, digits and underscores")
    if names[0] in sys.stdlib_module_names:
        raise ValueError(f"the path {path!r} hides a module of the standard library; expected another name")


def _check_python(path: str, text: str) -> None:
    try:
        text.encode()
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{path} is no valid Python: {error}") from error
    except (RecursionError, MemoryError) as error:
        raise ValueError(f"{path} is nested too deeply for Python") from error
    if not tree.body and PurePosixPath(path).name != "__init__.py":
        raise ValueError(f"{path} holds no code")
    if missing := _undefined_names(tree):
        raise ValueError(f"{path} uses what it neither defines nor imports: {', '.join(missing)}")


def _undefined_names(tree: ast.Module) -> list[str]:
    """What would raise NameError as soon as it is reached, by pyflakes; a star import hides all."""
    from pyflakes.checker import Checker
    from pyflakes.messages import UndefinedName

    try:
        found = [message for message in Checker(tree).messages if isinstance(message, UndefinedName)]
    except (RecursionError, MemoryError):
        return []  # nested more deeply than it can follow
    return list(dict.fromkeys(f"{message.message_args[0]!r} in line {message.lineno}" for message in found))


def _readable(answer: str) -> str:
    read_files(answer)
    return answer


SourceText = Annotated[str, AfterValidator(_readable)]
"""Text that `read_files` can read: a model whose answer it cannot is told why and asked again."""


def checked_tests(answer: str) -> str:
    """A test file, out of its fence if it stands in one; empty where there is none.

    Raises:
        ValueError: it is no Python, or holds no test function that needs no parameters.
    """
    if not answer.strip():
        return ""
    blocks = list(_blocks(answer))
    text = (blocks[0].text if blocks else answer).strip() + "\n"
    _check_python("the test file", text)
    tests = [
        node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test")
    ]
    if not tests:
        raise ValueError("the test file holds no function whose name begins with test_; expected one or more, or the empty string")
    for test in tests:
        if test.args.posonlyargs or test.args.args or test.args.kwonlyargs or test.decorator_list:
            raise ValueError(f"{test.name} has parameters or decorators; expected plain functions, without pytest and its fixtures")
    return text
