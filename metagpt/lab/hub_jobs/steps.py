"""Steps that change what stands outside the run's folder: a run that was cut does not do them again."""

from __future__ import annotations

import json
from collections.abc import Callable

from metagpt.lab.jobs import RunFolder

__all__ = ["once"]

_FILE = "steps.json"


def once(folder: RunFolder, step: str, do: Callable[[], str]) -> str:
    """What the step made, such as a reference; that of the first try where the run goes on."""
    file = folder.path / _FILE
    done: dict[str, str] = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    if step not in done:
        done[step] = do()
        folder.write_json(_FILE, done)
    return done[step]
