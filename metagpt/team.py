"""Teams: roles that pass the graph check, and the runs they make."""

from __future__ import annotations

import asyncio
import os
import tempfile
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypedDict, Union, Unpack, cast, get_args, get_origin, overload

from pydantic import ValidationError
from typing_extensions import TypeVar

from metagpt.actions.workspace import Workspace
from metagpt.environment import Environment, Setting, recorded_error
from metagpt.errors import ConfigError, InvalidReplyError, JournalError, TeamError, did_you_mean
from metagpt.graph import Handler, findings, flow, named_types, to_networkx
from metagpt.journal.in_memory import InMemoryJournal
from metagpt.journal.interface import Journal, RunHeader, RunLog
from metagpt.masking import known_secrets
from metagpt.memory.interface import Memory
from metagpt.memory.window import WindowMemory
from metagpt.message import Goal, Message
from metagpt.models.interface import Model
from metagpt.models.retry import RetryPolicy
from metagpt.plugins import load_plugin, open_journal, open_memory, open_model
from metagpt.role import Role
from metagpt.run import Run, RunStream, fold
from metagpt.runtime.budget import Budget
from metagpt.runtime.clock import Clock, SystemClock
from metagpt.runtime.codec import TickCodec, types_by_tag
from metagpt.runtime.outbox import Outbox
from metagpt.runtime.policy import Policy
from metagpt.runtime.questions import overdue, read_answer, unfit_defaults, union_of
from metagpt.runtime.state import State
from metagpt.runtime.ticks import Answer, Answered, Approve, Edit, EditArguments, Pending, Reject, RunResumed, RunStarted, Tick, WaitLimit
from metagpt.runtime.wiring import Wiring

if TYPE_CHECKING:
    import networkx
    from typing_extensions import TypeForm

__all__ = ["Team"]

In = TypeVar("In", bound=Message, default=Goal)
Out = TypeVar("Out", bound=Message, default=Message)
Start = TypeVar("Start", bound=Message)
End = TypeVar("End", bound=Message)


class _Keywords(TypedDict, total=False):
    """The keywords of `Team` that its types do not depend on."""

    model: Model | str | None
    models: Mapping[str, Model | str] | None
    memory: Memory | str | None
    budget: Budget | None
    policy: Policy | None
    journal: Journal | str | None
    workspace: str | Path | None
    name: str | None
    clock: Clock | None
    seed: int | None
    call_retry: RetryPolicy | None
    wait_limit: WaitLimit | None


@dataclass(frozen=True, slots=True)
class _Opened:
    """A run that is held and ready to start."""

    environment: Environment
    log: RunLog


