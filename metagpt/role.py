"""Roles: agents with a persona, handlers, a model, a memory and actions."""

from __future__ import annotations

import copy
import inspect
import logging
import random
import re
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, LiteralString, cast

from typing_extensions import TypeVar

from metagpt.actions.interface import Action, as_action
from metagpt.actions.sources import ActionSource
from metagpt.actions.workspace import Workspace
from metagpt.errors import ActionError, ConfigError, did_you_mean
from metagpt.handler import HandlerSpec, handlers_of
from metagpt.memory.interface import Memory, MemoryEntry, is_lasting
from metagpt.message import Message
from metagpt.models.interface import Model, ModelOptions
from metagpt.plugins import open_action
from metagpt.runtime.execution import Execution
from metagpt.runtime.questions import ask_person
from metagpt.runtime.remembering import recall
from metagpt.runtime.role_state import fresh_state, mutable_names, template_state
from metagpt.runtime.ticks import WaitLimit

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import TypeForm

    from metagpt.runtime.asking import Answers
    from metagpt.runtime.prompts import PromptFile

__all__ = ["Role", "RoleMemory"]

T = TypeVar("T")
Deps = TypeVar("Deps", default=Any)

_OWN_PROMPTS = Path(__file__).parent / "prompts"


class RoleMemory:
    """`self.memory` inside a handler."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution

    async def remember(self, text: str, *, key: str = "", shared: bool = False) -> None:
        """Keep a note; it counts once this handler's outcome is recorded.

        Args:
            text: The note.
            key: What it is kept under: it takes the place of the note that was kept under it before.
            shared: Whether other roles may recall it, too: those with the same long-term memory.

        Raises:
            ConfigError: it is to be shared, and this role's memory is its own alone.
        """
        if shared and not is_lasting(self._execution.memory):
            raise ConfigError(
                f"{self._execution.handler}: found remember(shared=True) with a memory that ends with the run; expected one that"
                " several roles have. Give the role LongTermMemory(path)."
            )
        self._execution.remember(MemoryEntry(text=text, key=key, shared=shared))

    async def recall(self, query: str, limit: int = 5) -> list[str]:
        """The notes and exchanges that fit the query best, the best first."""
        return [entry.content for entry in await recall(self._execution, query, limit)]


class Role(Generic[Deps]):
    """An agent. The docstring of a subclass is its persona; methods marked `@on` are its handlers.

    A subclass needs no constructor; one that has it may set attributes, which are then every run's state to begin with.
    `name`, `model`, `persona` and `actions` may stand on the class as well.

    Args:
        name: What messages are addressed by; the class's name in snake_case if left out.
        model: What answers this role: a model, or a reference such as `openai:gpt-5-mini`; the team's if left out.
        memory: What it remembers and how: a memory, or the name of one such as `vector`; the team's if left out.
        actions: What it may perform, or offer its model as tools: actions, names of installed ones such as `"read_file"`,
            and sources of several such as `"mcp:NAME"`.
        persona: Who it is, in place of the docstring.
    """

    handlers: ClassVar[Mapping[str, HandlerSpec]] = {}
    """The class's handlers by name, read when the class is made."""
    _execution: Execution | None = None
    _copy_of: Role[Any] | None = None
    """Of an attempt's copy: the role it is a copy of."""
    _state_template: Mapping[str, str | None] | None = None
    _state_to_copy: tuple[str, ...] = ()

    name: str = "role"
    model: Model | str | None = None
    own_memory: Memory | str | None = None
    actions: tuple[Action, ...] = ()
    action_sources: tuple[ActionSource, ...] = ()
    """What offers more actions once it is open; in a run they stand in `actions`, too."""
    persona: str = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _check_names(cls)
        cls.handlers = handlers_of(cls)
        if "name" not in vars(cls):
            cls.name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
        if cls.__doc__ and "persona" not in vars(cls):
            cls.persona = inspect.cleandoc(cls.__doc__)
        if "actions" in vars(cls):
            cls.actions, cls.action_sources = _checked_actions(cls.__name__, cls.actions)

    def __init__(
        self,
        name: str | None = None,
        *,
        model: Model | str | None = None,
        memory: Memory | str | None = None,
        actions: Sequence[Any] = (),  # Any: @action functions are typed as the functions they were
        persona: str | None = None,
    ) -> None:
        if name is not None:
            self.name = name
        if persona is not None:
            self.persona = persona
        if model is not None:
            self.model = model
        if memory is not None:
            self.own_memory = memory
        if actions:
            self.actions, self.action_sources = _checked_actions(self.name, actions)

    @classmethod
    def from_file(
        cls,
        path: str | Path,
        *,
        name: str | None = None,
        model: Model | str | None = None,
        memory: Memory | str | None = None,
        actions: Sequence[Any] = (),
        messages: Sequence[type[Message]] = (),
    ) -> Self:
        """A role that stands in a file, which is read as data: Markdown with front matter, or TOML.

        Args:
            path: The file; its name is the role's where it says none.
            name: As in the constructor; what is given here comes before what the file says. So do model and memory.
            model: As in the constructor.
            memory: As in the constructor.
            actions: Actions that the file may name beside the installed ones; all are the role's if it names none.
            messages: Message classes that the file may name beside those it declares.

        Raises:
            ConfigError: there is no such file, or it is no Markdown or TOML.
            TeamError: everything that is wrong with it, at once, each with `FILE:LINE`.
        """
        from metagpt.from_file import read_role

        plan = read_role(Path(path), cls, messages=messages, actions=actions)
        return cast("Self", plan.make(cls, name=name, model=model, memory=memory))

    @property
    def template(self) -> Mapping[str, str | None]:
        """The role's state before any handler ran."""
        if self._state_template is None:
            self._state_template = template_state(self)
            self._state_to_copy = mutable_names(self, self._state_template)
        return self._state_template

    @property
    def prompt_folders(self) -> tuple[Path, ...]:
        """Where `template(...)` looks: prompts/ beside or above the role's own module, then metagpt's."""
        cls = type(self)
        if "_folders" not in cls.__dict__:
            cls._folders = _prompt_folders(cls)  # type: ignore[attr-defined]  # a cache on each class
        return cast("tuple[Path, ...]", cls.__dict__["_folders"])

    def for_attempt(self, execution: Execution) -> Self:
        """A copy of the role for one attempt of one handler."""
        template = self.template
        attempt = object.__new__(type(self))  # what copy.copy would do, at a tenth of its cost: this is done for every message
        attempt.__dict__.update(self.__dict__)
        attempt._execution, attempt._copy_of = execution, self
        if self._state_to_copy:
            fresh_state(attempt, self._state_to_copy, template)
        return attempt

    def with_opened(self, actions: Sequence[Action]) -> Self:
        """A copy of the role that has these actions of its sources besides its own.

        Raises:
            ConfigError: two actions have one name.
        """
        opened = copy.copy(self)
        opened.actions, _ = _checked_actions(self.name, (*self.actions, *actions))
        return opened

    @property
    def _attempt(self) -> Execution:
        if self._execution is None:
            raise ConfigError(
                f"{self.name}: found ask, do, memory or another part of a run used outside of one; expected a handler to use it."
                " Call it in a method marked @on."
            )
        return self._execution

    # what a handler has at hand

    async def ask(
        self,
        form: TypeForm[T],
        prompt: LiteralString | PromptFile,
        /,
        *,
        tools: Sequence[Any] | None = None,
        options: ModelOptions | None = None,
        name: str | None = None,
        **context: Any,  # Any: whatever the prompt's names stand for
    ) -> T:
        """The model's answer to the prompt, as the type asked for.

        Args:
            form: A Message, any type pydantic validates, or `str`.
            prompt: A literal Jinja text, or `template("role/handler")`.
            tools: Actions that the model may call; None offers none, `self.actions` the role's.
            options: How to answer.
            name: The call's name after `<role>.`; advised where a handler asks several times.
            context: The prompt's values; also all that a model fine-tuned to this call reads.

        Raises:
            ModelError: the call failed, or no answer fitted the type after all re-asks.
        """
        options = options or ModelOptions()
        single = options if options.n else replace(options, n=1)
        return (await self._ask_all(form, prompt, tools, single, name, context))[0]

    async def ask_many(
        self,
        form: TypeForm[T],
        prompt: LiteralString | PromptFile,
        /,
        *,
        tools: Sequence[Any] | None = None,
        options: ModelOptions | None = None,
        name: str | None = None,
        **context: Any,
    ) -> Answers[T]:
        """Every candidate answer of one call that fits the type: `options.n` of them, or as many as the model advises.

        The list's `drawn` says how many candidates there were, those that did not fit included.

        Raises:
            ModelError: the call failed, or no candidate fitted the type after all re-asks.
        """
        return await self._ask_all(form, prompt, tools, options, name, context)

    async def _ask_all(
        self,
        form: TypeForm[T],
        prompt: LiteralString | PromptFile,
        tools: Sequence[Any] | None,
        options: ModelOptions | None,
        name: str | None,
        context: Mapping[str, Any],
    ) -> Answers[T]:
        from metagpt.runtime.asking import ask as ask_model

        offered = None if tools is None else [as_action(tool) for tool in tools]
        return await ask_model(self._attempt, form, prompt, tools=offered, options=options, name=name, context=context)

    async def ask_person(
        self,
        form: TypeForm[T],
        prompt: LiteralString | PromptFile,
        /,
        *,
        wait_limit: WaitLimit | None = None,
        **context: Any,  # Any: whatever the prompt's names stand for
    ) -> T:
        """A person's answer to the prompt; the run waits for it, in this process or until another one goes on.

        What the handler did before is not done again. An answer that does not fit is asked for again.

        Args:
            form: A Message, any type pydantic validates, or `str`.
            prompt: As in `ask`.
            wait_limit: How long the person may take, and what counts then; the team's if left out.
            context: The prompt's values.

        Raises:
            ActionError: the person would not answer, or nobody did in time.
        """
        from metagpt.runtime.prompts import render

        attempt = self._attempt
        text = render(prompt, context, self.prompt_folders, owner=attempt.handler)
        return ask_person(attempt, form, text, limit=wait_limit)

    async def do(self, performed: Any, /, **arguments: Any) -> Any:  # Any: an action is typed as its function
        """Perform an action, once whatever happens, as far as the policy allows.

        Args:
            performed: The action, or the name of one of the role's.
            arguments: Its arguments.

        Raises:
            ActionError: it is unknown, refused, or failed.
        """
        if isinstance(performed, str):
            known = {each.name: each for each in self.actions}
            if performed not in known:
                raise ActionError(
                    f"{self.name}: found no action {performed!r}; expected one of the role's. {did_you_mean(performed, known)}",
                    role=self.name,
                )
            performed = known[performed]
        return await self._attempt.perform(as_action(performed), arguments)

    @property
    def memory(self) -> RoleMemory:
        """What the role remembers."""
        return RoleMemory(self._attempt)

    @property
    def workspace(self) -> Workspace:
        """The run's folder."""
        return self._attempt.host.workspace

    @property
    def deps(self) -> Deps:
        """What the application gave this run; never journaled."""
        return cast("Deps", self._attempt.host.deps)

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """A log that names run, role and handler."""
        return self._attempt.log

    @property
    def random(self) -> random.Random:
        """Chance that a resumed run draws again."""
        return self._attempt.random

    @property
    def feedback(self) -> str | None:
        """What a person wrote who rejected this handler's last output."""
        return self._attempt.invocation.note

    def now(self) -> datetime:
        """When the last recorded thing this handler knows of happened, in UTC: the same when it is replayed."""
        return datetime.fromtimestamp(self._attempt.now(), UTC)


