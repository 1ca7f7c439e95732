"""`metagpt plugins`: the installed parts, whose they are, and which of them do not load."""

from __future__ import annotations

import contextlib
import json as jsonlib
import sys
from dataclasses import asdict

from metagpt.cli.options import JsonOption
from metagpt.cli.wording import visible
from metagpt.plugins import Plugin, list_plugins

__all__ = ["plugins"]


def plugins(json: JsonOption = False) -> None:
    """List the installed models, memories, actions, journals, roles and teams.

    Each is loaded; one that does not load is listed with its error, and is no hindrance to the others.
    """
    with contextlib.redirect_stdout(sys.stderr):  # what a plugin prints when it is imported is no line of the list
        found = list_plugins()
    if json:
        for plugin in found:
            print(jsonlib.dumps({"kind": plugin.group, **{k: v for k, v in asdict(plugin).items() if k != "group"}}))
        return
    for line in _lines(found):
        print(line)


def _lines(found: list[Plugin]) -> list[str]:
    rows = [("kind", "name", "version", "origin")]
    rows += [(p.group, p.name, p.version or "?", f"{p.distribution or 'unknown'} ({p.value})") for p in found]
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = ["  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[3]]) for row in rows]
    for index, plugin in reversed(list(enumerate(found, start=1))):
        if plugin.error:
            lines.insert(index + 1, f"  error: {plugin.error}")
    return [visible(line) for line in lines]
