"""JSON lines: a run for programs. Every line is one event; the last is `run_ended`."""

from __future__ import annotations

import json
import sys
from typing import Any, TextIO

from metagpt.events import Event

__all__ = ["JsonDisplay"]


class JsonDisplay:
    """Writes each event as one line of JSON, at once."""

    def __init__(self, file: TextIO | None = None) -> None:
        self._file = file or sys.stdout

    def __enter__(self) -> JsonDisplay:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, event: Event) -> None:
        """Write one event."""
        self._write(event.as_json())

    def _write(self, values: dict[str, Any]) -> None:
        print(json.dumps(values, allow_nan=False, default=str), file=self._file, flush=True)
