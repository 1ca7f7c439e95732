"""Plugins: models, memories, actions, journals, roles and teams, found by name on first use.

Our own parts are registered the same way, as entry points of this package. A broken plugin is an error for whoever asked
for it and for nobody else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from metagpt.errors import ConfigError, MetaGPTError, did_you_mean
from metagpt.models.interface import Model

__all__ = ["GROUPS", "Plugin", "list_plugins", "load_plugin", "open_model"]

GROUPS = ("models", "memory", "actions", "journals", "roles", "teams")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugin:
    """One registered part."""

    group: str
    name: str
    distribution: str
    version: str
    value: str
    """`module:attribute`."""
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
    except Exception as error:
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


def list_plugins(*, try_loading: bool = True) -> list[Plugin]:
    """Every registered part, with its load error if it has one."""
    plugins = []
    for group in GROUPS:
        for point in sorted(entry_points(group=f"metagpt.{group}"), key=lambda p: p.name):
            error = ""
            if try_loading:
                try:
                    _load(group, point)
                except MetaGPTError as problem:
                    error = str(problem)
            plugins.append(
                Plugin(
                    group=group,
                    name=point.name,
                    distribution=point.dist.name if point.dist else "",
                    version=point.dist.version if point.dist else "",
                    value=point.value,
                    error=error,
                )
            )
    return plugins
