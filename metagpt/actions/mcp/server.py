"""A server as a source of actions: started or reached once per run, and closed at its end."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from metagpt.actions.mcp.catalogue import McpAction, offered_actions
from metagpt.actions.mcp.connection import Connection, faults
from metagpt.actions.mcp.last_words import LastWords
from metagpt.actions.mcp.results import cut
from metagpt.actions.mcp.settings import McpServerSettings, configured
from metagpt.actions.mcp.transport import http_transport, stdio_transport
from metagpt.actions.workspace import Workspace
from metagpt.errors import ActionServerError, ConfigError
from metagpt.masking import Mask

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["McpServer"]


@dataclass(frozen=True)
class McpServer:
    """One server.

    Args:
        name: What its actions' names begin with, and the table [mcp.NAME] that says what it is.
        settings: The same said by the application itself; None has the user's settings say it.
    """

    name: str
    settings: McpServerSettings | None = None
    _read: list[McpServerSettings] = field(default_factory=list, init=False, repr=False, compare=False)
    """The user's settings as they were when the last run began: what an action changes since then starts nothing."""

    def check(self) -> None:
        """Look whether it could be started or reached, without doing so; the user's settings are read here, and here alone.

        Raises:
            ConfigError: the extra, its table, its program or a variable is missing.
        """
        settings = self.settings or configured(self.name)
        self._read[:] = [settings]
        if find_spec("mcp") is None:
            raise ConfigError(f"action 'mcp:{self.name}': found no package mcp; expected the extra. Run: pip install \"metagpt[mcp]\".")
        missing = [name for name in settings.variables() if name not in os.environ]
        if missing:
            raise ConfigError(
                f"[mcp.{self.name}]: found no variable {missing[0]!r}; expected it in the environment. Set it, or leave it out."
            )
        if settings.command and shutil.which(settings.command[0]) is None:
            raise ConfigError(
                f"[mcp.{self.name}]: found no program {settings.command[0]!r}; expected it on the PATH. Install it, or name its path."
            )

    @asynccontextmanager
    async def open(self, workspace: Workspace) -> AsyncIterator[tuple[McpAction, ...]]:
        """The server's actions, for as long as the context lasts.

        Raises:
            ActionServerError: it does not start, cannot be reached, or makes no sense.
            ConfigError: the settings are wrong.
        """
        if not self._read:  # a run has done so before anything else
            self.check()
        settings = self._read[0]
        raised: BaseException | None = None
        with LastWords() as words:
            async with AsyncExitStack() as stack:
                try:
                    client = await self._connect(stack, settings, workspace, words)
                    yield await offered_actions(Connection(self.name, settings, client, words))
                except BaseException as error:  # noqa: BLE001 - raised below: the library's task groups would wrap it
                    raised = error
        if raised is not None:
            raise raised

    async def _connect(self, stack: AsyncExitStack, settings: McpServerSettings, workspace: Workspace, words: LastWords) -> Client:
        from mcp import Client
        from mcp_types import Implementation

        transport = http_transport(settings) if settings.url else stdio_transport(settings, workspace, words)
        client = Client(transport, client_info=Implementation(name="metagpt", version=version("metagpt")), cache=None)
        try:
            async with asyncio.timeout(settings.start_timeout_s):
                return await stack.enter_async_context(client)
        except TimeoutError as error:
            problem = f"no answer within {settings.start_timeout_s:g} s"
            raise self._failed(problem, settings, words) from error
        except faults() as error:
            raise self._failed(_told(error), settings, words) from error

    def _failed(self, problem: str, settings: McpServerSettings, words: LastWords) -> ActionServerError:
        mask = Mask(settings.secrets()).text
        what = settings.url or repr(settings.command[0])
        said = f" Its last words: {mask(words.text)!r}." if words.text else ""
        return ActionServerError(
            f"mcp:{self.name}: found {what} that does not start ({mask(problem)}); expected an MCP server.{said} Mend [mcp.{self.name}]."
        )


def _told(error: BaseException) -> str:
    """The first cause in a group, shortly."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {cut(str(error), 300)}"
