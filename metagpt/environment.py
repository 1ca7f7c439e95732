"""The environment: the shared bus of one run, and the only loop.

Ticks come in, are journaled in one transaction per batch, decided by the pure reducer, and the commands that it answers
are performed: handlers run as tasks, and everything they do comes back as ticks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from metagpt import errors
from metagpt.actions.interface import Action
from metagpt.actions.sources import ActionSource, OpenSources
from metagpt.actions.workspace import Workspace
from metagpt.errors import HandlerFailedError, InvalidReplyError, JournalError, ModelError, RunError
from metagpt.journal.interface import RunLog
from metagpt.memory.interface import Lasting, Memory, Recollection, is_lasting
from metagpt.message import Message
from metagpt.models.interface import Model
from metagpt.models.retry import RetryPolicy
from metagpt.runtime.clock import Clock
from metagpt.runtime.codec import UnrecordableError
from metagpt.runtime.commands import AwaitAnswer, Command, EndRun, EvaluateWhen, PlaceCall, PublishApproved, StartHandler, Wait
from metagpt.runtime.execution import Agent, Execution, Suspended, error_record
from metagpt.runtime.outbox import Outbox, checked_return
from metagpt.runtime.policy import Policy
from metagpt.runtime.publishing import message_in_hand
from metagpt.runtime.questions import overdue
from metagpt.runtime.reducer import decide
from metagpt.runtime.remembering import decode_memory, encode_memory
from metagpt.runtime.role_state import changed_state, load_state
from metagpt.runtime.state import Invocation, State
from metagpt.runtime.ticks import (
    ActionStarted,
    CallRequested,
    CancelRequested,
    DeadlinePassed,
    DelayElapsed,
    ErrorRecord,
    HandlerEnded,
    HandlerFailed,
    HandlerSuspended,
    OutputProposed,
    Pending,
    RunEnded,
    Tick,
    WaitLimit,
    WhenDecided,
)

if TYPE_CHECKING:
    from metagpt.events import Event

__all__ = ["Environment", "RunRole", "Setting", "recorded_error"]

_STRAGGLERS_S = 10.0
"""How long cancelled handlers may take to end before the run ends without them."""

_Batch = list[tuple[Tick, asyncio.Future[int | None] | None]]
"""Ticks, each with who waits for it to be recorded."""


class RunRole(Agent, Protocol):
    """What the environment needs of a role; `metagpt.Role` is one."""

    @property
    def actions(self) -> tuple[Action, ...]: ...

    @property
    def action_sources(self) -> tuple[ActionSource, ...]: ...

    @property
    def template(self) -> Mapping[str, str | None]: ...

    def for_attempt(self, execution: Execution) -> RunRole:
        """A copy of the role for one attempt of one handler."""
        ...

    def with_opened(self, actions: Sequence[Action]) -> RunRole:
        """A copy of the role that has these actions of its sources besides its own."""
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
    wait_limit: WaitLimit | None = None
    """How long people may take, where a handler or question does not say."""
    success: Callable[[Any], bool] | None = None  # Any: the team's output type
    mask: Callable[[str], str] = str
    """Takes the secrets out of a text."""


class Environment:
    """One run.

    Args:
        state: New, or folded from the journal.
        log: The run's journal.
        setting: What the team gives.
        workspace: The run's folder.
        deps: What the application gave this run.
    """

    def __init__(self, state: State, log: RunLog, setting: Setting, *, workspace: Workspace, deps: Any = None) -> None:
        self.state = state
        self.run_id = state.run_id
        self.seed = state.seed
        self.clock = setting.clock
        self.workspace = workspace
        self.deps = deps
        self.policy = setting.policy
        self.call_retry = setting.call_retry
        self.wait_limit = setting.wait_limit
        self.is_watched = False
        self.failure: BaseException | None = None
        """The error that the run ended with, as raised."""
        self._setting = setting
        self._log = log
        self._outbox = Outbox(state, setting.clock)
        self._inbox: _Batch = []
        self._unwritten: tuple[_Batch, Awaitable[None]] | None = None
        """What the journal has been given and does not hold yet."""
        self._wake: asyncio.Future[None] | None = None
        self._context = Context()
        """Of whoever runs the team: each task gets a copy of it, and none what another task has set."""
        self._grants: dict[tuple[str, str, int], asyncio.Future[int | None]] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._raised: dict[str, BaseException] = {}
        """What handlers raised, by invocation, until the journal has it."""
        self._cause: BaseException | None = None
        """What the handler raised that ended the run."""
        self._broken: BaseException | None = None
        """What a task of the runtime itself raised."""
        self._recollections: dict[str, Recollection] = {}
        self._sources = OpenSources(workspace)
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._starters: dict[str, tuple[str, str]] = {}
        self._end: EndRun | None = None
        self._is_concluded = False

    # what a watcher uses

    async def events(self) -> AsyncIterator[Event]:
        """Events from now on until the run has ended."""
        while (event := await self._events.get()) is not None:
            yield event
        self._events.put_nowait(None)  # for whoever asks again

    def mask(self, text: str) -> str:
        """The text without secrets."""
        return self._setting.mask(text)

    def emit(self, event: Event) -> None:
        """Show an event to the watcher, if there is one."""
        if self.is_watched:
            self._events.put_nowait(event)

    def cancel(self) -> None:
        """End the run as cancelled; what is recorded stays, and it can be resumed."""
        if self._end is None:
            self.post(CancelRequested(self.clock.now()))

    def leave(self) -> None:
        """Nobody watches any more: end the run as cancelled, or let it wait if a person has been asked already."""
        if self._end is None:
            self.post(CancelRequested(self.clock.now(), leaves=True))

    # the loop

    async def run(self, first: Tick) -> None:
        """Run from the first tick until the run has ended; the outcome stands in `state` and `failure`.

        Raises:
            JournalError: the journal could not be written; the run stays as last committed.
        """
        self._context = copy_context()
        try:
            self._inbox.insert(0, (first, None))
            self._catch_up()
            await self._step()
            self._start_deadline()
            while self._end is None:
                await self._step()
            await self._stop_tasks()
            await self._conclude(self._end)
        except BaseException as error:
            self.failure = error
            await self._stop_tasks()
            if self._unwritten is not None:  # nobody may write after the lock is let go
                await asyncio.gather(self._unwritten[1], return_exceptions=True)
            self._tell_failure(error)
            raise
        finally:
            try:
                await self._sources.close()
            finally:
                self._events.put_nowait(None)

    async def _step(self) -> None:
        """Journal everything that has come in, decide it, perform what follows."""
        if not self._inbox and self._unwritten is None:
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
            self._wake = None
        if self._broken is not None:
            raise self._broken
        if self._unwritten is None:
            batch, self._inbox = self._inbox, []
            batch, written = self._append(batch)
        else:
            (batch, written), self._unwritten = self._unwritten, None
        if written is not None:
            await _finished(written)
        self._act(batch)

    def _report(self, outcome: Tick) -> None:
        """Post a handler's outcome, or take the loop's step at once: where nobody else is at work, no batch is to be waited for."""
        if self._tasks or self._inbox or self._wake is None or self._wake.done():
            self.post(outcome)
            return
        try:
            batch, written = self._append([(outcome, None)])
            if written is None:
                self._act(batch)
            else:
                self._unwritten = batch, written
        except BaseException as error:  # noqa: BLE001 - of the runtime itself: the loop raises it
            self._broken = error
        if self._end is not None or self._broken is not None or self._unwritten is not None:
            self._wake_up()

    def _act(self, batch: _Batch) -> None:
        """Decide what is recorded, and perform what follows."""
        for tick, done in batch:
            for command in self._decide(tick):
                if self._end is None:
                    self._perform(command)
            if done is not None and not done.done() and not isinstance(tick, CallRequested):  # that one waits for its grant
                done.set_result(None)

    def _append(self, batch: _Batch, status: str | None = None) -> tuple[_Batch, Awaitable[None] | None]:
        """Journal the batch in one transaction; what JSON cannot hold goes back to who made it.

        Returns:
            The rest, and what to wait for before it counts.
        """
        while batch:
            ticks = [tick for tick, _ in batch]
            try:
                return batch, self._log.append(ticks, time=ticks[-1].time, status=status, memories=self._memories_in(ticks))
            except UnrecordableError as error:
                (refused,) = [each for each in batch if each[0] is error.tick]
                batch = [each for each in batch if each is not refused]
                self._refuse(*refused, error)
        return batch, None

    def _refuse(self, tick: Tick, done: asyncio.Future[int | None] | None, error: UnrecordableError) -> None:
        if done is not None and not done.done():
            done.set_exception(error)
        elif isinstance(tick, HandlerEnded | OutputProposed):
            self._failed(self.state.invocations[tick.invocation], error)
        elif done is None:
            raise JournalError(str(error)) from error

    def _memories_in(self, ticks: Sequence[Tick]) -> list[tuple[str, str]]:
        return [
            (self.state.invocations[tick.invocation].handler.role, memory)
            for tick in ticks
            if isinstance(tick, HandlerEnded) and tick.memories
            for memory in tick.memories
        ]

    def _decide(self, tick: Tick) -> list[Command]:
        if isinstance(tick, HandlerEnded) and tick.memories:
            self._remember(tick)
        commands = decide(self.state, tick)
        if isinstance(tick, HandlerFailed):
            raised = self._raised.pop(tick.invocation, None)
            if any(isinstance(command, EndRun) for command in commands):
                self._cause = raised
        if self.is_watched:
            from metagpt.runtime.narration import narrate

            for event in narrate(self.state, tick, commands, self._starters):
                self._events.put_nowait(event)
        return commands

    def post(self, tick: Tick, done: asyncio.Future[int | None] | None = None) -> None:
        """Journal a tick soon, and wait for nothing."""
        self._inbox.append((tick, done))
        self._wake_up()

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def record(self, tick: Tick) -> int | None:
        """Journal a tick and have it decided; for a `CallRequested`, the tokens granted (None: unbounded).

        Raises:
            UnrecordableError: JSON cannot hold it.
        """
        done: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        if isinstance(tick, CallRequested):
            self._grants[tick.invocation, tick.key, tick.nth] = done
        self.post(tick, done)
        return await done

    def _perform(self, command: Command) -> None:
        match command:
            case StartHandler(invocation):
                task = asyncio.get_running_loop().create_task(self._handle(invocation), context=self._context.copy())
                self._tasks[task] = None
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
            case AwaitAnswer(pending):
                self._spawn(self._take_default(pending))
            case EndRun():
                self._end = command

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, context=self._context.copy())
        self._tasks[task] = None
        task.add_done_callback(self._task_ended)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken = error  # no handler's: those are caught
            self._wake_up()

    def _start_deadline(self) -> None:
        seconds = self.state.ledger.budget.seconds
        if seconds is not None and self._end is None:
            self._spawn(self._deadline(max(0.0, seconds - self.state.ledger.usage.seconds)))

    async def _deadline(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        self.post(DeadlinePassed(self.clock.now()))

    async def _delay(self, invocation: Invocation, delay_s: float) -> None:
        if delay_s > 0:
            await self.clock.sleep(delay_s)
        self.post(DelayElapsed(self.clock.now(), invocation.id))

    async def _take_default(self, pending: Pending) -> None:
        """Answer in the place of a person who took too long."""
        assert pending.until is not None, "only what has an end is waited for"
        await self.clock.sleep(max(0.0, pending.until - self.clock.now()))
        self.post(overdue(pending, self.clock.now()))

    # handlers

    async def _handle(self, invocation: Invocation) -> None:
        """One attempt of one handler, and the tick that says how it went; takes its task off the list, for a callback costs more."""
        task = asyncio.current_task()
        assert task is not None, "handlers run as tasks"
        execution: Execution | None = None
        outcome: Tick | None = None
        try:
            role = self._setting.roles[invocation.handler.role]
            if role.action_sources:
                role = role.with_opened(await self._sources.actions(role.action_sources))
            execution = Execution(self, invocation, task, agent=role, memory=self._setting.memories[invocation.handler.role])
            outcome = await self._outcome(invocation, role, execution)
        except asyncio.CancelledError:
            if self._end is not None or _is_cancelling():
                raise
            self._failed(invocation, RuntimeError("the handler raised CancelledError while nobody cancelled it"))
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - the handler boundary: whatever it raises ends in the journal
            suspended = _suspension_in(error)
            if suspended is None:
                self._failed(invocation, error)
            else:
                self.post(HandlerSuspended(self.clock.now(), invocation.id, suspended.pending))
        finally:
            if execution is not None:
                execution.close()
            self._tasks.pop(task, None)
        if outcome is not None:
            self._report(outcome)

    async def _outcome(self, invocation: Invocation, role: RunRole, execution: Execution) -> HandlerEnded | OutputProposed:
        copy = role.for_attempt(execution)
        before = invocation.seen_state
        if before:
            load_state(copy, before)
        spec = invocation.handler.spec
        returned = await spec.method(copy, *_arguments(invocation))
        messages, is_list = checked_return(invocation.handler, returned)
        state = changed_state(copy, before, role.template)
        memories = tuple(map(encode_memory, execution.remembered))
        if spec.approve and messages:
            limit = self.wait_limit if spec.approve is True else WaitLimit(seconds=spec.approve.seconds, default=spec.approve.default)
            return self._proposal(invocation, messages, is_list, state, memories, limit)
        return self._outbox.outcome(invocation, messages, is_list=is_list, state=state, memories=memories)

    def _proposal(
        self,
        invocation: Invocation,
        messages: Sequence[tuple[Message, tuple[str, ...]]],
        is_list: bool,
        state: Mapping[str, str] | None,
        memories: tuple[str, ...],
        limit: WaitLimit | None,
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
            limit,
        )

    async def _publish_approved(self, invocation: Invocation, proposal: OutputProposed) -> None:
        messages = list(zip(proposal.messages, proposal.addresses, strict=True))
        try:
            tick = self._outbox.outcome(invocation, messages, is_list=proposal.is_list, state=proposal.state, memories=proposal.memories)
        except Exception as error:  # noqa: BLE001 - the handler boundary, too
            self._failed(invocation, error)
        else:
            self.post(tick)

    async def _evaluate_when(self, invocation: Invocation) -> None:
        predicate = invocation.handler.spec.when
        assert predicate is not None, "asked only where there is one"
        try:
            self.post(WhenDecided(self.clock.now(), invocation.id, bool(predicate(*_arguments(invocation)))))
        except Exception as error:  # noqa: BLE001 - the handler boundary, too
            self._failed(invocation, error)

    def _failed(self, invocation: Invocation, error: BaseException) -> None:
        if self._end is not None and _is_cancelling():
            return  # what a handler raises while it is torn down is no outcome
        try:
            delay_s = _retry_delay(invocation.handler.spec.retry, invocation.failures + 1, error, self.seed)
        except Exception as broken:  # noqa: BLE001 - a policy of the user's own
            error, delay_s = broken, None
        self._raised[invocation.id] = error
        self.post(
            HandlerFailed(
                self.clock.now(),
                invocation.id,
                invocation.attempt,
                _failure_record(invocation, error),
                _is_by_call(error),
                delay_s,
                error.spoiled if isinstance(error, InvalidReplyError) else (),
            )
        )

    # memory

    def model_for(self, role: str, reference: str | None) -> Model:
        """The model that answers the role, or the one named."""
        return self._setting.model_for(role, reference)

    def recollection(self, invocation: Invocation) -> Recollection:
        """The role's memory as it was when the invocation's models were first asked: a replay must ask the same."""
        role = invocation.handler.role
        known = self.state.memories.get(role, ())
        if invocation.seen_memories in (None, len(known)):
            return self._recollection_of(role)
        return self._open(role, known[: invocation.seen_memories])

    def _recollection_of(self, role: str) -> Recollection:
        found = self._recollections.get(role)
        if found is None:
            found = self._recollections[role] = self._open(role, self.state.memories.get(role, ()))
        return found

    def _open(self, role: str, memories: Sequence[str]) -> Recollection:
        """The role's memory: of its session before this run, and these."""
        return self._setting.memories[role].open(role, [decode_memory(memory) for memory in (*self._log.past(role), *memories)])

    def _remember(self, tick: HandlerEnded) -> None:
        role = self.state.invocations[tick.invocation].handler.role
        if is_lasting(self._setting.memories[role]):
            self._recollection_of(role)
        if role in self._recollections:  # else it is opened with them when it is asked for
            for memory in tick.memories:
                self._recollections[role].add(decode_memory(memory))

    def _catch_up(self) -> None:
        """Give lasting memories what the journal holds: a process that was killed may not have come to it."""
        for role in self.state.memories:
            if is_lasting(self._setting.memories[role]):
                self._recollection_of(role)

    async def _settle(self) -> None:
        for recollection in self._recollections.values():
            if isinstance(recollection, Lasting):
                await recollection.settle()

    # the end

    async def _stop_tasks(self) -> None:
        tasks = [task for task in self._tasks if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STRAGGLERS_S)

    async def _conclude(self, end: EndRun) -> None:
        """Record what came in while the handlers were stopped, and the end."""
        status, error, success = end.status, end.error, end.status == "done"
        if success and self._setting.success is not None and self.state.outputs:
            try:
                success = bool(self._setting.success(self.state.outputs[-1].message))
            except Exception as problem:  # noqa: BLE001 - a predicate of the user's own
                status, success = "failed", False
                error = _success_record(problem)
                self._cause = problem
        folder = str(self.workspace.path) if self.workspace.exists else None
        batch = [each for each in self._inbox if not isinstance(each[0], CallRequested | ActionStarted)]
        ended = RunEnded(self.clock.now(), status, success, error, folder)
        await self._settle()
        batch, written = self._append([*batch, (ended, None)], status)
        if written is not None:
            await _finished(written)
        for tick, _ in batch:
            self._decide(tick)
        await self._settle()
        self._is_concluded = True
        if error is not None:
            self.failure = self._raisable(error)

    def _raisable(self, record: ErrorRecord) -> BaseException:
        """The recorded error as an exception, chained to what caused it in this process."""
        error, cause = recorded_error(record), self._cause
        error.__cause__ = cause.__cause__ if isinstance(cause, RunError) else cause
        return error

    def _tell_failure(self, error: BaseException) -> None:
        """The last event of a run whose end could not be recorded."""
        if self.is_watched and not self._is_concluded:
            from metagpt.events import RunEndedEvent

            self._events.put_nowait(
                RunEndedEvent(
                    run_id=self.run_id,
                    time=self.clock.now(),
                    status="failed",
                    success=False,
                    error=str(error),
                    error_type=type(error).__name__,
                    usage=asdict(self.state.ledger.usage),
                )
            )


