"""What the user says of a server: one table [mcp.NAME]."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from metagpt.actions.interface import Permissions
from metagpt.errors import ConfigError, did_you_mean
from metagpt.settings import FILE_NAME, read_settings

__all__ = ["McpServerSettings", "Touched", "configured", "permissions"]

Touched: TypeAlias = tuple[Literal["reads", "writes", "executes", "network"], ...]
Seconds: TypeAlias = Annotated[float, Field(gt=0, allow_inf_nan=False)]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[_-][A-Za-z0-9]+)*")
_VARIABLE = re.compile(r"\$\{(\w+)\}")


class McpServerSettings(BaseModel):
    """How one server is started or reached, what it offers, and what that touches."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    command: tuple[str, ...] = ()
    """The program and its arguments; `{workspace}` in one stands for the run's folder. No shell reads it."""
    cwd: str | None = None
    """Where it is started; the working folder if left out."""
    env: dict[str, str] = Field(default_factory=dict)
    """Variables it gets besides HOME, PATH and the like; `${NAME}` in one stands for a variable of this process."""
    url: str = ""
    """Of a server that is reached by streamable HTTP, in place of a command."""
    headers: dict[str, str] = Field(default_factory=dict)
    """Sent with each request; `${NAME}` as in `env`."""
    offer: tuple[str, ...] | None = None
    """The tools that become actions; all of them if left out."""
    tools: dict[str, Touched] = Field(default_factory=dict)
    """What single tools touch; the policy decides by it."""
    touches: Touched | None = None
    """What all other tools touch; left out, they are unvetted."""
    resources: Touched | None = None
    """What reading its resources touches; left out, that is unvetted, and beside `offer` not offered."""
    prompts: Touched | None = None
    """The same of its prompts."""
    start_timeout_s: Seconds = 30.0
    timeout_s: Seconds = 60.0
    """Longest wait for one answer."""
    max_chars: Annotated[int, Field(ge=100)] = 50_000
    """Longest result that a model is shown."""

    @model_validator(mode="after")
    def _check(self) -> McpServerSettings:
        if bool(self.command) == bool(self.url):
            raise ValueError("found both or none of command and url; expected one of them")
        if any("\0" in word for word in self.command) or (self.command and not self.command[0].strip()):
            raise ValueError(f"found command = {list(self.command)!r}; expected a program and its arguments")
        if self.url:
            _check_url(self.url, has_headers=bool(self.headers))
        if self.url and (self.env or self.cwd):
            raise ValueError("found env or cwd beside url; expected them beside a command")
        if self.command and self.headers:
            raise ValueError("found headers beside command; expected them beside a url")
        return self

    def variables(self) -> tuple[str, ...]:
        """Names of this process's variables that it is given."""
        return tuple(name for value in (*self.env.values(), *self.headers.values()) for name in _VARIABLE.findall(value))

    def secrets(self) -> tuple[str, ...]:
        """Values of those variables: nothing of what it says may show them."""
        return tuple({value for name in self.variables() if len(value := os.environ.get(name, "")) > 3})

    def environment(self) -> dict[str, str]:
        """`env` with its variables filled in."""
        return {name: _filled(value) for name, value in self.env.items()}

    def request_headers(self) -> dict[str, str]:
        """`headers` with their variables filled in."""
        return {name: _filled(value) for name, value in self.headers.items()}

    def touched_by(self, tool: str) -> Permissions:
        """What the user says that a tool touches."""
        return permissions(self.tools.get(tool, self.touches))


def permissions(touched: Touched | None) -> Permissions:
    """As the user says; where they say nothing it may touch everything, and is unvetted."""
    if touched is None:
        return Permissions(reads=True, writes=True, executes=True, network=True, unvetted=True)
    return Permissions(**dict.fromkeys(touched, True))


def configured(name: str) -> McpServerSettings:
    """The user's table [mcp.NAME], read now.

    Raises:
        ConfigError: there is none, or it is wrong.
    """
    if not _NAME.fullmatch(name) or len(name) > 32:
        raise ConfigError(
            f"action 'mcp:{name}': found the server name {name!r}; expected letters, digits and single '-' or '_', at most 32."
        )
    settings = read_settings()
    if name not in settings.mcp:
        raise ConfigError(
            f"action 'mcp:{name}': found no [mcp.{name}]; expected it in {FILE_NAME} or in ~/.metagpt/{FILE_NAME}, for servers are started"
            f" from your own settings alone. {did_you_mean(name, settings.mcp)}"
        )
    return _checked(name, settings.mcp[name])


def _checked(name: str, table: Mapping[str, object]) -> McpServerSettings:
    try:
        return McpServerSettings.model_validate(dict(table))
    except ValidationError as error:
        found = "; ".join(_told(each["loc"], each["msg"], str(each["type"])) for each in error.errors(include_url=False))
        raise ConfigError(f"{FILE_NAME}: [mcp.{name}]: {found}. Mend that table.") from error


def _told(place: tuple[int | str, ...], said: str, kind: str) -> str:
    where = ".".join(map(str, place))
    if kind == "extra_forbidden":
        return f"found key {where!r}; expected one of its own. {did_you_mean(where, McpServerSettings.model_fields).rstrip('.')}"
    said = said.removeprefix("Value error, ")
    return f"{where}: {said}" if where else said


def _check_url(url: str, *, has_headers: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ValueError(f"found url = {url.rpartition('@')[2]!r}; expected http:// or https:// and a host, and secrets in headers")
    if parts.scheme == "http" and has_headers and not _is_loopback(parts.hostname):
        raise ValueError(f"found headers for {url!r}; expected https://, for anybody on the way could read them")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _filled(value: str) -> str:
    return _VARIABLE.sub(lambda found: os.environ[found[1]], value)
