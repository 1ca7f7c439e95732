"""Actions: typed async functions that a role performs, or lets its model call as tools."""

from __future__ import annotations

import inspect
import logging
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, overload, runtime_checkable

from pydantic import ValidationError
from pydantic_core import to_json

from metagpt.actions.docstrings import parameter_texts
from metagpt.actions.hosts import Hosts
from metagpt.errors import ActionError, ConfigError
from metagpt.models.interface import JsonSchema, ToolSpec

if TYPE_CHECKING:
    from pydantic import BaseModel, TypeAdapter

__all__ = ["Action", "ActionContext", "AskPerson", "FunctionAction", "Permissions", "action", "as_action", "tool_spec"]

_FIELD = "argument_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permissions:
    """What an action touches: what a policy decides by."""

    reads: bool = False
    """Files or data beyond its arguments."""
    writes: bool = False
    """Files or data that stay."""
    executes: bool = False
    """Code that is not the application's own."""
    network: bool = False
    unvetted: bool = False
    """It is another's program, and nobody here has said what it touches; all of the above may be guesses."""

    @property
    def names(self) -> tuple[str, ...]:
        """Those that are set."""
        return tuple(name for name in ("reads", "writes", "executes", "network", "unvetted") if getattr(self, name))


class AskPerson(Protocol):
    """How an action asks a person.

    The action is then run again from its start, once there is an answer: ask before changing anything.
    """

    async def __call__(self, question: str, form: Any = str, /, *, wait_limit: Any = None) -> Any:  # Any: of that form
        """The person's answer.

        Args:
            question: For the person to read.
            form: What the answer must be: `str`, a Message, or any type pydantic validates.
            wait_limit: A `WaitLimit`; the team's if left out.

        Raises:
            ActionError: the person would not answer, or nobody did in time.
        """
        ...


