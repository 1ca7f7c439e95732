"""Names of entries and aliases, and references to a version: `news`, `news@3`, `news@production`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from metagpt.errors import HubError

__all__ = ["LATEST", "Reference", "check_alias", "check_name", "parse_reference"]

LATEST = "latest"
"""Stands for the highest version that is there; a reference without a version means it."""

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}"


@dataclass(frozen=True, slots=True)
class Reference:
    """A name, and which of its versions."""

    name: str
    selector: int | str = LATEST
    """A version number or an alias."""

    def __str__(self) -> str:
        return self.name if self.selector == LATEST else f"{self.name}@{self.selector}"


def parse_reference(text: str | Reference) -> Reference:
    """Read `NAME`, `NAME@VERSION` or `NAME@ALIAS`, with or without `hub:` before it.

    Raises:
        HubError: it is none of these.
    """
    if isinstance(text, Reference):
        return text
    name, at, selector = text.removeprefix("hub:").partition("@")
    check_name(name)
    if not at:
        return Reference(name)
    if re.fullmatch(r"[1-9][0-9]{0,8}", selector):
        return Reference(name, int(selector))
    return Reference(name, selector if selector == LATEST else check_alias(selector))


def check_name(name: str) -> str:
    """The name, if an entry may have it.

    Raises:
        HubError: it has other characters than letters, digits, `.`, `_`, `-`, or more than 80.
    """
    if not re.fullmatch(_NAME, name) or name.endswith("."):
        raise HubError(
            f"hub: found the name {name!r}; expected up to 80 letters, digits, '.', '_' or '-', a letter or digit first. Choose another."
        )
    return name


def check_alias(alias: str) -> str:
    """The alias, if a version may have it.

    Raises:
        HubError: it could be taken for a version number, is `latest`, or has other characters than a name.
    """
    if not re.fullmatch(_NAME, alias) or alias.isdigit() or alias == LATEST:
        raise HubError(f"hub: found the alias {alias!r}; expected a word such as 'production', no number and not 'latest'. Choose another.")
    return alias
