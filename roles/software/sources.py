"""Source files out of a model's answer: plain source, or fenced blocks with their paths. Nothing is run."""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator

__all__ = ["SourceText", "read_files"]

_FENCE = re.compile(r"(?P<before>[^\n]*\n)?[ \t]*```(?P<info>[^\n`]*)\n(?P<text>.*?)\n?[ \t]*```", re.DOTALL)
_PATH = re.compile(r"[\w][\w./-]*\.(?:py|md|txt|json|toml|csv|html|css)")


def _path_of(match: re.Match[str]) -> str | None:
    """The path a fenced block names: in its info line, in the line before it, or in a comment on its first line."""
    first_line = match["text"].split("\n", 1)[0]
    for place in (match["info"], match["before"] or "", first_line if first_line.startswith("#") else ""):
        found = _PATH.search(place)
        if found:
            return found[0]
    return None


def read_files(answer: str, default: str) -> dict[str, str]:
    """The files of an answer by relative path; a single unnamed block, or plain source, is the default file.

    Raises:
        ValueError: no code, a path that leads out of the folder, or Python that does not parse.
    """
    blocks = list(_FENCE.finditer(answer))
    files: dict[str, str] = {}
    for block in blocks:
        path = _path_of(block) or (default if default not in files else None)
        if path is None:
            raise ValueError("a code block without a path; expected the path in the line above it, as `### main.py`")
        files[path] = block["text"].rstrip() + "\n"
    if not blocks:
        files[default] = answer.strip() + "\n"
    for path, text in files.items():
        _check(path, text)
    return files


def _check(path: str, text: str) -> None:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
        raise ValueError(f"the path {path!r} leads out of the program's folder; expected a relative one")
    if not path.endswith(".py"):
        return
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{path} is no valid Python ({error})") from error
    if not tree.body:
        raise ValueError(f"{path} holds no code")


def _parsable(answer: str) -> str:
    read_files(answer, "main.py")
    return answer


SourceText = Annotated[str, AfterValidator(_parsable)]
"""Text that `read_files` can read: a model whose answer it cannot is told why and asked again."""
