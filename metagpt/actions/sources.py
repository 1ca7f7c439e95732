"""Sources of actions: servers and the like, opened when a run first needs their actions and closed at its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from metagpt.actions.interface import Action, as_action
from metagpt.actions.workspace import Workspace

__all__ = ["ActionSource", "OpenSources"]

_CLOSING_S = 15.0
"""How long a source may take to close before it is cancelled, which it hears as an exception."""

_log = logging.getLogger("metagpt.actions")


@runtime_checkable
class ActionSource(Protocol):
    """Something that has actions to offer while it is open; equal sources are opened once per run, whatever roles have them."""

    name: str

    def check(self) -> None:
        """Look whether it could be opened, without opening it; before a run spends anything.

        Raises:
            ConfigError: it could not.
        """
        ...

    def open(self, workspace: Workspace) -> AbstractAsyncContextManager[Sequence[Action]]:
        """Open it for one run; entered and left in one task.

        Raises:
            ActionServerError: on entering, if it does not open.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Held:
    source: ActionSource
    ready: asyncio.Future[tuple[Action, ...]]
    task: asyncio.Task[None]


class OpenSources:
    """The open sources of one run.

    Each is held open by a task of its own: who asks for actions may be cancelled without closing them for the others.
    """

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._held: list[_Held] = []
        self._closing = asyncio.Event()

    async def actions(self, sources: Sequence[ActionSource]) -> tuple[Action, ...]:
        """All actions of these sources, which are opened where they are not open yet.

        Raises:
            ActionServerError: a source does not open; asked for again, it is tried again.
        """
        opening = [self._hold(source) for source in sources]
        return tuple([action for held in opening for action in await asyncio.shield(held.ready)])

    def _hold(self, source: ActionSource) -> _Held:
        for held in self._held:
            if held.source == source:
                return held
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[tuple[Action, ...]] = loop.create_future()
        ready.add_done_callback(lambda done: done.cancelled() or done.exception())  # whoever asked may be gone
        held = _Held(source, ready, loop.create_task(self._keep(source, ready)))
        self._held.append(held)
        return held

    async def _keep(self, source: ActionSource, ready: asyncio.Future[tuple[Action, ...]]) -> None:
        try:
            async with source.open(self._workspace) as actions:
                ready.set_result(tuple(as_action(each) for each in actions))
                await self._closing.wait()
        except BaseException as error:
            if not ready.done():
                self._held = [held for held in self._held if held.ready is not ready]
                ready.set_exception(error if isinstance(error, Exception) else asyncio.CancelledError())
                return
            if not isinstance(error, Exception):
                raise
            _log.warning(
                "source %r: closed with %s: %s", source.name, type(error).__name__, error
            )  # its actions have failed, or none was asked

    async def close(self) -> None:
        """Close them all, whatever becomes of it."""
        self._closing.set()
        tasks = [held.task for held in self._held]
        for limit_s in (_CLOSING_S, _CLOSING_S):
            if not tasks:
                return
            _, late = await asyncio.wait(tasks, timeout=limit_s)
            tasks = list(late)
            for task in tasks:
                task.cancel()
