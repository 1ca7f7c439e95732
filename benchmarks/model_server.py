"""A chat completions server that answers everything after 20 ms: `python -m benchmarks.model_server` prints its port."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["serving"]

DELAY_S = 0.02
ANSWER = json.dumps({"text": "a teapot that never drips on any table"})
USAGE = {"prompt_tokens": 40, "completion_tokens": 12, "total_tokens": 52}


def _whole() -> bytes:
    message = {"role": "assistant", "content": ANSWER}
    body = {
        "id": "chat-1", "object": "chat.completion", "created": 1, "model": "bench", "usage": USAGE,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
    }  # fmt: skip
    return _response("application/json", json.dumps(body).encode())


def _streamed() -> bytes:
    """The answer in pieces of a word, as servers send tokens."""
    words = [f"{word} " for word in ANSWER.split(" ")]
    words[-1] = words[-1].rstrip()
    deltas = [{"role": "assistant", "content": ""}, *({"content": word} for word in words)]
    chunks = [_chunk([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    chunks += [_chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}]), _chunk([]) | {"usage": USAGE}]
    events = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks)
    return _response("text/event-stream", f"{events}data: [DONE]\n\n".encode())


def _chunk(choices: list[dict[str, object]]) -> dict[str, object]:
    return {"id": "chat-1", "object": "chat.completion.chunk", "created": 1, "model": "bench", "choices": choices}


def _response(content_type: str, body: bytes) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (request := self._next_request()) is not None:
            answer = STREAMED if json.loads(request).get("stream") else WHOLE
            asyncio.get_running_loop().call_later(DELAY_S, self._answer, answer)

    def _answer(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)

    def _next_request(self) -> bytes | None:
        """The body of the next whole request."""
        head, separator, rest = self._received.partition(b"\r\n\r\n")
        if not separator:
            return None
        length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
        if len(rest) < length:
            return None
        self._received = rest[length:]
        return rest[:length]


WHOLE, STREAMED = _whole(), _streamed()


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)  # until whoever started it closes the pipe
    os._exit(0)


@contextmanager
def serving() -> Iterator[str]:
    """The base URL of a server in a process of its own, while the block runs."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.model_server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


if __name__ == "__main__":
    asyncio.run(_serve())