def recorded_error(record: ErrorRecord) -> RunError:
    """The error that the journal keeps, as an exception without its cause."""
    kind = getattr(errors, record.type, HandlerFailedError)
    if not (isinstance(kind, type) and issubclass(kind, RunError)):
        kind = HandlerFailedError
    return kind(record.text, role=record.role, handler=record.handler, message=record.message)


async def _finished(written: Awaitable[None]) -> None:
    """Wait for a write to the end, even if cancelled: nobody may write after a lock is let go."""
    writing = asyncio.ensure_future(written)
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        await asyncio.wait([writing])
        raise


def _arguments(invocation: Invocation) -> tuple[Any, ...]:
    """What the handler is called with: a message, a message per join slot, or the list that was gathered."""
    if invocation.handler.spec.kind == "gather":
        return ([envelope.message for envelope in invocation.heard],)
    return tuple([envelope.message for envelope in invocation.heard])


def _failure_record(invocation: Invocation, error: BaseException) -> ErrorRecord:
    handler, tag = invocation.handler, message_in_hand(invocation)
    record = error_record(error, role=handler.role, handler=handler.key, message=tag)
    if isinstance(error, RunError):  # it may know the place better
        return replace(record, role=error.role or handler.role, handler=error.handler or handler.key, message=error.message or tag)
    cause = f"{record.type}: {record.text}"
    text = (
        f"{handler.key}: found {cause} while handling {tag} (attempt {invocation.attempt}); expected a message."
        " Mend the handler, or catch the error in it, and resume the run."
    )
    return replace(record, type="HandlerFailedError", text=text, cause=cause)


def _success_record(problem: Exception) -> ErrorRecord:
    cause = f"{type(problem).__name__}: {problem}"
    return ErrorRecord(
        type="HandlerFailedError", text=f"Team(success=): found {cause}; expected True or False. Mend the predicate.", cause=cause
    )


def _retry_delay(retry: Any, attempt: int, error: BaseException, seed: int) -> float | None:
    """Seconds before the next attempt: none for a plain number of retries, the policy's own answer else."""
    if retry is None:
        return None
    if isinstance(retry, int):
        return 0.0 if attempt <= retry else None
    delay: float | None = retry.delay_s(attempt, error, seed=seed)
    return delay


def _is_by_call(error: BaseException) -> bool:
    """Whether it is a failed model call, or several that a task group has collected."""
    if isinstance(error, BaseExceptionGroup):
        return all(_is_by_call(each) for each in error.exceptions)
    return isinstance(error, ModelError)


def _suspension_in(error: BaseException) -> Suspended | None:
    """The first wait for a person in what a handler raised: a task group wraps it."""
    if isinstance(error, Suspended):
        return error
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_suspension_in, error.exceptions)), None)
    return None


def _is_cancelling() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
