"""Plugins: models, memories, actions, journals, roles, teams, predictors, architectures, corpora and rewards, found by name on first use.

Our own parts are registered the same way, as entry points of this package. A broken plugin is an error for whoever asked
for it and for nobody else.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from metagpt.actions.interface import Action
from metagpt.actions.sources import ActionSource
from metagpt.errors import ConfigError, MetaGPTError, did_you_mean
from metagpt.journal.interface import Journal
from metagpt.memory.interface import Memory
from metagpt.models.interface import Model

__all__ = [
    "GROUPS",
    "Plugin",
    "list_plugins",
    "load_plugin",
    "open_action",
    "open_journal",
    "open_journal_or_file",
    "open_memory",
    "open_model",
]

GROUPS = ("models", "memory", "actions", "journals", "roles", "teams", "predictors", "architectures", "corpora", "rewards")

_SCHEME = re.compile(r"[A-Za-z_][\w.-]+(?=:)")
"""Two characters or more: one is a drive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One registered part."""

    group: str
    name: str
    distribution: str
    version: str
    value: str
    """`module:attribute`."""
    location: str = ""
    """The folder that the distribution is installed in."""
    error: str = ""
    """Why it does not load; empty when it does, or was not tried."""


def load_plugin(group: str, name: str) -> Any:  # Any: each group has its own kind of object
    """The object registered under the name.

    Raises:
        ConfigError: nothing is registered so, or it does not load; the cause is chained.
    """
    points = entry_points(group=f"metagpt.{group}")
    found = {point.value: point for point in points if point.name == name}
    if not found:
        raise ConfigError(f"plugins: found no {group} plugin {name!r}; expected an installed one. {did_you_mean(name, points.names)}")
    if len(found) > 1:
        values = " and as ".join(sorted(found))
        raise ConfigError(f"plugins: found {group} plugin {name!r} registered as {values}; expected one. Remove one.")
    return _load(group, *found.values())


def _load(group: str, point: EntryPoint) -> Any:
    try:
        return point.load()
    except MetaGPTError:
        raise
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"plugins: found {group} plugin {point.name!r} ({point.value}) that does not load ({type(error).__name__}: {error});"
            " expected an importable object. Reinstall or remove its package."
        ) from error


def open_model(reference: str, settings: Mapping[str, object] | None = None) -> Model:
    """The model that a reference names: `openai:NAME`, `local:PATH`, `embedded`, or a plugin's own scheme.

    Args:
        reference: `SCHEME:REST`, or a scheme alone.
        settings: What the user set for it, such as `device` or `max_concurrency`; the scheme says what it takes.

    Raises:
        ConfigError: no plugin has that scheme, or it cannot be opened with what is set.
    """
    scheme, _, rest = reference.partition(":")
    opened = load_plugin("models", scheme)(rest, dict(settings or {}))
    if not isinstance(opened, Model):
        raise ConfigError(f"model {reference!r}: found the plugin {scheme!r} to open {opened!r}; expected a Model. Mend the plugin.")
    return opened


def open_memory(name: str, settings: Mapping[str, object] | None = None) -> Memory:
    """The memory of that name: `window`, `token_budget`, `summary`, `vector`, `long_term`, or a plugin's.

    Args:
        name: What it is registered as.
        settings: Keywords of its constructor, such as `last` or `path`.

    Raises:
        ConfigError: there is none of that name, or it does not take these settings.
    """
    kind = load_plugin("memory", name)
    try:
        opened = kind(**dict(settings or {}))
    except (TypeError, ValueError) as error:
        raise ConfigError(f"memory {name!r}: found settings {dict(settings or {})!r} ({error}); expected others. Mend them.") from error
    if not isinstance(opened, Memory):
        raise ConfigError(f"memory {name!r}: found the plugin to open {opened!r}; expected a Memory. Mend the plugin.")
    return opened


def open_action(reference: str) -> Action | ActionSource:
    """The action that a reference names: `read_file`; or what a plugin opens, as `mcp:git`, which may be a source of many.

    Raises:
        ConfigError: no plugin has that name, or it is no action.
    """
    name, colon, rest = reference.partition(":")
    found = load_plugin("actions", name)
    if colon and callable(found) and not isinstance(found, Action):
        found = found(rest)
    elif colon:
        raise ConfigError(f"action {reference!r}: found the plain action {name!r}; expected no ':' behind it. Write {name!r}.")
    if not isinstance(found, Action | ActionSource):
        hint = f"Write '{name}:NAME'" if not colon and callable(found) else "Mend the plugin"
        raise ConfigError(f"action {reference!r}: found {found!r}; expected an action. {hint}.")
    return found


def open_journal(reference: str) -> Journal:
    """The journal that a reference names: `memory`, `sqlite:PATH`, or a plugin's own.

    Raises:
        ConfigError: no plugin has that name, or what it opens is no journal.
    """
    name, colon, rest = reference.partition(":")
    if not colon and "." in name:
        raise ConfigError(f"journal {reference!r}: found a file's name; expected NAME or NAME:REST. Write 'sqlite:{reference}'.")
    kind = load_plugin("journals", name)
    try:
        opened = kind(rest) if colon else kind()
    except TypeError as error:
        raise ConfigError(f"journal {reference!r}: found {error}; expected NAME, or NAME:REST where it takes a path. Mend it.") from error
    if not isinstance(opened, Journal):
        raise ConfigError(f"journal {reference!r}: found the plugin {name!r} to open {opened!r}; expected a Journal. Mend the plugin.")
    return opened


def open_journal_or_file(named: str | Path, *, owner: str = "--journal") -> Journal:
    """The journal of a plugin, `NAME` or `NAME:REST`, or the file of that path, which is made when it is first written to.

    Args:
        named: What a person typed.
        owner: Where, for errors.

    Raises:
        ConfigError: no plugin has the name before the ':', or it opens no journal.
    """
    from metagpt.journal.sqlite import SqliteJournal  # loads sqlite3

    known = entry_points(group="metagpt.journals").names
    text = str(named)
    scheme = _SCHEME.match(text)
    if scheme and scheme[0] not in known:
        raise ConfigError(
            f"{owner}: found {text!r}, and no journals plugin {scheme[0]!r}; expected a file's path, or an installed plugin's"
            f" NAME:REST. {did_you_mean(scheme[0], known)} A file of that name is ./{text}"
        )
    if scheme or (text in known and not Path(text).exists()):
        return open_journal(text)
    return SqliteJournal(named)


def list_plugins(*, try_loading: bool = True) -> list[Plugin]:
    """Every registered part, with its load error if it has one."""
    plugins = []
    for group in GROUPS:
        points = entry_points(group=f"metagpt.{group}")
        for point in sorted(points, key=lambda each: (each.name, each.value)):
            others = {each.value for each in points if each.name == point.name} - {point.value}
            distribution, version, location = _origin(point)
            plugins.append(
                Plugin(
                    group=group,
                    name=point.name,
                    distribution=distribution,
                    version=version,
                    value=point.value,
                    location=location,
                    error=_load_error(group, point, others) if try_loading else "",
                )
            )
    return plugins


def _load_error(group: str, point: EntryPoint, others: Collection[str]) -> str:
    if others:
        elsewhere = " and as ".join(sorted(others))
        return f"plugins: found {group} plugin {point.name!r} registered as {elsewhere}, too; expected one. Remove one."
    try:
        _load(group, point)
    except MetaGPTError as problem:
        return str(problem)
    return ""


def _origin(point: EntryPoint) -> tuple[str, str, str]:
    """Name, version and folder of the distribution; empty where its own files do not say."""
    if point.dist is None:
        return "", "", ""
    metadata = point.dist.metadata
    return metadata["Name"] or "", metadata["Version"] or "", str(point.dist.locate_file(""))
