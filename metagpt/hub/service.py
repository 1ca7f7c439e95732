"""`hub:NAME`, `hub:NAME@VERSION`, `hub:NAME@ALIAS`: a version of the hub as any role's model, run in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from metagpt.errors import ConfigError, HubError
from metagpt.hub.entry import Entry
from metagpt.hub.hub import ModelHub
from metagpt.models.local.extras import require_local_extra
from metagpt.models.local.model import LocalModel, open_folder
from metagpt.models.local.settings import parse_settings

__all__ = ["open_hub_model"]


def open_hub_model(rest: str, settings: Mapping[str, object]) -> LocalModel:
    """The model `hub:REST`; an adapter answers on the model that its parents name, whose weights all its adapters share.

    Its profile names the version that the alias stands for at this moment, and so does everything the journal records.

    Args:
        rest: what stands behind `hub:`.
        settings: `path`, the hub's folder; all others as for `local:`.

    Raises:
        ConfigError: a bad setting, or the `local` extra is not installed.
        HubError: no such version, nothing that answers, or changed bytes.
        ModelUnavailableError: a folder without weights.
    """
    owner = f"hub:{rest}"
    path = settings.get("path")
    if path is not None and not isinstance(path, str | Path):
        raise ConfigError(f"{owner}: path = {path!r}; expected the hub's folder, as text. Write it in quotes.")
    parsed = parse_settings(owner, {name: value for name, value in settings.items() if name != "path"})
    require_local_extra(owner)
    hub = ModelHub(path)
    entry = hub.get(rest)
    if entry.kind == "adapter":
        base = _base_of(hub, owner, entry)
        parsed = replace(parsed, adapter=str(hub.folder(entry.reference)))
    elif entry.kind == "model":
        base = entry
    else:
        raise HubError(f"{owner}: found the {entry.kind} {entry.reference}; expected a model or adapter, to answer a role. Name one.")
    return open_folder(f"hub:{entry.reference}", hub.folder(base.reference), parsed)


def _base_of(hub: ModelHub, owner: str, adapter: Entry) -> Entry:
    """The model that the adapter was trained on: the only one among its parents."""
    parents = [hub.get(parent) for parent in adapter.parents if ":" not in parent]
    bases = [parent for parent in parents if parent.kind == "model"]
    if len(bases) != 1:
        raise HubError(
            f"{owner}: found {len(bases)} model(s) among the parents of the adapter {adapter.reference}; expected its base alone."
            " Push the base, and then the adapter with the base as a parent."
        )
    return bases[0]