class Team(Generic[In, Out]):
    """Roles that work on a goal together.

    Args:
        roles: The agents; their names must differ.
        start: The message that starts a run.
        final: The message, or union of messages, that a run is for. None: the run is only to become quiet.
        success: Says of the output whether the run succeeded; without it every run that is done did.
        model: What answers roles that have no model of their own: a model or a reference.
        models: The same by role name.
        memory: What roles remember that have no memory of their own, or its name; the last 20 notes if left out.
        budget: Most that a run may spend.
        policy: What actions are allowed.
        journal: Where runs are kept: a journal, or the name of one such as `sqlite:PATH`; in memory if left out.
        workspace: The folder of the runs' files; one for each run, under the system's temporary folder, if left out.
        name: What the team is called in lists of runs.
        clock: Where time comes from.
        seed: Where `self.random` comes from; 0 if left out.
        call_retry: When a failed model call is tried again.
        wait_limit: How long people may take to answer, and what counts then, where a handler or question does not say.

    Raises:
        TeamError: everything that is wrong with the graph, at once.
    """

    @overload
    def __init__(self: Team[Goal, Message], roles: Sequence[Role[Any]], **keywords: Unpack[_Keywords]) -> None: ...
    @overload
    def __init__(
        self: Team[Goal, End],
        roles: Sequence[Role[Any]],
        *,
        final: TypeForm[End],
        success: Callable[[End], bool] | None = ...,
        **keywords: Unpack[_Keywords],
    ) -> None: ...
    @overload
    def __init__(self: Team[Start, Message], roles: Sequence[Role[Any]], *, start: type[Start], **keywords: Unpack[_Keywords]) -> None: ...
    @overload
    def __init__(
        self,
        roles: Sequence[Role[Any]],
        *,
        start: type[In],
        final: TypeForm[Out],
        success: Callable[[Out], bool] | None = ...,
        **keywords: Unpack[_Keywords],
    ) -> None: ...
    def __init__(
        self,
        roles: Sequence[Role[Any]],
        *,
        start: Any = Goal,
        final: Any = None,
        success: Callable[[Any], bool] | None = None,
        model: Model | str | None = None,
        models: Mapping[str, Model | str] | None = None,
        memory: Memory | str | None = None,
        budget: Budget | None = None,
        policy: Policy | None = None,
        journal: Journal | str | None = None,
        workspace: str | Path | None = None,
        name: str | None = None,
        clock: Clock | None = None,
        seed: int | None = None,
        call_retry: RetryPolicy | None = None,
        wait_limit: WaitLimit | None = None,
    ) -> None:
        journal = open_journal(journal) if isinstance(journal, str) else journal
        self._keywords: dict[str, Any] = {
            "start": start, "final": final, "success": success, "model": model, "models": models, "memory": memory,
            "budget": budget, "policy": policy, "journal": journal, "workspace": workspace, "name": name, "clock": clock,
            "seed": seed, "call_retry": call_retry, "wait_limit": wait_limit,
        }  # fmt: skip
        self.name = name or "team"
        named_models = {"model": model, **{f"models[{role!r}]": each for role, each in (models or {}).items()}}
        _check_parts(roles, start, named_models, memory, journal)
        self.roles = {role.name: role for role in roles}
        self.start: type[In] = start
        self.final = _final_types(final)
        self.budget = budget or Budget()
        self.journal: Journal = journal if journal is not None else InMemoryJournal()
        self.seed = seed or 0
        self._handlers = [Handler(key=f"{r.name}.{n}", role=r.name, spec=spec) for r in roles for n, spec in r.handlers.items()]
        self._models: dict[str, Model | str | None] = {r.name: r.model for r in roles}
        self._team_model = model
        self._opened: dict[str, Model] = {}
        self._workspace = Path(workspace).resolve() if workspace is not None else None
        self._wiring = self._check([role.name for role in roles])
        self._name_models(models or {})
        for role in policy.roles if policy is not None else ():
            if role not in self.roles:
                raise ConfigError(f"Team(policy=): found role {role!r}; expected one of the team's. {did_you_mean(role, self.roles)}")
        self._codec = TickCodec(self._wiring.types or {}, known_secrets())
        self._setting = Setting(
            roles=self.roles,
            model_for=self.model_for,
            memories=_opened_memories(roles, memory or WindowMemory()),
            mask=self._codec.mask,
            policy=policy or Policy(),
            clock=clock or SystemClock(),
            call_retry=call_retry or RetryPolicy(),
            wait_limit=_checked_limit(wait_limit),
            success=success,
        )

    def _check(self, names: Sequence[str]) -> Wiring:
        found = flow(self._handlers, self.start)
        wrong = findings(self._handlers, names, self.start, self.final, found)
        if not self.journal.durable:
            wrong += [
                f"{h.key}: approve=True with a journal in memory; a person's answer could come too late. Pass journal=SqliteJournal(path);"
                " for the command line, which has a journal, write a function: def team(journal): return Team(..., journal=journal)."
                for h in self._handlers
                if h.spec.approve
            ]
        wrong += unfit_defaults(self._handlers)
        if wrong:
            raise TeamError(f"team {self.name!r}", wrong)
        return Wiring.of(self._handlers, self.final, found, types_by_tag(named_types(self._handlers, self.start, self.final)))

    def _name_models(self, models: Mapping[str, Model | str]) -> None:
        for role, model in models.items():
            if role not in self.roles:
                raise ConfigError(f"Team(models=): found role {role!r}; expected one of the team's. {did_you_mean(role, self.roles)}")
            self._models[role] = model

    @classmethod
    def load(cls, name: str, **keywords: Any) -> Team[Any, Any]:  # Any: each ready-made team has its own types
        """A ready-made team by its name, with keywords of `Team` such as `model` or `journal`.

        Raises:
            ConfigError: there is none of that name.
        """
        return cast("Team[Any, Any]", load_plugin("teams", name)(**keywords))

    @classmethod
    def from_file(cls, path: str | Path, **keywords: Any) -> Team[Any, Any]:  # Any: a file has types of its own
        """The team that stands in a TOML or Markdown file, which is read as data; with keywords of `Team`.

        They come before what the file says. A file can only tighten `policy`; without one, a person is asked before actions
        run code or reach the network.

        Raises:
            ConfigError: there is no such file, or it is no Markdown or TOML.
            TeamError: everything that is wrong with it, at once, each with `FILE:LINE`.
        """
        from metagpt.from_file import read_team

        return cast("Team[Any, Any]", read_team(Path(path), Role).make(cls, Role, keywords))

    def with_(self, **keywords: Any) -> Team[In, Out]:  # Any: the keywords of the constructor
        """The same roles as a team with other keywords: `team.with_(model="embedded", budget=Budget(usd=1))`.

        Raises:
            ConfigError: a keyword is none of `Team`'s.
        """
        for keyword in keywords:
            if keyword not in self._keywords:
                raise ConfigError(f"team.with_: found keyword {keyword!r}; expected one of Team's. {did_you_mean(keyword, self._keywords)}")
        return cast("Team[In, Out]", Team(list(self.roles.values()), **{**self._keywords, **keywords}))

    # runs

    async def run(self, goal: In | str, *, run_id: str | None = None, session: str | None = None, deps: Any = None) -> Run[Out]:
        """Work on the goal until the run is quiet; returns with status `waiting` when it needs a person.

        Args:
            goal: What starts the run; text where `start` has a single `str` field.
            run_id: A name for the run; a random one if left out.
            session: What the roles remember belongs to it, across runs.
            deps: What the handlers find as `self.deps`; never journaled.

        Raises:
            RunError: the run failed; `.run` is the run as far as it came.
            JournalError: the journal could not be written, or the id is taken.
            ConfigError: the goal, a model or a setting is wrong; nothing was spent.
        """
        async with self.stream(goal, run_id=run_id, session=session, deps=deps) as stream:
            return await stream.result()

    def run_sync(self, goal: In | str, *, run_id: str | None = None, session: str | None = None, deps: Any = None) -> Run[Out]:
        """`run` from plain code.

        Raises:
            ConfigError: an event loop is running here already; await `run` instead.
        """
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(self.run(goal, run_id=run_id, session=session, deps=deps))
        raise ConfigError("team.run_sync: found a running event loop; expected plain code. Write `await team.run(...)` here.")

    def stream(self, goal: In | str, *, run_id: str | None = None, session: str | None = None, deps: Any = None) -> RunStream[Out]:
        """A run whose events are watched: iterate it, or enter it; leaving it cancels what still runs.

        A run that has asked a person by then is left waiting instead, to be resumed.
        """
        message = self._message(goal)
        run_id = run_id or os.urandom(6).hex()
        self._check_prices()
        self._check_sources()
        now = self._setting.clock.now()
        header = RunHeader(run_id=run_id, team=self.name, goal=_goal_text(message), created=now, session=session)
        state = State.new(self._wiring, run_id, self.budget)
        state.seed, state.session = self.seed, session
        envelope = Outbox(state, self._setting.clock).start(message, now)
        log = self.journal.create(header, self._codec)
        try:
            environment = self._environment(state, log, deps)
        except BaseException:
            log.close()
            raise

        return self._stream(_Opened(environment, log), lambda: RunStarted(now, envelope, self.seed, session, self.budget))

    async def resume(self, run_id: str, *, answers: Mapping[str, Answer] | None = None, deps: Any = None, fresh: bool = False) -> Run[Out]:
        """Go on with a run that was cut, cancelled, failed or waits; nothing recorded is bought again.

        Args:
            run_id: The run.
            answers: `Approve()`, `Reject(note)`, `Edit(message)`, `EditArguments(json)` or text by the id of what is pending.
                What has waited for longer than its limit and is not answered here gets its default.
            deps: As in `run`.
            fresh: Ask the models anew after a failure that their replies caused.

        Raises:
            JournalError: there is no such run, somebody else holds it, or this team cannot read it.
            RunError: as in `run`.
            ConfigError: an answer to something that is not pending.
        """
        run = self.open_run(run_id)
        if not answers and not run.can_go_on(self._setting.clock.now()):
            return run
        async with self.resume_stream(run_id, answers=answers, deps=deps, fresh=fresh) as stream:
            return await stream.result()

    def resume_stream(
        self, run_id: str, *, answers: Mapping[str, Answer] | None = None, deps: Any = None, fresh: bool = False
    ) -> RunStream[Out]:
        """`resume`, watched."""
        self._check_prices()
        self._check_sources()
        log = self.journal.open(run_id, self._codec)
        try:
            state = self._folded(run_id, log.read())
            given = self._answers(state, answers or {})
            if state.goal is None:
                raise JournalError(f"run {run_id!r}: found no goal recorded; it was cut before it began. Run the goal again.")
            environment = self._environment(state, log, deps)
        except BaseException:
            log.close()
            raise
        return self._stream(_Opened(environment, log), lambda: RunResumed(self._setting.clock.now(), fresh, given, self.budget))

    def open_run(self, run_id: str) -> Run[Out]:
        """A run as it stands in the journal, for looking only.

        Raises:
            UnknownRunError: there is none of that id.
        """

        def read() -> list[Tick]:
            return [self._codec.decode(record.kind, record.body) for record in self.journal.records(run_id)]

        state = self._folded(run_id, read())
        return Run(state, read, None if state.error is None else recorded_error(state.error))

    def _folded(self, run_id: str, ticks: list[Tick]) -> State:
        try:
            return fold(self._wiring, run_id, self.budget, ticks)
        except (KeyError, StopIteration, AssertionError, AttributeError) as error:
            raise JournalError(
                f"run {run_id!r}: found records that this team cannot follow ({type(error).__name__}: {error});"
                " expected the handlers that made them. Resume it with the team as it was, or run the goal again."
            ) from error

    def _answers(self, state: State, answers: Mapping[str, Answer]) -> tuple[Answered, ...]:
        """The answers, and the defaults of what has waited for too long."""
        now = self._setting.clock.now()
        for pending, answer in answers.items():
            if pending not in state.pending:
                raise ConfigError(
                    f"resume: found an answer to {pending!r}; expected something pending. {did_you_mean(pending, state.pending)}"
                )
            self.check_answer(state.pending[pending], answer)
        given = [Answered(now, pending, answer, state.pending[pending].role) for pending, answer in answers.items()]
        late = [
            overdue(each, now)
            for each in state.pending.values()
            if each.id not in answers and each.until is not None and each.until <= now and each.default is not None
        ]
        return (*given, *late)

    def check_answer(self, pending: Pending, answer: Answer) -> None:
        """Refuse an answer that its question does not take, before anything runs.

        Raises:
            ConfigError: it does not; the error says what would.
        """
        takes: dict[str, tuple[type, ...]] = {
            "approval": (Approve, Reject, Edit, str), "action": (Approve, Reject, EditArguments, str), "question": (Reject, Edit, str)
        }  # fmt: skip
        if not isinstance(answer, takes[pending.kind]):
            names = ", ".join("text" if cls is str else cls.__name__ for cls in takes[pending.kind])
            raise ConfigError(f"resume: found {answer!r} as an answer; expected one of {names}, as this is an {pending.kind}.")
        if isinstance(answer, Edit):
            said = self.answer_types(pending)
            for message in (answer.message, *answer.more):
                if not isinstance(message, said):
                    names = " or ".join(cls.__name__ for cls in said) or "text"
                    raise ConfigError(f"resume: found Edit({type(message).__name__}) for {pending.handler}; expected {names}.")
        types = self.answer_types(pending) if pending.forms else ()
        if types and isinstance(answer, str):
            try:
                read_answer(answer, union_of(types), types)
            except InvalidReplyError as error:
                raise ConfigError(f"resume: found an answer to {pending.handler} that does not fit. {error}") from error

    def answer_types(self, pending: Pending) -> tuple[type[Message], ...]:
        """The messages that a person may answer with: those that the handler says, or that the question asks for.

        None where the question asks for another type: then its answer is text, and checked where it was asked.
        """
        if pending.kind == "question":
            types = self._wiring.types or {}
            return tuple(types[tag] for tag in pending.forms) if all(tag in types for tag in pending.forms) else ()
        published = self._wiring.handlers[pending.handler].spec.published
        return (*published.types, *published.fanned)

    def _environment(self, state: State, log: RunLog, deps: Any) -> Environment:
        folder = self._workspace or Path(tempfile.gettempdir()) / f"metagpt-{state.run_id}"
        return Environment(state, log, self._setting, workspace=Workspace(folder, of_run=True), deps=deps)

    def _stream(self, opened: _Opened, first: Callable[[], Tick]) -> RunStream[Out]:
        environment = opened.environment

        def finish() -> Run[Out]:
            return Run(environment.state, opened.log.read, environment.failure)

        return RunStream(environment, first, finish, opened.log.close)

    def _message(self, goal: In | str) -> In:
        if isinstance(goal, self.start):
            return goal
        fields = self.start.model_fields
        if isinstance(goal, str) and len(fields) == 1 and next(iter(fields.values())).annotation is str:
            try:
                return self.start(**{next(iter(fields)): goal})
            except ValidationError as error:
                problems = "; ".join(each["msg"] for each in error.errors())
                raise ConfigError(f"team {self.name!r}: found {goal!r} to start with, but {problems}. Start with another text.") from error
        raise ConfigError(
            f"team {self.name!r}: found {goal!r} to start with; expected a {self.start.__name__}."
            " Make one, or pass text where it has a single str field."
        )

    # models

    def model_for(self, role: str, reference: str | None = None) -> Model:
        """The model that answers a role, opened once per reference.

        Raises:
            ConfigError: there is none, or it cannot be opened.
        """
        wanted = reference or self._models.get(role) or self._team_model
        if wanted is None:
            raise ConfigError(
                f"role {role!r}: found no model; expected one of its own or the team's."
                " Pass Team(model='openai:NAME'), model='embedded', or a ScriptedModel in tests."
            )
        if not isinstance(wanted, str):
            return wanted
        if wanted not in self._opened:
            self._opened[wanted] = open_model(wanted)
        return self._opened[wanted]

    def _check_prices(self) -> None:
        if self.budget.usd is None:
            return
        for role in self.roles:
            if self._models.get(role) is None and self._team_model is None:
                continue
            profile = self.model_for(role).profile
            if profile.price is None:
                raise ConfigError(
                    f"role {role!r}: found model {profile.reference!r} without a known price under a budget of {self.budget.usd} USD;"
                    " expected one. Add it under [prices] in metagpt.toml, or bound tokens instead."
                )

    def _check_sources(self) -> None:
        for role in self.roles.values():
            for source in role.action_sources:
                source.check()

    async def close(self) -> None:
        """Close the models that this team opened."""
        for model in self._opened.values():
            await model.close()
        self._opened.clear()

    # pictures

    @property
    def graph(self) -> networkx.DiGraph[str]:
        """Messages and handlers as a networkx digraph."""
        return to_networkx(self._handlers, self.start, self.final)

    def diagram(self, format: Literal["mermaid", "dot", "svg"] = "mermaid") -> str:
        """The graph as text in that format."""
        from metagpt.diagram import draw

        return draw(self.graph, format)


