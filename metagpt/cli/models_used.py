"""Which versions of a hub answered in a run: noted there when the run rests, for the lineage."""

from __future__ import annotations

from typing import Any

from metagpt.run import Run
from metagpt.settings import read_settings

__all__ = ["note_models"]

_SCHEME = "hub:"


def note_models(run: Run[Any]) -> None:
    """Note them, if there were any; a run that no model of a hub answered leaves no trace there.

    Raises:
        HubError: a hub cannot be read or written to.
    """
    used = [name.removeprefix(_SCHEME) for name in run.usage.by_model if name.startswith(_SCHEME)]
    if not used:
        return
    from metagpt.hub.hub import ModelHub

    paths = {str(each.options["path"]) for each in read_settings().models.values() if "path" in each.options}
    for hub in (ModelHub(), *map(ModelHub, sorted(paths))):
        here = [reference for reference in used if reference in {entry.reference for entry in hub.entries()}]
        if here:
            hub.record_run(run.id, here)
