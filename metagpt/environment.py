"""The environment: the shared bus of one run, and the only loop.

Ticks come in, are journaled in one transaction per batch, decided by the pure reducer, and the commands that it answers
are performed: handlers run as tasks, and everything they do comes back as ticks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from metagpt import errors
from metagpt.actions.interface import Action
from metagpt.actions.workspace import Workspace
from metagpt.errors import HandlerFailedError, JournalError, ModelError, RunError
from metagpt.events import Event
from metagpt.journal.interface import RunLog
from metagpt.memory.interface import Memory, MemoryEntry, Recollection
from metagpt.message import Message
from metagpt.models.interface import Model
from metagpt.models.retry import RetryPolicy
from metagpt.runtime.clock import Clock
from metagpt.runtime.commands import Command, EndRun, EvaluateWhen, PlaceCall, PublishApproved, StartHandler, Wait
from metagpt.runtime.execution import Execution, Suspended
from metagpt.runtime.narration import narrate
from metagpt.runtime.outbox import Outbox, checked_return
from metagpt.runtime.policy import Policy
from metagpt.runtime.reducer import decide
from metagpt.runtime.remembering import decode_memory, encode_memory
from metagpt.runtime.role_state import changed_state, load_state
from metagpt.runtime.state import Invocation, State
from metagpt.runtime.ticks import (
    CallRequested,
    CancelRequested,
    DeadlinePassed,
    DelayElapsed,
    ErrorRecord,
    HandlerEnded,
    HandlerFailed,
    HandlerSuspended,
    OutputProposed,
    RunEnded,
    Tick,
    WhenDecided,
)

__all__ = ["Environment", "RunRole", "Setting"]

_STRAGGLERS_S = 10.0
"""How long cancelled handlers may take to end before the run ends without them."""


class RunRole(Protocol):
    """What the environment needs of a role; `metagpt.Role` is one."""

    @property
    def persona(self) -> str: ...

    @property
    def actions(self) -> tuple[Action, ...]: ...

    @property
    def prompt_folders(self) -> tuple[Path, ...]: ...

    @property
    def template(self) -> Mapping[str, str | None]: ...

    def for_attempt(self, execution: Execution) -> RunRole:
        """A copy of the role for one attempt of one handler."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a team gives all its runs."""

    roles: Mapping[str, RunRole]
    model_for: Callable[[str, str | None], Model]
    memories: Mapping[str, Memory]
    policy: Policy
    clock: Clock
    call_retry: RetryPolicy = field(default_factory=RetryPolicy)
    success: Callable[[Any], bool] | None = None  # Any: the team's output type


