"""Recipes as TOML text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from metagpt.lab.jobs import Recipe

__all__ = ["recipe_text"]


def recipe_text(recipe: Recipe) -> str:
    """The recipe as `read_recipe` reads it; settings that are None are left out, as TOML has no word for it."""
    lines = [f"job = {_value(recipe.kind)}"]
    lines += [f"{_key(name)} = {_value(value)}" for name, value in recipe.values.items() if value is not None]
    return "\n".join(lines) + "\n"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _value(value: Any) -> str:  # Any: JSON values
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items() if each is not None) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, float):
        return repr(value)  # inf and nan are TOML's words too
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
