"""Secrets of this process's environment, kept out of everything that is stored."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping

from pydantic_core import to_json

__all__ = ["Mask", "known_secrets"]

_NAMES = re.compile(r"(API_?KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|PRIVATE_?KEY)", re.IGNORECASE)
_SHORTEST = 12
"""Shorter values are words like `true` or `none`, and would be masked out of ordinary text."""
_MASK = b"***"


def known_secrets(environ: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Values of the variables whose names say that they are secret, the longest first."""
    found = {v for name, v in (os.environ if environ is None else environ).items() if _NAMES.search(name) and len(v) >= _SHORTEST}
    return tuple(sorted(found, key=len, reverse=True))


class Mask:
    """Puts `***` in the place of secrets.

    Args:
        secrets: The texts, wherever they stand, also as they stand in JSON.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(form for secret in secrets for form in _forms(secret))

    def text(self, text: str) -> str:
        """The text without secrets."""
        return self.encoded(text.encode(errors="replace")).decode()

    def encoded(self, body: bytes) -> bytes:
        """The same for text in UTF-8."""
        for secret in self._secrets:
            if secret in body:
                body = body.replace(secret, _MASK)
        return body


def _forms(secret: str) -> tuple[bytes, ...]:
    """The secret as it stands in text, in JSON, and in JSON that stands in JSON; the longest first."""
    plain = secret.encode()
    once = to_json(secret)[1:-1]
    twice = to_json(once.decode())[1:-1]
    return tuple(sorted({plain, once, twice}, key=len, reverse=True))
