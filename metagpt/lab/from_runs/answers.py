"""What an answer says, apart from its wrapping: the same program in a code fence or without is one answer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["as_json", "nodes", "pieces", "read_json", "trained_form"]

_FENCED = re.compile(r"^[ \t]*(?P<fence>`{3,}|~{3,})[^\n`]*\n(?P<text>.*?)^[ \t]*(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)


def as_json(value: Any) -> str:  # Any: a JSON value
    """JSON in the one form that compact models read and write."""
    return json.dumps(value, ensure_ascii=False, separators=(", ", ": "))


def read_json(answer: str) -> dict[str, Any] | None:
    """The object that the answer is, if it is one."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def pieces(answer: str) -> list[str]:
    """The texts of its code blocks; the whole answer where it has none."""
    blocks = [match["text"].strip() for match in _FENCED.finditer(answer)]
    return [piece for piece in blocks or [answer.strip()] if piece]


def trained_form(answer: str) -> str:
    """The answer as a compact model shall give it: JSON in its one form, a single code block without its fence."""
    value = read_json(answer)
    if value is not None:
        return as_json(value)
    found = pieces(answer)
    return f"{found[0]}\n" if len(found) == 1 and found[0] != answer.strip() else answer


def nodes(value: Any) -> Iterator[str]:  # Any: a JSON value
    """Every text in a JSON value, and every object in it in its one form."""
    if isinstance(value, str):
        yield value.strip()
    elif isinstance(value, dict):
        yield as_json(value)
        for each in value.values():
            yield from nodes(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from nodes(each)
