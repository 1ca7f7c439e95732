"""What a server writes to its standard error: read all the time, and the end of it kept for error messages."""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import TextIO

__all__ = ["LastWords"]

_KEPT_BYTES = 2_000
_JOIN_S = 1.0


class LastWords:
    """A pipe whose end is remembered; `file` is what a process is given to write to."""

    def __init__(self) -> None:
        self._end = b""

    def __enter__(self) -> LastWords:
        reading, writing = os.pipe()
        self.file: TextIO = os.fdopen(writing, "w", encoding="utf-8")
        self._reader = threading.Thread(target=self._read, args=(reading,), name="mcp-stderr", daemon=True)
        self._reader.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.file.close()
        self._reader.join(_JOIN_S)  # a process that got away may hold the other end for ever

    def _read(self, reading: int) -> None:
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            while chunk := pipe.read(65_536):
                self._end = (self._end + chunk)[-_KEPT_BYTES:]

    @property
    def text(self) -> str:
        """The last of it, on one line."""
        return " / ".join(line.strip() for line in self._end.decode(errors="replace").splitlines() if line.strip())[-400:]
