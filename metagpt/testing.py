"""Strict doubles and checks, for our tests and for users': scripted models, a fake clock, crashes on purpose, no network."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import socket
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, TypeAlias

from pydantic import BaseModel
from pydantic_core import to_json

from metagpt.journal.interface import Codec, Journal, Record, RunHeader, RunLog
from metagpt.models.interface import (
    Candidate,
    Delta,
    ModelProfile,
    ModelReply,
    ModelRequest,
    Price,
    TokenUsage,
    ToolCall,
)

__all__ = [
    "Crash",
    "CrashingJournal",
    "FakeClock",
    "FunctionModel",
    "NetworkForbiddenError",
    "ScriptedModel",
    "call",
    "crash_at",
    "data",
    "error",
    "forbid_network",
    "text",
]

_FREE = Price(input=0, output=0)
Step: TypeAlias = ModelReply | BaseException


def _usage(request: ModelRequest, answer: str) -> TokenUsage:
    """A quarter of the characters, as a rule of thumb; the same for the same request."""
    return TokenUsage(input_tokens=sum(len(turn.text) for turn in request.chat) // 4 + 1, output_tokens=len(answer) // 4 + 1)


def text(answer: str, *, usage: TokenUsage | None = None) -> ModelReply:
    """A reply of plain text."""
    return ModelReply(candidates=(Candidate(text=answer),), usage=usage)


def data(*answers: Any, usage: TokenUsage | None = None) -> ModelReply:  # Any: whatever JSON can hold
    """A reply whose candidates are these messages, or other JSON-able values, as JSON."""
    return ModelReply(candidates=tuple(Candidate(text=_as_answer(answer)) for answer in answers), usage=usage)


def _as_answer(answer: Any) -> str:
    return to_json(answer if isinstance(answer, BaseModel | dict) else {"answer": answer}).decode()


_call_numbers = itertools.count(1)


def call(action: str, **arguments: Any) -> ModelReply:
    """A reply that asks for one action."""
    wanted = ToolCall(id=f"call-{next(_call_numbers)}", name=action, arguments=to_json(arguments).decode())
    return ModelReply(candidates=(Candidate(text="", tool_calls=(wanted,), finish="tool_calls"),))


def error(problem: BaseException) -> BaseException:
    """A call that fails so."""
    return problem


class ScriptedModel:
    """A model that answers what the script says, and nothing else.

    A call too many fails, and so does, on leaving the `with` block, a reply never used.

    Args:
        script: Replies in order; or a list of them for each role (`critic`) or call (`critic.review`).
    """

    def __init__(self, script: Sequence[Step] | Mapping[str, Sequence[Step]]) -> None:
        by_name = script if isinstance(script, Mapping) else {"": script}
        self._scripts = {name: deque(steps) for name, steps in by_name.items()}
        self.requests: list[ModelRequest] = []
        """Every request, in order."""
        self.profile = ModelProfile(reference="scripted", price=_FREE)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta | ModelReply]:
        self.requests.append(request)
        step = self._next(request)
        if isinstance(step, BaseException):
            raise step
        answer = step.text
        if answer:
            yield Delta(answer)
        yield step if step.usage else ModelReply(candidates=step.candidates, usage=_usage(request, answer), model="scripted")

    def _next(self, request: ModelRequest) -> Step:
        for name in (request.call, request.call.split(".")[0], ""):
            if name in self._scripts:
                if not self._scripts[name]:
                    raise AssertionError(f"ScriptedModel: found a call too many, {request.call!r}; expected the script to be over. Add a reply, or mend the role.")
                return self._scripts[name].popleft()
        raise AssertionError(f"ScriptedModel: found call {request.call!r}, for which nothing is scripted; expected one of {sorted(self._scripts)}.")

    async def close(self) -> None:
        """Nothing to free."""

    def check(self) -> None:
        """Fail if a reply was never used."""
        left = {name or "the script": len(steps) for name, steps in self._scripts.items() if steps}
        if left:
            raise AssertionError(f"ScriptedModel: found replies never used: {left}; expected all to be asked for. Remove them, or mend the role.")

    def __enter__(self) -> ScriptedModel:
        return self

    def __exit__(self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.check()


class FunctionModel:
    """A model that answers with what a function of the request returns: a reply, text, or a message."""

    def __init__(self, function: Callable[[ModelRequest], Any | Awaitable[Any]], *, profile: ModelProfile | None = None) -> None:
        self._function = function
        self.requests: list[ModelRequest] = []
        """Every request, in order."""
        self.profile = profile or ModelProfile(reference="function", price=_FREE)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta | ModelReply]:
        self.requests.append(request)
        answer = self._function(request)
        if isinstance(answer, Awaitable):
            answer = await answer
        reply = answer if isinstance(answer, ModelReply) else text(answer) if isinstance(answer, str) else data(answer)
        if reply.text:
            yield Delta(reply.text)
        yield reply if reply.usage else ModelReply(candidates=reply.candidates, usage=_usage(request, reply.text), model="function")

    async def close(self) -> None:
        """Nothing to free."""


class FakeClock:
    """Time that stands still until everybody waits, and then jumps to the next who wakes.

    For runs on scripted models: waiting for a socket counts as everybody waiting.
    """

    def __init__(self, start: float = 1_000_000.0) -> None:
        self._now = start
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._is_jumping = False

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        loop = asyncio.get_running_loop()
        wakes: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), wakes))
        if not self._is_jumping:
            self._is_jumping = True
            loop.call_soon(self._jump_when_idle, loop)
        await wakes

    def _jump_when_idle(self, loop: asyncio.AbstractEventLoop) -> None:
        if getattr(loop, "_ready", None):  # others can go on without time passing
            loop.call_soon(self._jump_when_idle, loop)
            return
        while self._sleepers:
            at, _, wakes = heapq.heappop(self._sleepers)
            if not wakes.done():
                self._now = max(self._now, at)
                wakes.set_result(None)
                break
        self._is_jumping = bool(self._sleepers)
        if self._is_jumping:
            loop.call_soon(self._jump_when_idle, loop)


class Crash(BaseException):  # noqa: N818 - it stands for the death of the process, which is no error of anything
    """What a crash on purpose raises: nothing in the package catches it."""


class CrashingJournal:
    """A journal that dies at its n-th append, counted over all runs, before or after it is written.

    Args:
        journal: The journal that keeps what is written.
        at: Which append crashes, from 1; 0 never.
        after_writing: Whether the entries of that append are kept.
    """

    def __init__(self, journal: Journal, at: int, *, after_writing: bool = False) -> None:
        self.durable = journal.durable
        self.appends = 0
        """How many appends were tried so far."""
        self._journal = journal
        self._at = at
        self._after = after_writing

    def create(self, header: RunHeader, codec: Codec) -> RunLog:
        return _CrashingLog(self, self._journal.create(header, codec))

    def open(self, run_id: str, codec: Codec) -> RunLog:
        return _CrashingLog(self, self._journal.open(run_id, codec))

    def runs(self) -> list[RunHeader]:
        return self._journal.runs()

    def records(self, run_id: str) -> Iterator[Record]:
        return self._journal.records(run_id)

    def memories(self, role: str, session: str) -> list[str]:
        return self._journal.memories(role, session)

    def prune(self, *, before: float) -> int:
        return self._journal.prune(before=before)

    def count(self) -> bool:
        """Whether this append is the one that crashes."""
        self.appends += 1
        return self.appends == self._at

    @property
    def keeps_last(self) -> bool:
        """Whether the crashing append is written first."""
        return self._after


class _CrashingLog:
    def __init__(self, journal: CrashingJournal, log: RunLog) -> None:
        self._journal = journal
        self._log = log

    def append(self, entries: Sequence[Any], *, status: str | None = None, memories: Sequence[tuple[str, str]] = ()) -> Awaitable[None] | None:
        if not self._journal.count():
            return self._log.append(entries, status=status, memories=memories)
        if self._journal.keeps_last:
            self._log.append(entries, status=status, memories=memories)
        raise Crash(f"crash at append {self._journal.appends}")

    def read(self) -> list[Any]:
        return self._log.read()

    def close(self) -> None:
        self._log.close()


def crash_at(n: int, journal: Journal, *, after_writing: bool = False) -> CrashingJournal:
    """A journal on top of `journal` that crashes the run at its n-th append."""
    return CrashingJournal(journal, n, after_writing=after_writing)


class NetworkForbiddenError(AssertionError):
    """Something tried to reach the network while it was forbidden."""


@contextmanager
def forbid_network(*, allow_loopback: bool = False) -> Iterator[None]:
    """Make every connection of this process fail while the block runs."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded(original: Callable[..., Any]) -> Callable[..., Any]:
        def guard(sock: socket.socket, address: Any, /) -> Any:
            is_local = sock.family == getattr(socket, "AF_UNIX", None) or (
                allow_loopback and isinstance(address, tuple) and str(address[0]) in ("127.0.0.1", "::1", "localhost")
            )
            if not is_local:
                raise NetworkForbiddenError(f"network: found a connection to {address!r}; expected none here. Script the model, or lift forbid_network.")
            return original(sock, address)

        return guard

    socket.socket.connect = guarded(connect)  # type: ignore[method-assign]
    socket.socket.connect_ex = guarded(connect_ex)  # type: ignore[method-assign]
    try:
        yield
    finally:
        socket.socket.connect, socket.socket.connect_ex = connect, connect_ex  # type: ignore[method-assign]