async def _nobody(question: str, form: Any = str, /, *, wait_limit: Any = None) -> Any:
    """Outside of a run there is nobody to ask."""
    raise ActionError(f"action: found nobody to ask {question!r}; expected a run with a journal. Perform it in a handler.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """What the run lends an action; a parameter of this type is no part of the action's schema."""

    workspace: Any  # Any: metagpt.actions.workspace.Workspace, or a double of it
    deps: Any = None  # Any: whatever the application gave the run
    log: logging.Logger | logging.LoggerAdapter[logging.Logger] = field(default_factory=lambda: logging.getLogger("metagpt.actions"))
    idempotency_key: str = ""
    """The same for every try of one use of an action, in this process or after a crash."""
    role: str = ""
    hosts: Hosts = Hosts()
    """What the policy lets the role reach by network; no host unless the user named some."""
    ask_person: AskPerson = _nobody
    """Asks a person; the run waits for the answer."""


@runtime_checkable
class Action(Protocol):
    """A plugin of the entry point group `metagpt.actions`."""

    name: str
    description: str
    permissions: Permissions
    idempotent: bool
    """Running it twice with one idempotency key does no more than once."""

    @property
    def parameters(self) -> JsonSchema:
        """JSON schema of the arguments: an object."""
        ...

    async def perform(self, arguments: Mapping[str, Any], context: ActionContext) -> Any:  # Any: any JSON-able result
        """Do it.

        Raises:
            ActionError: the arguments do not fit, or it failed in a way that the model may be told.
        """
        ...


class FunctionAction:
    """An action made of a typed async function: schema from its signature, texts from its docstring.

    It is still callable as the function it was made of.
    """

    def __init__(self, function: Callable[..., Awaitable[Any]], *, permissions: Permissions, idempotent: bool) -> None:
        self.name = function.__name__
        self.description = (inspect.getdoc(function) or "").split("\n\nArgs:")[0].strip()
        self.permissions = permissions
        self.idempotent = idempotent
        self._function = function
        self._context_parameter: str | None = None
        if not inspect.iscoroutinefunction(function):
            raise ConfigError(f"@action {self.name}: found a plain function; expected `async def`. Write `async def {self.name}(...)`.")
        self._hints = self._read_hints()

    def _read_hints(self) -> dict[str, Any]:
        try:
            hints = typing.get_type_hints(self._function, include_extras=True)
        except NameError as error:
            raise ConfigError(
                f"@action {self.name}: found the annotation {error.name!r}, which names nothing; expected a type."
                " Import it at module level."
            ) from error
        for parameter in inspect.signature(self._function).parameters.values():
            if parameter.name not in hints:
                raise ConfigError(
                    f"@action {self.name}: found no annotation on {parameter.name!r}; expected a type. Its schema is made of it."
                )
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
                raise ConfigError(f"@action {self.name}: found {parameter}; expected named parameters only. Name each one.")
            if hints[parameter.name] is ActionContext:
                self._context_parameter = parameter.name
        return hints

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:  # Any: the function's own signature
        return await self._function(*args, **kwargs)

    @cached_property
    def _arguments(self) -> type[BaseModel]:
        """The model that checks the arguments. Its fields have names of their own, for `json` or `_x` would clash with pydantic's."""
        from pydantic import ConfigDict, Field, create_model

        texts = parameter_texts(inspect.getdoc(self._function) or "")
        fields: dict[str, Any] = {}
        for parameter in inspect.signature(self._function).parameters.values():
            if parameter.name != self._context_parameter:
                field = Field(
                    ... if parameter.default is parameter.empty else parameter.default,
                    alias=parameter.name,
                    description=texts.get(parameter.name),
                )
                fields[_FIELD + parameter.name] = (self._hints[parameter.name], field)
        return create_model(self.name, __config__=ConfigDict(extra="forbid"), **fields)

    @property
    def parameters(self) -> JsonSchema:
        return self._schema

    @cached_property
    def _schema(self) -> JsonSchema:
        schema = self._arguments.model_json_schema()
        schema.pop("title", None)
        return schema

    async def perform(self, arguments: Mapping[str, Any], context: ActionContext) -> Any:
        checked = self.check(arguments)
        values = {name.removeprefix(_FIELD): getattr(checked, name) for name in type(checked).model_fields}
        if self._context_parameter is not None:
            values[self._context_parameter] = context
        return await self._function(**values)

    def check(self, arguments: Mapping[str, Any]) -> BaseModel:
        """The arguments as the function's own types.

        Raises:
            ActionError: they do not fit.
        """
        try:
            return self._arguments.model_validate(dict(arguments))
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'arguments'}: {e['msg']}" for e in error.errors())
            raise ActionError(
                f"action {self.name!r}: found bad arguments ({problems}); expected {to_json(self.parameters).decode()}."
            ) from error

    def decode(self, result: str) -> Any:
        """A recorded result as the function would have returned it."""
        return self._result.validate_json(result) if result else None

    @cached_property
    def _result(self) -> TypeAdapter[Any]:
        from pydantic import TypeAdapter

        return TypeAdapter(self._hints.get("return", Any))


F = TypeVar("F", bound=Callable[..., Awaitable[Any]])


@overload
def action(function: F, /) -> F: ...
@overload
def action(
    *, reads: bool = ..., writes: bool = ..., executes: bool = ..., network: bool = ..., idempotent: bool = ...
) -> Callable[[F], F]: ...
def action(
    function: Callable[..., Awaitable[Any]] | None = None,
    /,
    *,
    reads: bool = False,
    writes: bool = False,
    executes: bool = False,
    network: bool = False,
    idempotent: bool = False,
) -> Any:
    """Make a typed async function an action.

    Its JSON schema comes from signature and docstring; a parameter of type `ActionContext` is no part of it. Checkers see
    the function itself, so it stays callable as it was.

    Raises:
        ConfigError: the function is not async, or a parameter has no annotation.
    """
    permissions = Permissions(reads=reads, writes=writes, executes=executes, network=network)

    def make(function: Callable[..., Awaitable[Any]]) -> Any:
        return FunctionAction(function, permissions=permissions, idempotent=idempotent)

    return make if function is None else make(function)


def tool_spec(performed: Action) -> ToolSpec:
    """An action as a model is told of it."""
    return ToolSpec(name=performed.name, description=performed.description, parameters=performed.parameters)


def as_action(value: object) -> Action:
    """The action that a role was given.

    Raises:
        ConfigError: it is none.
    """
    if isinstance(value, FunctionAction):  # at once: asking for the protocol reads every attribute, the schema included
        return value
    if not isinstance(value, Action):
        raise ConfigError(f"actions: found {value!r}; expected an action. Decorate an async function with @action.")
    return value
