"""One request to a chat completions server: asked in the best form it takes, answered in chunks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from metagpt.errors import ContextOverflowError, ModelError, RefusedError
from metagpt.models.capabilities import Server, lesson_of, refused_by, remember_refusal
from metagpt.models.faults import FaultReport, refusal_of
from metagpt.models.interface import ModelRequest
from metagpt.models.wire import WireRequest, wire_request

if TYPE_CHECKING:
    from openai import APIError, AsyncOpenAI, AsyncStream

__all__ = ["Exchange"]


@dataclass(frozen=True)
class _Failure:
    """Handed back instead of raised: an error raised in an except block drags the client's exception along, key and all."""

    error: ModelError
    lesson: str | None = None
    """The feature of the request that the server refused."""


class _EndOfStream:
    """Stands for the end, beside chunks that may be any JSON."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """How the requests of one model are performed on one open client."""

    client: AsyncOpenAI
    server: Server
    limit_name: str
    """What the server calls the limit on an answer's tokens, as far as one can guess before asking."""
    faults: FaultReport
    deadline: float
    """For the whole answer, on the loop's clock."""
    timeout_s: float
    """What the deadline was made from."""
    stall_timeout_s: float
    """Longest silence within a stream."""

    async def begin(self, request: ModelRequest) -> tuple[WireRequest, AsyncGenerator[object, None]]:
        """Send `request`; what was sent in the end, and the chunks of the reply.

        Raises:
            ModelError: The server cannot be reached, or refused for another reason than the form of the request.
        """
        while True:
            refused = refused_by(self.server)
            wire = wire_request(request, self.server[1], refused=refused, limit_name=self.limit_name)
            answer = await self._send(wire)
            if not isinstance(answer, _Failure):
                return wire, self._chunks(answer)
            if answer.lesson is None or answer.lesson in refused:
                raise answer.error
            remember_refusal(self.server, answer.lesson)

    async def _send(self, wire: WireRequest) -> AsyncStream[object] | object | _Failure:
        from openai import APIError, AsyncStream, Timeout

        streams = "stream" in wire.body
        silence_s = self.stall_timeout_s if streams else self.timeout_s
        try:
            async with asyncio.timeout_at(self.deadline):
                # raw JSON instead of the client's classes: those let missing and wrong fields pass unseen
                return await self.client.post(
                    "/chat/completions",
                    cast_to=object,
                    body=wire.body,
                    options={"timeout": Timeout(silence_s, connect=min(10.0, silence_s), pool=None)},
                    stream=streams,
                    stream_cls=AsyncStream[object],
                )
        except TimeoutError:
            return _Failure(self._overdue())
        except APIError as error:
            return self._failure(error, wire)
        except ValueError as error:
            return _Failure(self.faults.of(error))

    def _failure(self, error: APIError, wire: WireRequest) -> _Failure:
        fault = self.faults.of(error)
        if isinstance(fault, (ContextOverflowError, RefusedError)):
            return _Failure(fault)
        return _Failure(fault, lesson_of(refusal_of(error), wire.body, wire.schema_id))

    async def _chunks(self, answer: AsyncStream[object] | object) -> AsyncGenerator[object, None]:
        from openai import AsyncStream

        if not isinstance(answer, AsyncStream):
            yield answer
            return
        try:
            if "application/json" in answer.response.headers.get("content-type", ""):
                remember_refusal(self.server, "stream")  # asked to stream, it did not
                yield _raised(await self._whole(answer))
                return
            while not isinstance(chunk := _raised(await self._next(answer)), _EndOfStream):
                yield chunk
        finally:
            await answer.close()

    async def _next(self, stream: AsyncStream[object]) -> object:
        from openai import APIError

        try:
            async with asyncio.timeout_at(self.deadline):
                return await anext(stream, _EndOfStream())
        except TimeoutError:
            return _Failure(self._overdue())
        except (APIError, ValueError) as error:
            return _Failure(self.faults.of(error))

    async def _whole(self, stream: AsyncStream[object]) -> object:
        """The reply of a server that was asked to stream and sent one JSON object."""
        try:
            async with asyncio.timeout_at(self.deadline):
                return json.loads(await stream.response.aread())
        except TimeoutError:
            return _Failure(self._overdue())
        except (_transport_error(stream.response), ValueError) as error:
            return _Failure(self.faults.of(error))

    def _overdue(self) -> ModelError:
        return self.faults.timeout(f"no whole answer within {self.timeout_s:g} s")


def _transport_error(response: object) -> type[Exception]:
    """The root of what the transport raises; which library that is depends on the client's version."""
    transport = import_module(type(response).__module__.partition(".")[0])
    root: type[Exception] = transport.HTTPError
    return root


def _raised(chunk: object) -> object:
    if isinstance(chunk, _Failure):
        raise chunk.error
    return chunk
