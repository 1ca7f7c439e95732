"""`metagpt new`: a project of one's own, green from the start."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from metagpt.cli.new_files import FILES
from metagpt.errors import ConfigError

__all__ = ["new"]


def new(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The project's name; its folder is made here.", show_default=False)],
) -> None:
    """Make a project of your own.

    It has a team of two roles, their prompts, and tests that pass from the start.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_-]{0,63}", name):
        raise ConfigError(f"metagpt new: found name {name!r}; expected letters, digits, '-' or '_', a letter first. Choose another.")
    folder = Path(name)
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise ConfigError(f"metagpt new: found {name!r} here already; expected a new or empty folder. Choose another name.")
    for path, text in FILES.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("NAME", name), encoding="utf-8")
    print(f"made ./{name}: a team of two roles with prompts and tests. Next:")
    print(f"  cd {name}")
    print("  python -m pytest")
    print('  metagpt run "a teapot that never drips" --team team.py:team')
