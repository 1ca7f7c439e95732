"""An MCP server made with the mcp package: over standard input and output when it is run, over HTTP in `serving`."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel

server = MCPServer("plain")


class Sum(BaseModel):
    total: int


@server.tool()
def add(a: int, b: int) -> Sum:
    """Add two numbers."""
    return Sum(total=a + b)


@server.tool(structured_output=False)
def repeat(text: str, times: int = 1) -> str:
    """Say a text several times."""
    return text * times


@server.tool()
def fail(why: str) -> str:
    """Fail."""
    raise ToolError(why)


@server.tool(structured_output=False)
def picture() -> Image:
    """Draw a dot."""
    return Image(data=base64.b64decode("iVBORw0KGgo="), format="png")


@server.tool(structured_output=False)
def caller(ctx: Context) -> str:
    """Say who calls."""
    said = (ctx.headers or {}).get("authorization", "nobody")
    return f"{said} ({len(said)} letters)"


@server.resource("plain://handbook")
def handbook() -> str:
    """What the house does."""
    return "Kettles are descaled on Mondays."


@server.resource("plain://rooms/{room}")
def room(room: str) -> str:
    """Who sits in a room."""
    return f"In room {room} sits nobody."


@server.prompt()
def greet(name: str) -> str:
    """How to greet somebody."""
    return f"Greet {name} in one line."


@contextmanager
def serving() -> Iterator[str]:
    """The server's address, while a thread serves it by streamable HTTP."""
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(server.streamable_http_app(stateless_http=True, json_response=True), log_level="error", ws="none")
        running = uvicorn.Server(config)
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/mcp"
        finally:
            running.should_exit = True
            thread.join(10)


if __name__ == "__main__":
    server.run()
