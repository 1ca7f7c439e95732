"""Ctrl-C: the first asks the run to end and be recorded, the second leaves at once."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Interruption"]


class Interruption:
    """Listens for Ctrl-C inside `with`; outside of `cancels`, it raises KeyboardInterrupt as ever."""

    def __init__(self) -> None:
        self.requested = False
        """Whether a run was asked to end."""
        self._cancel: Callable[[], None] | None = None
        self._before: Callable[[int, FrameType | None], object] | signal.Handlers | int | None = None

    def __enter__(self) -> Interruption:
        is_main = threading.current_thread() is threading.main_thread()
        if is_main and signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # ignored: started in the background
            self._before = signal.signal(signal.SIGINT, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def cancels(self, cancel: Callable[[], None]) -> Iterator[None]:
        """While this is open, Ctrl-C calls `cancel` on the running loop."""
        loop = asyncio.get_running_loop()
        self._cancel = lambda: (loop.call_soon_threadsafe(cancel), None)[1]
        try:
            yield
        finally:
            self._cancel = None

    def _take(self, _signal: int, _frame: FrameType | None) -> None:
        if self._cancel is None or self.requested:
            raise KeyboardInterrupt
        self.requested = True
        self._cancel()
