"""The two ways to a server: a child process with a clean environment, or streamable HTTP."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metagpt.actions.mcp.last_words import LastWords
from metagpt.actions.mcp.settings import McpServerSettings
from metagpt.actions.workspace import Workspace

if TYPE_CHECKING:
    import httpx2
    from mcp.client.stdio import StdioServerParameters

__all__ = ["MOST_BYTES", "http_transport", "stdio_transport"]

MOST_BYTES = 8 << 20
"""Largest body of one HTTP answer that is no stream of events; the library bounds each of those."""

_WORKSPACE = "{workspace}"
_GUARD = Path(__file__).with_name("guard.py")


def stdio_transport(settings: McpServerSettings, workspace: Workspace, words: LastWords) -> AbstractAsyncContextManager[Any]:
    """A child process that is spoken to by its standard input and output; ended with this context, and with this process.

    Any: the library's pair of streams.
    """
    from mcp.client.stdio import stdio_client

    return stdio_client(stdio_parameters(settings, workspace), errlog=words.file)


def stdio_parameters(settings: McpServerSettings, workspace: Workspace) -> StdioServerParameters:
    """The command line and environment; the library adds HOME, LOGNAME, PATH, SHELL, TERM and USER, and nothing else."""
    from mcp.client.stdio import StdioServerParameters

    words = [word.replace(_WORKSPACE, str(workspace.path)) if _WORKSPACE in word else word for word in settings.command]
    if sys.platform == "linux":
        words = [sys.executable, "-I", "-S", "-B", str(_GUARD), str(os.getpid()), *words]
    return StdioServerParameters(command=words[0], args=words[1:], env=settings.environment(), cwd=settings.cwd)


@asynccontextmanager
async def http_transport(settings: McpServerSettings) -> AsyncIterator[Any]:
    """A server reached by HTTP; redirects stay within its origin, and every answer is bounded."""
    import httpx2
    from mcp.client.streamable_http import streamable_http_client

    waits = httpx2.Timeout(settings.start_timeout_s, read=None)  # how long an answer may take is bounded where it is asked for
    async with (
        httpx2.AsyncClient(headers=settings.request_headers(), timeout=waits, event_hooks={"response": [_bound]}) as client,
        streamable_http_client(settings.url, http_client=client) as streams,
    ):
        yield streams


async def _bound(response: httpx2.Response) -> None:
    """Have the answer end with an error where it grows too large."""
    if "text/event-stream" not in response.headers.get("content-type", ""):
        response.stream = _bounded_stream(response.stream)


def _bounded_stream(stream: Any) -> Any:  # Any: httpx2 is imported at first use, and so are its classes
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            seen = 0
            async for chunk in stream:
                seen += len(chunk)
                if seen > MOST_BYTES:
                    raise httpx2.ReadError(f"the answer is longer than {MOST_BYTES} bytes")
                yield chunk

        async def aclose(self) -> None:
            await stream.aclose()

    return Bounded()
