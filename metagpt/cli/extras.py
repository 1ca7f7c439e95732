"""The extras of an installed package, as its metadata lists them."""

from __future__ import annotations

import re
from importlib.metadata import metadata

__all__ = ["extras_of"]

_NEEDED = re.compile(r"""([\w.-]+).*;.*\bextra\s*==\s*["']([\w.-]+)["']""")
_FOR_DEVELOPERS = "dev"


def extras_of(distribution: str) -> dict[str, list[str]]:
    """The packages that each extra needs; what is for developers is left out."""
    said = metadata(distribution)
    packages: dict[str, list[str]] = {extra: [] for extra in said.get_all("Provides-Extra") or [] if extra != _FOR_DEVELOPERS}
    for line in said.get_all("Requires-Dist") or []:
        needed = _NEEDED.match(line)
        if needed and needed[2] in packages and needed[1] != distribution:
            packages[needed[2]].append(needed[1])
    return packages
