"""A real chat completions server on the loopback, for tests: it answers by script, fails by script, and counts.

In a test, in an async or a plain one (the server lives in a thread of its own):

    async with FaultServer(script=[Status(status=500), "Hello."]) as server:
        model = OpenAICompatibleModel("test-model", base_url=server.url)
        ...
        assert len(server.requests) == 2

Steps are texts, JSON values, `Answer`s, faults, functions from the request's JSON to a reply or fault, or None for the reply
function `reply`. After the script come the reply function and, with `faults=[...]`, seeded random faults. `refuses`
names features of the protocol that the server answers with a 400, as servers do that lack them.

As a process of its own, which prints its URL on the first line and ends when its input is closed:

    python -m tests.models.fault_server --port 0 --seed 3 --faults cut,rate_limit --rate 0.3 --replies tests.cli.replies:reply

`GET /requests` tells what a server in another process has seen: {"count": ..., "requests": [...]}.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import socket
import struct
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from tests.models.chat_protocol import Completion, answer_to, example_reply
from tests.models.fault_script import (
    FAULTS,
    Answer,
    CutStream,
    MidStreamError,
    Raw,
    Reply,
    ReplyFunction,
    Script,
    Stall,
    Status,
    Step,
    ToolUse,
)

__all__ = [
    "FAULTS",
    "Answer",
    "CutStream",
    "FaultServer",
    "MidStreamError",
    "Raw",
    "Reply",
    "ReplyFunction",
    "SeenRequest",
    "Stall",
    "Status",
    "Step",
    "ToolUse",
]


@dataclass(frozen=True, kw_only=True)
class SeenRequest:
    """A request that came in."""

    body: dict[str, Any]
    headers: dict[str, str]
    """With lower-case names."""
    outcome: str
    """`answer`, `refused`, or the name of the fault's class."""