class Environment:
    """One run.

    Args:
        state: New, or folded from the journal.
        log: The run's journal.
        setting: What the team gives.
        workspace: The run's folder.
        deps: What the application gave this run.
        past: (role, memories) of the run's session.
    """

    def __init__(
        self,
        state: State,
        log: RunLog,
        setting: Setting,
        *,
        workspace: Workspace,
        deps: Any = None,
        past: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        self.state = state
        self.run_id = state.run_id
        self.seed = state.seed
        self.clock = setting.clock
        self.workspace = workspace
        self.deps = deps
        self.policy = setting.policy
        self.call_retry = setting.call_retry
        self.is_watched = False
        self.failure: BaseException | None = None
        """The error that the run ended with, as raised."""
        self._setting = setting
        self._log = log
        self._outbox = Outbox(state, setting.clock)
        self._inbox: list[tuple[Tick, asyncio.Future[int | None] | None]] = []
        self._wake: asyncio.Future[None] | None = None
        self._grants: dict[tuple[str, str, int], asyncio.Future[int | None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._causes: dict[str, BaseException] = {}
        self._recollections: dict[str, Recollection] = {}
        self._past = past or {}
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._starters: dict[str, tuple[str, str]] = {}
        self._end: EndRun | None = None

    # what a watcher uses

    async def events(self) -> AsyncIterator[Event]:
        """Events from now on until the run has ended."""
        while (event := await self._events.get()) is not None:
            yield event

    def emit(self, event: Event) -> None:
        """Show an event to the watcher, if there is one."""
        if self.is_watched:
            self._events.put_nowait(event)

    def cancel(self) -> None:
        """End the run as cancelled; what is recorded stays, and it can be resumed."""
        if self._end is None:
            self._post(CancelRequested(self.clock.now()))

    # the loop

    async def run(self, first: Tick) -> None:
        """Run from the first tick until the run has ended; the outcome stands in `state` and `failure`.

        Raises:
            JournalError: the journal could not be written; the run stays as last committed.
        """
        try:
            self._start_deadline(first.time)
            self._post(first)
            while self._end is None:
                await self._step()
            await self._stop_tasks()
            await self._conclude(self._end)
        except JournalError as error:
            self.failure = error
            raise
        finally:
            await self._stop_tasks()
            self._events.put_nowait(None)

    async def _step(self) -> None:
        """Journal everything that has come in, decide it, perform what follows."""
        if not self._inbox:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
            self._wake = None
        batch, self._inbox = self._inbox, []
        await self._write([tick for tick, _ in batch])
        for tick, done in batch:
            commands = self._decide(tick)
            for command in commands:
                if self._end is None:
                    self._perform(command)
            if done is not None and not isinstance(tick, CallRequested) and not done.done():
                done.set_result(None)

    def _decide(self, tick: Tick) -> list[Command]:
        if isinstance(tick, HandlerEnded) and tick.memories:
            self._remember(tick)
        commands = decide(self.state, tick)
        if self.is_watched:
            for event in narrate(self.state, tick, commands, self._starters):
                self._events.put_nowait(event)
        return commands

    async def _write(self, ticks: Sequence[Tick], status: str | None = None) -> None:
        memories = [
            (self.state.invocations[tick.invocation].handler.role, memory)
            for tick in ticks
            if isinstance(tick, HandlerEnded) and tick.memories
            for memory in tick.memories
        ]
        written = self._log.append(ticks, status=status, memories=memories)
        if written is not None:
            await written

    def _post(self, tick: Tick, done: asyncio.Future[int | None] | None = None) -> None:
        self._inbox.append((tick, done))
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def record(self, tick: Tick) -> int | None:
        """Journal a tick and have it decided; for a `CallRequested`, the tokens granted (None: unbounded)."""
        done: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        if isinstance(tick, CallRequested):
            self._grants[tick.invocation, tick.key, tick.nth] = done
        self._post(tick, done)
        return await done

    def _perform(self, command: Command) -> None:
        match command:
            case StartHandler(invocation):
                self._spawn(self._handle(invocation))
            case EvaluateWhen(invocation):
                self._spawn(self._evaluate_when(invocation))
            case PlaceCall(invocation, key, nth, max_tokens):
                grant = self._grants.pop((invocation.id, key, nth), None)
                if grant is not None and not grant.done():
                    grant.set_result(max_tokens)
            case Wait(invocation, delay_s):
                self._spawn(self._delay(invocation, delay_s))
            case PublishApproved(invocation, proposal):
                self._spawn(self._publish_approved(invocation, proposal))
            case EndRun():
                self._end = command

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _start_deadline(self, now: float) -> None:
        seconds = self.state.ledger.budget.seconds
        if seconds is not None:
            self._spawn(self._deadline(max(0.0, seconds - self.state.ledger.usage.seconds)))

    async def _deadline(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        self._post(DeadlinePassed(self.clock.now()))

    async def _delay(self, invocation: Invocation, delay_s: float) -> None:
        if delay_s > 0:
            await self.clock.sleep(delay_s)
        self._post(DelayElapsed(self.clock.now(), invocation.id))

    # handlers

    async def _handle(self, invocation: Invocation) -> None:
        """One attempt of one handler, and the tick that says how it went."""
        spec = invocation.handler.spec
        role = self._setting.roles[invocation.handler.role]
        memory = self._setting.memories[invocation.handler.role]
        execution = Execution(
            self, invocation, actions=role.actions, persona=role.persona, prompts=role.prompt_folders, exchanges=memory.exchanges
        )
        try:
            copy = role.for_attempt(execution)
            before = self.state.role_state.get(invocation.handler.role)
            if before:
                load_state(copy, before)
            returned = await spec.method(copy, *_arguments(invocation))
            messages, is_list = checked_return(invocation.handler, returned)
            state = changed_state(copy, before, role.template)
            memories = tuple(encode_memory(entry) for entry in execution.remembered)
            if spec.approve and messages:
                self._post(self._proposal(invocation, messages, is_list, state, memories))
            else:
                self._post(self._outbox.outcome(invocation, messages, is_list=is_list, state=state, memories=memories))
        except Suspended as suspended:
            self._post(HandlerSuspended(self.clock.now(), invocation.id, suspended.pending))
        except asyncio.CancelledError:
            if self._end is not None or _is_cancelling():
                raise
            self._failed(invocation, RuntimeError("the handler raised CancelledError while nobody cancelled it"))
        except Exception as error:
            self._failed(invocation, error)

    def _proposal(
        self, invocation: Invocation, messages: Sequence[tuple[Message, tuple[str, ...]]], is_list: bool, state: Any, memories: tuple[str, ...]
    ) -> OutputProposed:
        return OutputProposed(
            self.clock.now(),
            invocation.id,
            invocation.attempt,
            tuple(message for message, _ in messages),
            tuple(address for _, address in messages),
            is_list,
            state,
            memories,
        )

    async def _publish_approved(self, invocation: Invocation, proposal: OutputProposed) -> None:
        messages = list(zip(proposal.messages, proposal.addresses, strict=True))
        try:
            tick = self._outbox.outcome(
                invocation, messages, is_list=proposal.is_list, state=proposal.state, memories=proposal.memories
            )
        except Exception as error:
            self._failed(invocation, error)
        else:
            self._post(tick)

    async def _evaluate_when(self, invocation: Invocation) -> None:
        predicate = invocation.handler.spec.when
        assert predicate is not None, "asked only where there is one"
        try:
            self._post(WhenDecided(self.clock.now(), invocation.id, bool(predicate(*_arguments(invocation)))))
        except Exception as error:
            self._failed(invocation, error)

    def _failed(self, invocation: Invocation, error: Exception) -> None:
        if isinstance(error, JournalError):
            self.failure = error
        self._causes[invocation.id] = error
        handler = invocation.handler
        tag = type(invocation.heard[0].message).__name__ if invocation.heard else "an empty gather"
        cause = f"{type(error).__name__}: {error}"
        if isinstance(error, RunError):
            record = ErrorRecord(type=type(error).__name__, text=str(error), role=handler.role, handler=handler.key, message=tag)
        else:
            record = ErrorRecord(
                type="HandlerFailedError",
                text=f"{handler.key}: found {cause} while handling {tag} (attempt {invocation.attempt}); expected a message."
                " Mend the handler, or catch the error in it, and resume the run.",
                role=handler.role,
                handler=handler.key,
                message=tag,
                cause=cause,
            )
        delay_s = _retry_delay(handler.spec.retry, invocation.attempt, error, self.seed)
        self._post(
            HandlerFailed(self.clock.now(), invocation.id, invocation.attempt, record, isinstance(error, ModelError), delay_s)
        )

    # memory

    def model_for(self, role: str, reference: str | None) -> Model:
        """The model that answers the role, or the one named."""
        return self._setting.model_for(role, reference)

    def recollection(self, role: str) -> Recollection:
        """The role's memory in this run: its session's entries and what this run added."""
        found = self._recollections.get(role)
        if found is None:
            entries: list[MemoryEntry] = [decode_memory(m) for m in (*self._past.get(role, ()), *self.state.memories.get(role, ()))]
            found = self._recollections[role] = self._setting.memories[role].open(role, entries)
        return found

    def _remember(self, tick: HandlerEnded) -> None:
        role = self.state.invocations[tick.invocation].handler.role
        recollection = self.recollection(role)
        for memory in tick.memories:
            recollection.add(decode_memory(memory))

    # the end

    async def _stop_tasks(self) -> None:
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STRAGGLERS_S)

    async def _conclude(self, end: EndRun) -> None:
        status, error = end.status, end.error
        success = status == "done"
        if success and self._setting.success is not None and self.state.outputs:
            try:
                success = bool(self._setting.success(self.state.outputs[-1].message))
            except Exception as problem:
                status, success = "failed", False
                error = ErrorRecord(
                    type="HandlerFailedError",
                    text=f"Team(success=): found {type(problem).__name__}: {problem}; expected True or False. Mend the predicate.",
                    cause=f"{type(problem).__name__}: {problem}",
                )
                self._causes[""] = problem
        folder = str(self.workspace.path) if self.workspace.exists else None
        tick = RunEnded(self.clock.now(), status, success, error, folder)
        await self._write([tick], status=status)
        self._decide(tick)
        if error is not None:
            self.failure = self._raisable(error)

    def _raisable(self, record: ErrorRecord) -> BaseException:
        """The recorded error as an exception, chained to what caused it in this process."""
        kind = getattr(errors, record.type, HandlerFailedError)
        if not (isinstance(kind, type) and issubclass(kind, RunError)):
            kind = HandlerFailedError
        error = kind(record.text, role=record.role, handler=record.handler, message=record.message)
        for invocation, cause in reversed(self._causes.items()):
            known = self.state.invocations.get(invocation)
            if record.handler is None or (known is not None and known.handler.key == record.handler):
                error.__cause__ = cause
                break
        return error


def _arguments(invocation: Invocation) -> tuple[Any, ...]:
    """What the handler is called with: a message, a message per join slot, or the list that was gathered."""
    if invocation.handler.spec.kind == "gather":
        return ([envelope.message for envelope in invocation.heard],)
    return tuple(envelope.message for envelope in invocation.heard)


def _retry_delay(retry: Any, attempt: int, error: Exception, seed: int) -> float | None:
    """Seconds before the next attempt: none for a plain number of retries, the policy's own answer else."""
    if retry is None:
        return None
    if isinstance(retry, int):
        return 0.0 if attempt <= retry else None
    delay: float | None = retry.delay_s(attempt, error, seed=seed)
    return delay


def _is_cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