def _check_parts(roles: Sequence[Any], start: Any, models: Mapping[str, Any], memory: Any, journal: Any) -> None:
    """Refuse what cannot be a part of a team, before the graph is looked at.

    Raises:
        ConfigError: naming the keyword.
    """
    for role in roles:
        if not isinstance(role, Role):
            hint = f"{role.__name__}()" if isinstance(role, type) and issubclass(role, Role) else "an instance of a subclass of Role"
            raise ConfigError(f"Team(roles): found {role!r}; expected a role. Pass {hint}.")
    if not (isinstance(start, type) and issubclass(start, Message)):
        raise ConfigError(f"Team(start=): found {start!r}; expected a Message class. Derive it from metagpt.Message.")
    models = {**models, **{f"model of role {role.name!r}": role.model for role in roles}}
    for keyword, model in models.items():
        if not (model is None or isinstance(model, str | Model)):
            raise ConfigError(
                f"Team({keyword}): found {model!r}; expected a model. Pass a reference like 'openai:NAME', or an object that is one."
            )
    memories = {"Team(memory=)": memory, **{f"memory of role {role.name!r}": role.own_memory for role in roles}}
    for keyword, each in memories.items():
        if not (each is None or isinstance(each, str | Memory)):
            raise ConfigError(f"{keyword}: found {each!r}; expected a memory. Pass a name like 'window', or an object that is one.")
    if not (journal is None or isinstance(journal, Journal)):
        raise ConfigError(f"Team(journal=): found {journal!r}; expected a journal. Pass SqliteJournal(path).")