class FaultServer:
    """Chat completions on 127.0.0.1.

    Replies are made in the server's own thread.

    Args:
        script: Steps for the first requests.
        reply: Replies to all others; by default the smallest value that fits the schema asked for, or a sentence.
        faults: Names of faults that befall requests after the script, seeded by `seed`.
        rate: Part of the requests that a random fault befalls.
        most_in_a_row: Most random faults one after the other.
        refuses: Keys of the request's body that are answered with a 400.
        ignores_stream: Whether streaming is silently not done.
        api_key: Demanded of every request; None demands none.
        port: 0 takes a free one.
    """

    def __init__(
        self,
        script: Iterable[Step] = (),
        *,
        reply: ReplyFunction = example_reply,
        faults: Iterable[str] = (),
        rate: float = 0.3,
        seed: int = 0,
        most_in_a_row: int = 2,
        refuses: Iterable[str] = (),
        ignores_stream: bool = False,
        api_key: str | None = None,
        port: int = 0,
    ) -> None:
        self.requests: list[SeenRequest] = []
        self.url = ""
        self.in_flight = 0
        self.most_in_flight = 0
        """Most requests that were being answered at once."""
        self._script = Script(script, faults=faults, rate=rate, seed=seed, most=most_in_a_row)
        self._reply = reply
        self._refuses = frozenset(refuses)
        self._ignores_stream = ignores_stream
        self._api_key = api_key
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._serve, name="fault-server", daemon=True)
        self._started = threading.Event()
        self._failure: OSError | None = None

    def start(self) -> None:
        """Listen; `url` is known afterwards."""
        self._thread.start()
        self._started.wait()
        if self._failure is not None:
            raise self._failure

    def close(self) -> None:
        """Drop all connections and stop."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def __enter__(self) -> FaultServer:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self.close()

    async def __aenter__(self) -> FaultServer:
        self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        await asyncio.to_thread(self.close)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            server = self._loop.run_until_complete(asyncio.start_server(self._accept, "127.0.0.1", self._port))
        except OSError as error:
            self._failure = error
            self._started.set()
            return
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        self._started.set()
        self._loop.run_forever()
        server.close()
        for task in self._connections:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*self._connections, return_exceptions=True))
        self._loop.run_until_complete(asyncio.sleep(0))  # transports close in callbacks
        self._loop.close()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            while await self._handle_one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client left
        except asyncio.CancelledError:
            pass  # the server is being closed
        finally:
            self._connections.discard(task)
            writer.close()

    async def _handle_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection may be used again."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        content = await reader.readexactly(int(headers.get("content-length", "0")))
        wire = _Wire(writer)
        if path == "/requests":
            await wire.send_json(200, {"count": len(self.requests), "requests": [seen.body for seen in self.requests]})
            return True
        if path == "/v1/models":
            await wire.send_json(200, {"object": "list", "data": [{"id": "test-model", "object": "model"}]})
            return True
        if (method, path) != ("POST", "/v1/chat/completions"):
            await wire.send_json(404, {"error": {"message": f"no such path: {path}", "code": None}})
            return True
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            return await self._complete(json.loads(content), headers, reader, wire)
        finally:
            self.in_flight -= 1

    async def _complete(self, request: dict[str, Any], headers: dict[str, str], reader: asyncio.StreamReader, wire: _Wire) -> bool:
        refusal = self._refusal(request, headers)
        step: Step = refusal or self._script.next()
        if step is None:
            step = self._reply
        if callable(step):
            step = step(request)
        is_fault = isinstance(step, (Status, CutStream, Stall, Raw, MidStreamError))
        outcome = "refused" if refusal else type(step).__name__ if is_fault else "answer"
        self.requests.append(SeenRequest(body=request, headers=headers, outcome=outcome))
        match step:
            case Status():
                await wire.send_status(step)
                return True
            case Raw():
                await wire.send(200, step.content_type, step.body.encode(), missing_bytes=step.missing_bytes)
                return step.missing_bytes == 0
            case CutStream() | Stall() | MidStreamError():
                await self._break(step, request, reader, wire)
                return isinstance(step, MidStreamError) or (isinstance(step, CutStream) and step.how == "end")
            case _:
                completion = Completion(request=request, answer=answer_to(request, step))
                await self._send(completion, wire)
                return True

    def _refusal(self, request: dict[str, Any], headers: dict[str, str]) -> Status | None:
        sent = headers.get("authorization", "").removeprefix("Bearer ")
        if self._api_key is not None and sent != self._api_key:
            return Status(
                status=401, message=f"Incorrect API key provided: {sent}. You can find your key elsewhere.", code="invalid_api_key"
            )
        for feature in sorted(self._refuses):
            if request.get(feature):
                return Status(
                    status=400, message=f"{feature!r} is not supported by this model", kind="invalid_request_error", param=feature
                )
        return None

    async def _send(self, completion: Completion, wire: _Wire) -> None:
        if not completion.request.get("stream") or self._ignores_stream:
            await wire.send_json(200, completion.whole())
            return
        await wire.begin_stream()
        for chunk in completion.chunks():
            await wire.send_event(json.dumps(chunk))
        await wire.send_event("[DONE]")
        await wire.end_stream()

    async def _break(
        self, fault: CutStream | Stall | MidStreamError, request: dict[str, Any], reader: asyncio.StreamReader, wire: _Wire
    ) -> None:
        if isinstance(fault, Stall) and fault.after == 0:
            await reader.read()  # until the client leaves
            return
        chunks = list(Completion(request=request, answer=answer_to(request, example_reply(request))).chunks())
        await wire.begin_stream()
        for chunk in chunks[: fault.after]:
            await wire.send_event(json.dumps(chunk))
        match fault:
            case Stall():
                await reader.read()
            case MidStreamError():
                await wire.send_event(json.dumps({"error": fault.error}))
                await wire.end_stream()
            case CutStream(how="end"):
                await wire.end_stream()
            case CutStream(how="reset"):
                wire.reset()


class _Wire:
    """HTTP/1.1 out of one connection."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def send(
        self, status: int, content_type: str, content: bytes, headers: Iterable[tuple[str, str]] = (), *, missing_bytes: int = 0
    ) -> None:
        extra = "".join(f"{name}: {value}\r\n" for name, value in headers)
        head = f"HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {len(content) + missing_bytes}\r\n{extra}\r\n"
        self._writer.write(head.encode() + content)
        await self._writer.drain()

    async def send_json(self, status: int, value: object, headers: Iterable[tuple[str, str]] = ()) -> None:
        await self.send(status, "application/json", json.dumps(value).encode(), headers)

    async def send_status(self, fault: Status) -> None:
        if fault.text is not None:
            await self.send(fault.status, "text/html", fault.text.encode(), fault.headers.items())
            return
        error = {"message": fault.message, "type": fault.kind, "param": fault.param, "code": fault.code}
        await self.send_json(fault.status, {"error": error}, fault.headers.items())

    async def begin_stream(self) -> None:
        self._writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        await self._writer.drain()

    async def send_event(self, text: str) -> None:
        event = f"data: {text}\n\n".encode()
        self._writer.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        await self._writer.drain()

    async def end_stream(self) -> None:
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    def reset(self) -> None:
        connection = self._writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing sends RST, not FIN
        self._writer.transport.abort()


def main(arguments: list[str]) -> None:
    """Serve until the input is closed."""
    parser = argparse.ArgumentParser(prog="python -m tests.models.fault_server")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--faults", default="", help=f"of {', '.join(FAULTS)}, wrong_schema; separated by commas")
    parser.add_argument("--rate", type=float, default=0.3, help="part of the requests that a fault befalls")
    parser.add_argument("--refuses", default="", help="keys of the request's body that are refused; separated by commas")
    parser.add_argument("--replies", default="", help="MODULE:FUNCTION from a request's JSON to a reply")
    chosen = parser.parse_args(arguments)
    module, _, function = chosen.replies.partition(":")
    server = FaultServer(
        reply=getattr(importlib.import_module(module), function) if module else example_reply,
        faults=filter(None, chosen.faults.split(",")),
        rate=chosen.rate,
        seed=chosen.seed,
        refuses=filter(None, chosen.refuses.split(",")),
        port=chosen.port,
    )
    with server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(sys.argv[1:])
