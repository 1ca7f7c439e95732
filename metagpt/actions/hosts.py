"""Which hosts a role's actions may reach by network: names that the user wrote down, and no others."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from metagpt.errors import ConfigError

__all__ = ["Hosts", "host_entry"]

_ENTRY = re.compile(r"(?P<name>\*|(\*\.)?[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?|\[[0-9a-f:.]+\])(:(?P<port>\d{1,5}))?")
_USUAL = (80, 443)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Hosts by name: `docs.python.org`, `*.python.org` (all below it), `*` (all), `localhost:8000`, `[::1]:8000`.

    An entry without a port means the usual two, 80 and 443.
    """

    public: tuple[str, ...] = ()
    """May be reached where every address of theirs is public."""
    private: tuple[str, ...] = ()
    """May be reached at an address of this machine or network as well; each by its full name."""

    def allow(self, host: str, port: int) -> bool:
        """Whether it may be reached at all."""
        return any(_covers(entry, host, port) for entry in (*self.public, *self.private))

    def allow_private(self, host: str, port: int) -> bool:
        """Whether it may be reached at an address of this machine or network."""
        return any(_covers(entry, host, port) for entry in self.private)

    def and_also(self, other: Hosts) -> Hosts:
        """The entries of either that the other covers too."""
        return Hosts(public=_common(self.public, other.public), private=_common(self.private, other.private))

    def __str__(self) -> str:
        return ", ".join(map(repr, (*self.public, *self.private))) or "none"


def host_entry(owner: str, text: object, *, is_private: bool = False) -> str:
    """An entry as it is compared: lower case, without a dot at its end.

    Raises:
        ConfigError: it names no host, or is a pattern where a full name is expected.
    """
    entry = text.lower().removesuffix(".") if isinstance(text, str) else ""
    found = _ENTRY.fullmatch(entry)
    if found is None or (found["port"] and int(found["port"]) > 65535):
        raise ConfigError(
            f"{owner}: found host {text!r}; expected a name, with a port if it is not 80 or 443, as 'docs.python.org', '*.python.org'"
            " or 'localhost:8000'. Write no scheme and no path; write a name of other letters as 'xn--…'."
        )
    if is_private and "*" in entry:
        raise ConfigError(f"{owner}: found private host {text!r}; expected a full name, as 'localhost:8000'. Name each host.")
    return entry


def _covers(entry: str, host: str, port: int) -> bool:
    found = _ENTRY.fullmatch(entry)
    assert found is not None, "checked when the rules were made"
    if port != int(found["port"]) if found["port"] else port not in _USUAL:
        return False
    name, wanted = found["name"], f"[{host}]" if ":" in host else host
    if name.startswith("*."):
        return wanted.endswith(name[1:]) and len(wanted) > len(name) - 1
    return name in ("*", wanted)


def _common(mine: Iterable[str], others: Iterable[str]) -> tuple[str, ...]:
    kept = [entry for entry in mine if any(_includes(other, entry) for other in others)]
    kept += [entry for entry in others if any(_includes(each, entry) for each in mine)]
    return tuple(dict.fromkeys(kept))


def _includes(wide: str, entry: str) -> bool:
    """Whether all that an entry covers is covered by another."""
    wide_name, wide_port = _split(wide)
    name, port = _split(entry)
    if wide_port != port:
        return False
    return wide_name in ("*", name) or (wide_name.startswith("*.") and name.removeprefix("*").endswith(wide_name[1:]) and name != "*")


def _split(entry: str) -> tuple[str, str]:
    found = _ENTRY.fullmatch(entry)
    assert found is not None, "checked when the rules were made"
    return found["name"], found["port"] or ""
