"""The secrets of this process's environment, so that they can be kept out of journals."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

__all__ = ["known_secrets"]

_NAMES = re.compile(r"(API_?KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|PRIVATE_?KEY)", re.IGNORECASE)
_SHORTEST = 12
"""Shorter values are words like `true` or `none`, and would be masked out of ordinary text."""


def known_secrets(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Values of the variables whose names say that they are secret, the longest first."""
    found = {v for name, v in (os.environ if environ is None else environ).items() if _NAMES.search(name) and len(v) >= _SHORTEST}
    return tuple(sorted(found, key=len, reverse=True))
