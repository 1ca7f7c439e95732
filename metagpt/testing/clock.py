"""Time that tests do not wait for."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from typing import Any

__all__ = ["FakeClock"]


class FakeClock:
    """Time that stands still until everybody waits, and then jumps to the next who wakes.

    For runs on scripted models: waiting for a socket or a thread counts as everybody waiting.

    Args:
        start: The time to begin with, in seconds since 1970 UTC.
    """

    def __init__(self, start: float = 1_000_000.0) -> None:
        self._now = start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._jumps_in: asyncio.AbstractEventLoop | None = None

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        wakes: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), wakes))
        if self._jumps_in is not loop:  # none yet, or one that was closed while somebody slept
            self._jumps_in = loop
            loop.call_soon(self._jump_when_idle, loop)
        await wakes

    def _jump_when_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        if any(not _is_jump(handle) for handle in getattr(loop, "_ready", ())):  # others can go on without time passing
            loop.call_soon(self._jump_when_idle, loop)
            return
        while self._sleepers:
            at, _, wakes = heapq.heappop(self._sleepers)
            if not wakes.done() and not wakes.get_loop().is_closed():
                self._now = max(self._now, at)
                wakes.set_result(None)
                break
        self._jumps_in = loop if self._sleepers else None
        if self._sleepers:
            loop.call_soon(self._jump_when_idle, loop)


def _is_jump(handle: Any) -> bool:  # Any: asyncio keeps a handle's callback to itself
    """Whether it is some fake clock that waits for the others, too."""
    return getattr(getattr(handle, "_callback", None), "__func__", None) is FakeClock._jump_when_idle