def _opened_memories(roles: Sequence[Role[Any]], default: Memory | str) -> dict[str, Memory]:
    """Each role's memory; those that are named alike are one object."""
    wanted = {role.name: role.own_memory or default for role in roles}
    named = {name: open_memory(name) for name in dict.fromkeys(each for each in wanted.values() if isinstance(each, str))}
    return {role: named[each] if isinstance(each, str) else each for role, each in wanted.items()}


def _checked_limit(limit: WaitLimit | None) -> WaitLimit | None:
    """A team's limit answers everything that may be asked, so only what fits everything will do."""
    if limit is not None and not (isinstance(limit, WaitLimit) and isinstance(limit.default, Approve | Reject)):
        raise ConfigError(f"Team(wait_limit=): found {limit!r}; expected a WaitLimit with Approve() or Reject(note) as its default.")
    return limit


def _final_types(final: Any) -> tuple[type[Message], ...]:  # Any: a class, a union of classes or None
    if final is None:
        return ()
    members = get_args(final) if get_origin(final) in (Union, types.UnionType) else (final,)
    for member in members:
        if not (isinstance(member, type) and issubclass(member, Message)):
            raise ConfigError(f"Team(final=): found {member!r}; expected a Message class or a union of them.")
    return tuple(members)


def _goal_text(message: Message) -> str:
    return message.text if isinstance(message, Goal) else message.model_dump_json()
