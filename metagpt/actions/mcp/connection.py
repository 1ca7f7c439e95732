"""An open connection to a server: every request is timed, and every way it can fail is an error of ours."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from metagpt.actions.mcp.last_words import LastWords
from metagpt.actions.mcp.results import cut
from metagpt.actions.mcp.settings import McpServerSettings
from metagpt.errors import ActionError, ActionServerError
from metagpt.masking import Mask

if TYPE_CHECKING:
    from mcp import Client

__all__ = ["Connection", "faults", "gone"]

T = TypeVar("T")


class Connection:
    """The library's client with a name, limits and words for its errors."""

    def __init__(self, name: str, settings: McpServerSettings, client: Client, words: LastWords) -> None:
        self.name = name
        self.settings = settings
        self.client = client
        self.words = words
        self._mask = Mask(settings.secrets())

    async def request(self, owner: str, ask: Callable[[Client], Awaitable[T]]) -> T:
        """The server's answer.

        Raises:
            ActionServerError: it has died, stalls, or answers nonsense.
            ActionError: it refuses.
        """
        from mcp import MCPError
        from mcp_types import CONNECTION_CLOSED

        try:
            async with asyncio.timeout(self.settings.timeout_s):
                return await ask(self.client)
        except TimeoutError as error:
            raise ActionServerError(
                f"{owner}: found no answer of MCP server {self.name!r} within {self.settings.timeout_s:g} s; expected one."
                f" Ask for less, or raise timeout_s in [mcp.{self.name}]."
            ) from error
        except MCPError as error:
            if error.code == CONNECTION_CLOSED:
                raise gone(owner, self.name, self.words, self.mask) from error
            raise ActionError(
                f"{owner}: MCP server {self.name!r} refuses; it says (untrusted): {cut(self.mask(error.message), 1_000)!r}."
            ) from error
        except ValidationError as error:
            raise ActionServerError(
                f"{owner}: found an answer of MCP server {self.name!r} that breaks the protocol ({_first_fault(error)});"
                " expected a valid one. Report it to whoever makes the server."
            ) from error
        except faults() as error:
            if isinstance(error, RuntimeError) and "content" in str(error):  # a result that its own schema does not allow
                said = cut(self.mask(str(error)), 300)
                raise ActionServerError(f"{owner}: MCP server {self.name!r} breaks its own schema ({said!r}).") from error
            raise gone(owner, self.name, self.words, self.mask) from error

    def mask(self, text: str) -> str:
        """The text without the secrets that the server was given."""
        return self._mask.text(text)

    def masked(self, value: Any) -> Any:  # Any: JSON values
        """The same for JSON values."""
        return None if value is None else json.loads(self.mask(json.dumps(value)))


def _first_fault(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def gone(owner: str, name: str, words: LastWords, mask: Callable[[str], str]) -> ActionServerError:
    """The server has ended, or cannot be spoken to any more."""
    said = f" Its last words: {mask(words.text)!r}." if words.text else ""
    return ActionServerError(
        f"{owner}: found MCP server {name!r} gone; expected it to answer.{said} Do without it; it is started again when the run is resumed."
    )


def faults() -> tuple[type[BaseException], ...]:
    """What the library raises where a connection breaks."""
    import anyio
    import httpx2
    from mcp import MCPError

    return (
        MCPError,
        OSError,
        RuntimeError,
        ValueError,
        ExceptionGroup,
        anyio.BrokenResourceError,
        anyio.ClosedResourceError,
        httpx2.HTTPError,
    )
