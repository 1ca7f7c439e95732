"""What the test server does with one request: answer, or fail in a chosen way."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, kw_only=True)
class ToolUse:
    """A tool call of an answer."""

    name: str
    arguments: str | Mapping[str, Any]
    """JSON text, sent as it stands, or a mapping."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A good answer, as far as the protocol goes."""

    text: str = ""
    tools: tuple[ToolUse, ...] = ()
    finish: str | None = None
    """None: `tool_calls` with tools, `length` where max_tokens cut the text, else `stop`."""
    refusal: str = ""
    others: tuple[str, ...] = ()
    """Texts of the second and further candidates."""
    cached_tokens: int = 0
    has_usage: bool = True


@dataclass(frozen=True, kw_only=True)
class Status:
    """An HTTP error instead of an answer."""

    status: int
    message: str = "scripted failure"
    code: str | None = None
    param: str | None = None
    kind: str = "error"
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None
    """Sent as it stands instead of a JSON error."""


@dataclass(frozen=True, kw_only=True)
class CutStream:
    """The answer begins and does not end."""

    after: int = 2
    """Chunks sent before."""
    how: str = "close"
    """`close`: the connection closes in the middle; `reset`: it is reset; `end`: a proper end without finish reason."""


@dataclass(frozen=True, kw_only=True)
class Stall:
    """The answer begins, and the rest never comes; the connection stays open."""

    after: int = 0
    """Chunks sent before; 0 sends not even the status."""


@dataclass(frozen=True, kw_only=True)
class Raw:
    """Bytes of our own under status 200."""

    body: str
    content_type: str = "text/event-stream"
    missing_bytes: int = 0
    """How many more bytes are promised than sent before the connection closes."""


@dataclass(frozen=True, kw_only=True)
class MidStreamError:
    """An error object among the chunks."""

    error: Mapping[str, Any]
    after: int = 2


Fault: TypeAlias = Status | CutStream | Stall | Raw | MidStreamError
Reply: TypeAlias = str | dict[str, Any] | list[Any] | Answer
"""Text; a JSON value, sent as text or as the arguments of a forced tool call; or an `Answer` in full."""
ReplyFunction: TypeAlias = Callable[[dict[str, Any]], Reply | Fault]
Step: TypeAlias = Reply | Fault | ReplyFunction | None
"""None is the reply that the server's reply function gives."""

FAULTS: Mapping[str, Fault] = {
    "rate_limit": Status(status=429, message="slow down", code="rate_limit_exceeded", headers={"retry-after-ms": "10"}),
    "server_error": Status(status=500, message="the server had an error"),
    "overloaded": Status(status=529, message="overloaded", headers={"retry-after-ms": "10"}),
    "cut": CutStream(),
    "reset": CutStream(how="reset"),
    "end": CutStream(how="end"),
    "stall": Stall(after=1),
    "not_json": Raw(body="data: {not json\n\ndata: [DONE]\n\n"),
    "empty": Raw(body="data: [DONE]\n\n"),
    "no_choices": Raw(body='data: {"id": "x", "object": "chat.completion.chunk"}\n\ndata: [DONE]\n\n'),
    "html": Raw(body="<html>It works!</html>", content_type="text/html"),
}
"""Faults by name, as the command line takes them; `wrong_schema` beside them answers with JSON that fits nothing."""

WRONG_SCHEMA = Answer(text='{"nobody": "asked for this"}')


class Script:
    """Hands out one step per request: the scripted ones first, then random faults, then replies.

    Args:
        steps: For the first requests, in order.
        faults: Names out of `FAULTS`, or `wrong_schema`, that befall later requests.
        rate: Part of the later requests that a fault befalls.
        seed: Of the draw.
        most: Most faults in a row, so that a bounded number of retries always gets through.
    """

    def __init__(self, steps: Iterable[Step] = (), *, faults: Iterable[str] = (), rate: float = 0.3, seed: int = 0, most: int = 2) -> None:
        self._steps = list(steps)
        self._faults = [WRONG_SCHEMA if name == "wrong_schema" else FAULTS[name] for name in faults]
        self._rate = rate
        self._random = random.Random(seed)  # noqa: S311 - faults, no secrets
        self._most = most
        self._in_a_row = 0

    def next(self) -> Step:
        """What becomes of the next request."""
        if self._steps:
            return self._steps.pop(0)
        if self._faults and self._in_a_row < self._most and self._random.random() < self._rate:
            self._in_a_row += 1
            return self._random.choice(self._faults)
        self._in_a_row = 0
        return None
