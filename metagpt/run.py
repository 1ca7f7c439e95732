"""A run as its caller sees it: the result, and the stream of events on the way there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Generic, cast

from typing_extensions import TypeVar

from metagpt.environment import Environment
from metagpt.errors import RunCancelledError, RunError
from metagpt.message import Envelope, Message
from metagpt.runtime.budget import Budget, Usage
from metagpt.runtime.reducer import decide
from metagpt.runtime.state import State
from metagpt.runtime.ticks import HandlerEnded, Pending, RunStarted, Status, Tick
from metagpt.runtime.wiring import Wiring

if TYPE_CHECKING:
    from metagpt.events import Event

__all__ = ["Run", "RunStream"]

Out = TypeVar("Out", bound=Message, default=Message)


class Run(Generic[Out]):
    """One execution of a team on one goal, as it stands in the journal."""

    def __init__(self, state: State, read: Callable[[], list[Tick]], error: BaseException | None = None) -> None:
        self._state = state
        self._read = read
        self.error: BaseException | None = error
        """The error that the run ended with."""

    def __repr__(self) -> str:
        return f"Run({self.id!r}, status={self.status!r}, success={self.success})"

    @property
    def id(self) -> str:
        """The run's id, to resume it by."""
        return self._state.run_id

    @property
    def status(self) -> Status:
        """running, waiting, done, failed or cancelled."""
        return self._state.status

    @property
    def success(self) -> bool:
        """Whether the run is done and the team's `success` agrees with its output."""
        return self._state.success

    @property
    def output(self) -> Out:
        """The last final message that no handler took; None while there is none (a run that waits, a team without final=)."""
        return cast("Out", self._state.outputs[-1].message if self._state.outputs else None)

    @property
    def outputs(self) -> list[Out]:
        """All final messages that no handler took, in journal order."""
        return [cast("Out", envelope.message) for envelope in self._state.outputs]

    @property
    def pending(self) -> tuple[Pending, ...]:
        """What the run waits for a person to answer."""
        return tuple(self._state.pending.values())

    def can_go_on(self, now: float) -> bool:
        """Whether resuming gets anywhere without an answer: something was cut, or a person's time is over.

        Args:
            now: Seconds since 1970 UTC.
        """
        if self.status == "waiting" and not self._state.live:
            return any(pending.until is not None and pending.until <= now for pending in self.pending)
        return self.status != "done"

    def difference(self, pending: Pending) -> str:
        """Everything that a person lets through who agrees, as unified diffs; whole where there is nothing to compare with.

        Files are compared with those in the run's folder, messages with the last one of their type. Of an action only its files
        are shown, as its arguments stand in `pending.text`.
        """
        from metagpt.runtime.differences import difference

        return difference(pending, self.messages, self.workspace)

    @property
    def usage(self) -> Usage:
        """What the run spent, all its resumptions together."""
        return self._state.ledger.usage

    @property
    def workspace(self) -> str | None:
        """The run's folder; None if nothing used it."""
        return self._state.workspace

    @property
    def envelopes(self) -> list[Envelope]:
        """Every message with what the bus knew of it, in journal order."""
        found: list[Envelope] = []
        for tick in self._read():
            if isinstance(tick, RunStarted):
                found.append(tick.goal)
            elif isinstance(tick, HandlerEnded):
                found.extend(tick.outputs)
        return found

    @property
    def messages(self) -> list[Message]:
        """Every message, in journal order."""
        return [envelope.message for envelope in self.envelopes]

    def events(self) -> Iterator[Event]:
        """The run's events, told again from its journal."""
        from metagpt.runtime.narration import narrate

        state = State.new(self._state.wiring, self.id, self._state.ledger.budget)
        starters: dict[str, tuple[str, str]] = {}
        for tick in self._read():
            commands = decide(state, tick)
            yield from narrate(state, tick, commands, starters)


class RunStream(Generic[Out]):
    """A run on its way: an async iterator of its events and an async context manager: leaving it cancels it, or lets it wait."""

    def __init__(
        self, environment: Environment, first: Callable[[], Tick], finish: Callable[[], Run[Out]], release: Callable[[], None]
    ) -> None:
        self._environment = environment
        self._first = first
        self._finish = finish
        self._release = release
        self._task: asyncio.Task[None] | None = None

    @property
    def run_id(self) -> str:
        """The run's id, known before it starts."""
        return self._environment.run_id

    def cancel(self) -> None:
        """End the run as cancelled; what is recorded stays, and it can be resumed."""
        self._environment.cancel()

    async def result(self) -> Run[Out]:
        """Wait for the end.

        Raises:
            RunError: the run failed or was cancelled; `.run` is the run as far as it came.
            JournalError: the journal could not be written.
        """
        await self._ended()
        run = self._finish()
        error = self._environment.failure
        if isinstance(error, RunError):
            error.run = run
            raise error
        if error is not None:
            raise error
        if run.status == "cancelled":
            cancelled = RunCancelledError(
                f"run {run.id}: found it cancelled before its end; expected it to go on. Resume it when you like."
            )
            cancelled.run = run
            run.error = cancelled
            raise cancelled
        return run

    async def __aenter__(self) -> RunStream[Out]:
        self._start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._task is not None and not self._task.done():
            self._environment.leave()
        await self._ended()

    async def __aiter__(self) -> AsyncIterator[Event]:
        self._environment.is_watched = True
        self._start()
        async for event in self._environment.events():
            yield event
        await self._ended()

    def _start(self) -> asyncio.Task[None]:
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        return self._task

    async def _run(self) -> None:
        try:
            await self._environment.run(self._first())
        except BaseException as error:
            if self._environment.failure is None:
                self._environment.failure = error
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
        finally:
            self._release()

    async def _ended(self) -> None:
        """Wait for the run's task; a caller that is cancelled leaves the run and lets that be recorded."""
        task = self._start()
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            self._environment.leave()
            await asyncio.wait([task])
            raise


def fold(wiring: Wiring, run_id: str, budget: Budget, ticks: list[Tick]) -> State:
    """The state that a run's ticks lead to."""
    state = State.new(wiring, run_id, budget)
    for tick in ticks:
        decide(state, tick)
    return state
