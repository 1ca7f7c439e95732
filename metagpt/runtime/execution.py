"""One attempt of one handler: what `self.ask`, `self.do` and the rest of a role stand on.

Everything that costs or changes something goes through the run's journal first; what the journal already holds for this
invocation is taken from there.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from pydantic_core import from_json, to_json

from metagpt.actions.interface import Action, ActionContext, FunctionAction
from metagpt.actions.workspace import Workspace
from metagpt.errors import (
    ActionError,
    ContextOverflowError,
    InvalidReplyError,
    ModelError,
    ModelUnavailableError,
    RateLimitError,
    RunError,
    ServerError,
)
from metagpt.memory.interface import Memory, MemoryEntry, Recollection
from metagpt.models.interface import Delta, Model, ModelOptions, ModelReply, ModelRequest
from metagpt.models.retry import RetryPolicy, with_retries
from metagpt.runtime.clock import Clock
from metagpt.runtime.identity import derived_id
from metagpt.runtime.policy import Policy
from metagpt.runtime.publishing import message_in_hand
from metagpt.runtime.questions import arguments_of, ask_person, limited
from metagpt.runtime.state import Invocation
from metagpt.runtime.ticks import (
    ActionEnded,
    ActionFailed,
    ActionStarted,
    Answer,
    Approve,
    CallEnded,
    CallFailed,
    CallRequested,
    EditArguments,
    ErrorRecord,
    Pending,
    Recalled,
    Reject,
    Tick,
    WaitLimit,
)

if TYPE_CHECKING:
    from metagpt.events import Event

__all__ = ["Agent", "Execution", "Host", "Suspended", "error_record"]

_UNCHARGED = (RateLimitError, ServerError, ModelUnavailableError, ContextOverflowError)
"""Errors that come before a token is made."""


class Suspended(BaseException):
    """Raised inside a handler that cannot go on before a person answers; no error, so that no handler takes it for one."""

    def __init__(self, pending: Pending) -> None:
        super().__init__("waits for a person")
        self.pending = pending


def error_record(error: BaseException, *, role: str, handler: str, message: str) -> ErrorRecord:
    """The error as the journal keeps it; bytes that no text can have are replaced."""
    return ErrorRecord(type=type(error).__name__, text=_readable(str(error)), role=role, handler=handler, message=message)


def _readable(text: str) -> str:
    return text.encode(errors="replace").decode()


class Host(Protocol):
    """What an execution needs of its run; the environment is one."""

    run_id: str
    seed: int
    clock: Clock
    workspace: Workspace
    deps: Any  # Any: the application's own object
    policy: Policy
    call_retry: RetryPolicy
    wait_limit: WaitLimit | None

    async def record(self, tick: Tick) -> int | None:
        """Journal a tick and have it decided; for a `CallRequested`, the tokens granted (None: unbounded)."""
        ...

    def post(self, tick: Tick) -> None:
        """Journal a tick soon, and wait for nothing."""
        ...

    def model_for(self, role: str, reference: str | None) -> Model:
        """The model that answers the role, or the one named."""
        ...

    def recollection(self, invocation: Invocation) -> Recollection:
        """The role's memory as it was when the invocation's models were first asked."""
        ...

    def mask(self, text: str) -> str:
        """The text without secrets."""
        ...

    def emit(self, event: Event) -> None:
        """Show a watcher an event that no tick stands for."""
        ...

    @property
    def is_watched(self) -> bool:
        """Whether there is a watcher."""
        ...


class Agent(Protocol):
    """What an execution needs of its role; `metagpt.Role` is one."""

    @property
    def persona(self) -> str: ...

    @property
    def prompt_folders(self) -> tuple[Path, ...]: ...


class Execution:
    """What one attempt of a handler has at hand.

    Args:
        host: The run.
        invocation: What is being handled.
        task: What handles it.
        agent: Whose handler it is.
        memory: What that role remembers by.
    """

    def __init__(self, host: Host, invocation: Invocation, task: asyncio.Task[None], *, agent: Agent, memory: Memory) -> None:
        self.host = host
        self.invocation = invocation
        self.agent = agent
        self.memory = memory
        self.remembered: list[MemoryEntry] = []
        self.asked = 0
        self._seen: dict[str, int] = {}
        self._random: random.Random | None = None
        self._now = invocation.now
        self._task = task
        self._side_tasks: set[asyncio.Task[Any]] = set()
        self._is_over = False

    def close(self) -> None:
        """The attempt is over: nothing that the handler left running may ask or do anything more."""
        self._is_over = True
        for task in self._side_tasks:
            task.cancel()

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        """Refuse work after the end, and know the tasks that a handler started beside its own."""
        if self._is_over:
            raise RuntimeError(
                f"{self.handler}: found ask or do used after the handler had returned; expected it before."
                " Await in the handler what it starts."
            )
        task = asyncio.current_task()
        if task is None or task is self._task or task in self._side_tasks:
            yield
            return
        self._side_tasks.add(task)
        try:
            yield
        finally:
            self._side_tasks.discard(task)

    def _post(self, tick: Tick) -> None:
        if not self._is_over:  # else the end of the attempt has settled everything
            self.host.post(tick)

    @property
    def role(self) -> str:
        """The role's name."""
        return self.invocation.handler.role

    @property
    def handler(self) -> str:
        """`role.handler`."""
        return self.invocation.handler.key

    @property
    def message_tag(self) -> str:
        """The tag of the message in hand, for errors."""
        return message_in_hand(self.invocation)

    @property
    def random(self) -> random.Random:
        """Chance that a resumed run draws again."""
        if self._random is None:
            self._random = random.Random(f"{self.host.seed}:{self.invocation.id}:{self.invocation.anew}")  # noqa: S311 - no secret
        return self._random

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """The role's log, with run and handler in every record's `extra`."""
        extra = {"run": self.host.run_id, "role": self.role, "handler": self.handler}
        return logging.LoggerAdapter(logging.getLogger(f"metagpt.roles.{self.role}"), extra)

    def now(self) -> float:
        """Time of the last recorded thing this attempt knows of: the same when it is replayed."""
        return self._now

    def _knows(self, time: float) -> None:
        self._now = max(self._now, time)

    def _record_of(self, error: BaseException) -> ErrorRecord:
        return error_record(error, role=self.role, handler=self.handler, message=self.message_tag)

    def answer_to(self, pending: str) -> Answer | None:
        """What a person has answered to the question of that id."""
        return self.invocation.kept.answers.get(pending) if self.invocation.kept else None

    def suspend(self, pending: Pending, limit: WaitLimit | None = None, *, is_risky: bool = False) -> NoReturn:
        """Stop here until a person has answered; the handler then runs again, with all that it had recorded.

        Raises:
            Suspended: always.
        """
        with self._at_work():
            raise Suspended(limited(pending, limit or self.host.wait_limit, self.host.clock.now(), is_risky=is_risky))

    def next_nth(self, key: str) -> int:
        """How often this attempt asked or did the same before."""
        nth = self._seen.get(key, 0)
        self._seen[key] = nth + 1
        return nth

    # models

    async def call(self, request: ModelRequest) -> tuple[ModelReply, tuple[str, int]]:
        """Ask the role's model, or take the recorded reply; retries what may be retried. Also what the reply is recorded as."""
        key = _key_of(request)
        nth = self.next_nth(key)
        recorded = self.invocation.kept.replies.get((key, nth)) if self.invocation.kept else None
        if recorded is not None:
            self._knows(recorded.time)
            self._emit_replayed(request, recorded)
            return recorded.reply, (key, nth)
        model = self.host.model_for(self.role, request.options.model)
        seed = int(derived_id(str(self.host.seed), self.invocation.id, key)[:8], 16)
        with self._at_work():
            reply = await with_retries(
                lambda: self._attempt_call(model, request, key, nth), policy=self.host.call_retry, seed=seed, sleep=self.host.clock.sleep
            )
        return reply, (key, nth)

    async def _attempt_call(self, model: Model, request: ModelRequest, key: str, nth: int) -> ModelReply:
        """Ask once. However it ends, the journal is told: a reservation is never left open while the handler goes on."""
        host, invocation, profile = self.host, self.invocation, model.profile
        options = request.options.over(profile.defaults)
        most, n = min(options.max_tokens or profile.max_output_tokens, profile.max_output_tokens), options.n or 1
        requested = CallRequested(
            host.clock.now(),
            invocation.id,
            invocation.attempt,
            key,
            nth,
            request.call,
            profile.reference,
            _input_bound(request, is_compact=profile.prompt_format == "compact"),
            most * n,
            profile.price,
            replace(request, options=replace(options, model=None)),
        )
        is_placed = False
        try:
            granted = await host.record(requested)
            if granted is not None:
                n = min(n, granted)
                options = replace(options, max_tokens=min(most, granted // n), n=n if options.n else None)
            started = host.clock.now()
            is_placed = True
            reply = await self._stream(model, replace(request, options=options))
        except BaseException as error:
            charged = is_placed and not isinstance(error, _UNCHARGED)
            failed = CallFailed(host.clock.now(), invocation.id, key, nth, self._record_of(error), charged, request.call)
            if not isinstance(error, ModelError):  # a cancellation must not wait
                self._post(failed)
                raise
            await host.record(failed)
            raise
        ended = host.clock.now()
        await host.record(CallEnded(ended, invocation.id, key, nth, request.call, reply, ended - started, profile.price))
        self._knows(ended)
        return reply

    async def _stream(self, model: Model, request: ModelRequest) -> ModelReply:
        reply: ModelReply | None = None
        stream = model.stream(request)
        try:
            async for item in stream:
                if isinstance(item, ModelReply):
                    reply = item
                elif isinstance(item, Delta) and self.host.is_watched:
                    from metagpt.events import DeltaEvent

                    self.host.emit(
                        DeltaEvent(
                            run_id=self.host.run_id,
                            time=self.host.clock.now(),
                            role=self.role,
                            call=request.call,
                            invocation=self.invocation.id,
                            text=item.text,
                        )
                    )
        finally:
            close: Callable[[], Awaitable[None]] | None = getattr(stream, "aclose", None)
            if close is not None:
                await close()
        if reply is None or not reply.candidates:
            raise InvalidReplyError(
                f"{model.profile.reference}: found a stream without a reply; expected one ModelReply with a candidate at its end."
                " Mend the model plugin."
            )
        return reply

    def _emit_replayed(self, request: ModelRequest, recorded: CallEnded) -> None:
        if not self.host.is_watched:
            return
        from metagpt.events import ModelRepliedEvent

        usage = recorded.reply.usage
        self.host.emit(
            ModelRepliedEvent(
                run_id=self.host.run_id,
                time=self.host.clock.now(),
                role=self.role,
                call=request.call,
                invocation=self.invocation.id,
                text=recorded.reply.text,
                input_tokens=usage.input_tokens if usage else 0,
                output_tokens=usage.output_tokens if usage else 0,
                replayed=True,
            )
        )

    # actions

    async def perform(self, performed: Action, arguments: Mapping[str, Any]) -> Any:
        """Perform an action once: journaled before and after, never again when its result is recorded.

        Raises:
            ActionError: the policy or a person refused it, the arguments do not fit, or it failed.
        """
        text = to_json(arguments).decode()
        key = derived_id("action", performed.name, text)
        nth = self.next_nth(key)
        records = self.invocation.kept
        if records is not None and (key, nth) in records.results:
            ended = records.results[key, nth]
            self._knows(ended.time)
            return _decoded(performed, ended.result)
        rule = self.host.policy.rule(self.role, performed.name, performed.permissions)
        if rule == "deny":
            await self._refuse(performed, text, key, nth)
        if rule == "ask" and isinstance(performed, FunctionAction):
            performed.check(arguments)  # a person is not asked about what cannot be performed
        given = self._permission(performed, text, key, nth)
        if isinstance(given, _Given):
            return given.result
        if given is not None:
            arguments, text = given, to_json(given).decode()
        with self._at_work():
            return await self._perform(performed, arguments, text, key, nth)

    async def _perform(self, performed: Action, arguments: Mapping[str, Any], text: str, key: str, nth: int) -> Any:
        host, invocation = self.host, self.invocation
        started = ActionStarted(host.clock.now(), invocation.id, key, nth, performed.name, text, _is_repeatable(performed))
        try:
            await host.record(started)
        except BaseException as error:  # it never began
            self._post(ActionFailed(host.clock.now(), invocation.id, key, nth, self._record_of(error)))
            raise
        context = ActionContext(
            workspace=host.workspace,
            deps=host.deps,
            log=self.log,
            idempotency_key=derived_id(invocation.id, key, str(nth)),
            role=self.role,
            hosts=host.policy.hosts(self.role),
            ask_person=partial(self._ask_person, f"{key}.{nth}"),
        )
        try:
            result = await performed.perform(arguments, context)
            encoded = to_json(result).decode()
        except Suspended as error:
            if not started.repeatable:  # else it would count as one that may have happened
                self._post(ActionFailed(host.clock.now(), invocation.id, key, nth, self._record_of(error)))
            raise
        except Exception as error:
            await host.record(ActionFailed(host.clock.now(), invocation.id, key, nth, self._record_of(error)))
            if isinstance(error, RunError):
                raise
            raise ActionError(
                f"{self.handler}: action {performed.name!r} failed with {type(error).__name__}: {error}; expected a result."
                " Catch ActionError round self.do to go on without.",
                role=self.role,
                handler=self.handler,
                message=self.message_tag,
            ) from error
        ended = host.clock.now()
        await host.record(ActionEnded(ended, invocation.id, key, nth, encoded))
        self._knows(ended)
        return result

    async def _ask_person(
        self, scope: str, question: str, form: Any = str, /, *, wait_limit: WaitLimit | None = None
    ) -> Any:  # Any: of that form
        """What an action asks people by; its questions are its own, as it is not run again once it has ended."""
        return ask_person(self, form, question, limit=wait_limit, scope=scope)

    async def _refuse(self, performed: Action, text: str, key: str, nth: int) -> NoReturn:
        """Refuse what the policy denies, and journal the attempt as one that failed."""
        touched = ", ".join(performed.permissions.names) or "nothing"
        refusal = ActionError(
            f"{self.handler}: found action {performed.name!r} (touches {touched}), which the policy denies role {self.role!r};"
            " expected an allowed one. Change Team(policy=).",
            role=self.role,
            handler=self.handler,
            message=self.message_tag,
        )
        records = self.invocation.kept
        if records is not None and (key, nth) in records.started:
            raise refusal  # of an earlier try that may have happened: its record must stay
        with self._at_work():
            now, invocation = self.host.clock.now(), self.invocation.id
            await self.host.record(ActionStarted(now, invocation, key, nth, performed.name, text, repeatable=True))
            await self.host.record(ActionFailed(now, invocation, key, nth, self._record_of(refusal)))
        raise refusal

    def _permission(self, performed: Action, arguments: str, key: str, nth: int) -> _Given | dict[str, Any] | None:
        """None to go ahead, or the result that a person gave in its place, or the arguments to go ahead with.

        Raises:
            ActionError: refused.
            Suspended: a person must be asked first.
        """
        rule = self.host.policy.rule(self.role, performed.name, performed.permissions)
        where = {"role": self.role, "handler": self.handler, "message": self.message_tag}
        records = self.invocation.kept
        started = records.started.get((key, nth)) if records is not None else None
        is_lost = started is not None and not started.repeatable
        if rule == "allow" and not is_lost:
            return None
        why = "was started and its result was lost; it may have happened" if is_lost else "needs a person's agreement"
        asked = Pending(
            id=derived_id(self.invocation.id, key, str(nth), "lost" if is_lost else "ask"),
            kind="action",
            role=self.role,
            handler=self.handler,
            text=f"{self.role}: action {performed.name}({arguments}) {why}."
            " Approve to run it, reject to fail it, or answer with its result as JSON.",
            invocation=self.invocation.id,
            action=performed.name,
            arguments=arguments,
        )
        pending, attempt = asked, 0
        while isinstance(answer := self.answer_to(pending.id), EditArguments):
            try:
                return _changed(performed, answer)
            except (ValueError, ActionError) as problem:  # asked again, with what is wrong
                attempt += 1
                pending = replace(asked, id=derived_id(asked.id, str(attempt)), text=f"{asked.text}\n{problem}")
        if answer is None:
            self.suspend(pending, is_risky=is_lost)
        match answer:
            case Approve():
                return None
            case Reject(note):
                raise ActionError(f"{self.handler}: a person refused action {performed.name!r} ({note!r}).", **where)
            case str():
                return self._given(performed, answer, where)
            case _:
                raise ActionError(
                    f"{self.handler}: found Edit for action {performed.name!r}; expected Approve, Reject, EditArguments or text.", **where
                )

    def _given(self, performed: Action, answer: str, where: dict[str, str]) -> _Given:
        """A person's text as the action's result: as JSON if it is that, else as it stands."""
        for text in (answer, to_json(answer).decode()):
            try:
                return _Given(_decoded(performed, text))
            except ValueError as error:
                problem = error
        raise ActionError(
            f"{self.handler}: found {answer!r} given as the result of action {performed.name!r} ({problem}); expected JSON of its type.",
            **where,
        )

    # memory

    def remember(self, entry: MemoryEntry) -> None:
        """Keep an entry with this handler's outcome."""
        self.remembered.append(self.storable(entry))

    def storable(self, entry: MemoryEntry) -> MemoryEntry:
        """The entry dated, and without secrets."""
        mask = self.host.mask
        return replace(entry, text=mask(entry.text), answer=mask(entry.answer), time=self.now())

    async def recalled(self, key: str, recall: Callable[[], Awaitable[tuple[tuple[str, ...], tuple[str, ...]]]]) -> Recalled:
        """What the memory gives under that key: recorded before it is used, and taken from the record by a replay."""
        nth = self.next_nth(key)
        recorded = self.invocation.kept.recalled.get((key, nth)) if self.invocation.kept else None
        if recorded is None:
            with self._at_work():
                entries, kept = await recall()
                recorded = Recalled(self.host.clock.now(), self.invocation.id, key, nth, entries, kept)
                await self.host.record(recorded)
        self._knows(recorded.time)
        return recorded


@dataclass(frozen=True, slots=True)
class _Given:
    """A result that a person gave; it may be None."""

    result: Any


def _changed(performed: Action, answer: EditArguments) -> dict[str, Any]:
    """A person's arguments in the place of the proposed ones.

    Raises:
        ValueError: they are no JSON object.
        ActionError: they do not fit the action.
    """
    arguments = arguments_of(answer)
    if isinstance(performed, FunctionAction):
        performed.check(arguments)
    return arguments


def _decoded(performed: Action, result: str) -> Any:
    return performed.decode(result) if isinstance(performed, FunctionAction) else from_json(result)


def _is_repeatable(performed: Action) -> bool:
    permissions = performed.permissions
    return performed.idempotent or not (permissions.writes or permissions.executes or permissions.network)


_KEYED_OPTIONS = tuple(field.name for field in fields(ModelOptions) if field.name not in ("model", "fit"))
"""`fit` shows in the chat, which is part of the key."""


def _key_of(request: ModelRequest) -> str:
    """What a reply is recorded by: all that makes the request, but not who answers it."""
    return derived_id(
        request.call,
        to_json(request.chat).decode(),
        to_json(request.schema).decode(),
        to_json(request.tools).decode(),
        to_json({"model": None} | {name: getattr(request.options, name) for name in _KEYED_OPTIONS}).decode(),
    )


def _input_bound(request: ModelRequest, *, is_compact: bool) -> int:
    """Bytes of all that is sent: a token is one byte or more."""
    sent = {"call": request.call, "context": request.context} if is_compact else request.chat
    return len(to_json(sent)) + len(to_json(request.schema)) + len(to_json(request.tools))
