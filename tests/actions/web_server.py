"""A web server of this process for tests: canned answers by path, and what was asked of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

__all__ = ["Server", "page", "redirect", "serving"]


@dataclass
class Server:
    port: int = 0
    pages: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """Each request's head."""

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


def page(body: str | bytes, *, kind: str = "text/plain; charset=utf-8", status: str = "200 OK", headers: str = "") -> bytes:
    content = body.encode() if isinstance(body, str) else body
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(content)}\r\n{headers}\r\n".encode() + content


def redirect(place: str, status: str = "302 Found") -> bytes:
    return f"HTTP/1.1 {status}\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n".encode()


@asynccontextmanager
async def serving(pages: dict[str, bytes] | None = None) -> AsyncIterator[Server]:
    """A server on loopback; a page that is empty is never answered."""
    server = Server(pages=dict(pages or {}))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            server.asked.append(head)
            content = server.pages.get(head.split()[1], page("nothing here", status="404 Not Found"))
            writer.write(content)
            await writer.drain()
            if not content:
                await reader.read()  # until the client gives up
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server
