"""Parameter texts from a Google-style docstring."""

from __future__ import annotations

import re

__all__ = ["parameter_texts"]


def parameter_texts(docstring: str) -> dict[str, str]:
    """What the `Args:` section says of each parameter, lines joined."""
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)+)", docstring, re.MULTILINE)
    texts: dict[str, str] = {}
    name, indent = "", 0
    for line in section.group(1).splitlines() if section else ():
        start = re.match(r"([ \t]+)(\w+)(?: *\([^)]*\))?: *(.*)", line)
        if start and (not name or len(start.group(1)) <= indent):
            indent, name = len(start.group(1)), start.group(2)
            texts[name] = start.group(3).strip()
        elif name and line.strip():
            texts[name] += " " + line.strip()
    return texts