_PARTS = frozenset({"template", "for_attempt", "handlers", "memory", "workspace", "deps", "log", "random", "feedback", "now"})
_ASKING = frozenset({"ask", "ask_many", "ask_person", "do"})


def _check_names(cls: type[Role[Any]]) -> None:
    """Refuse a class that hides what every role has; `ask` and `do` may be extended, but are no handlers."""
    for name, value in vars(cls).items():
        if name in _PARTS or (name in _ASKING and hasattr(value, "__metagpt_on__")):
            raise ConfigError(
                f"{cls.__name__}.{name}: found it defined anew; expected what every role has by that name. Choose another name."
            )


def _checked_actions(owner: str, given: Sequence[Any]) -> tuple[tuple[Action, ...], tuple[ActionSource, ...]]:
    """The actions, and the sources of more, with names looked up among the installed ones."""
    named = [open_action(each) if isinstance(each, str) else each for each in given]
    sources = tuple(each for each in named if isinstance(each, ActionSource))
    actions = tuple(as_action(each) for each in named if not isinstance(each, ActionSource))
    twice = [name for name, count in Counter(each.name for each in actions).items() if count > 1]
    if twice:
        raise ConfigError(f"{owner}: found two actions called {twice[0]!r}; expected names that differ. Rename one.")
    return actions, sources


def _prompt_folders(cls: type) -> tuple[Path, ...]:
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    above = Path(file).resolve().parents[:3] if file else ()
    return (*(folder / "prompts" for folder in above if (folder / "prompts").is_dir()), _OWN_PROMPTS)
