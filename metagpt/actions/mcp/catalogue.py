"""From what a server lists to the actions of a role."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic_core import to_json

from metagpt.actions.interface import ActionContext, Permissions
from metagpt.actions.mcp.connection import Connection
from metagpt.actions.mcp.names import safe_names
from metagpt.actions.mcp.results import McpResult, cut, result_of, texts_of_content, texts_of_contents
from metagpt.actions.mcp.schemas import checked_schema, problems_of
from metagpt.actions.mcp.settings import permissions
from metagpt.errors import ActionError, ActionServerError, ConfigError, did_you_mean
from metagpt.models.interface import JsonSchema

if TYPE_CHECKING:
    from mcp_types import Prompt, Tool

__all__ = ["McpAction", "offered_actions"]

MOST_ACTIONS = 128
"""More than any model can choose from."""
_MOST_PAGES = 100
_MOST_DESCRIPTION = 1_200
_RESOURCES = ("list_resources", "read_resource")
_URI: JsonSchema = {
    "type": "object",
    "properties": {"uri": {"type": "string", "description": "as the server lists it", "maxLength": 4_000}},
    "required": ["uri"],
    "additionalProperties": False,
}
_NOTHING: JsonSchema = {"type": "object", "properties": {}, "additionalProperties": False}

_log = logging.getLogger("metagpt.actions")


@dataclass(slots=True, kw_only=True)
class McpAction:
    """One thing that a server offers."""

    name: str
    description: str
    permissions: Permissions
    parameters: JsonSchema
    send: Callable[[dict[str, Any]], Awaitable[McpResult]]  # Any: JSON values
    """Asks the server, with arguments that fit."""
    idempotent: bool = False
    """Whatever it says of itself."""

    async def perform(self, arguments: Mapping[str, Any], context: ActionContext) -> McpResult:
        problems = problems_of(self.parameters, arguments)
        if problems:
            raise ActionError(
                f"action {self.name!r}: found bad arguments ({'; '.join(problems)}); expected {to_json(self.parameters).decode()}."
            )
        return await self.send(dict(arguments))


async def offered_actions(connection: Connection) -> tuple[McpAction, ...]:
    """What the server offers and the user's settings let through, in an order that does not depend on the server's.

    Raises:
        ActionServerError: its lists make no sense.
        ConfigError: the settings offer what it does not have, or let through too much.
    """
    has, settings = connection.client.server_capabilities, connection.settings
    actions: list[McpAction] = []
    if has.resources is not None and (settings.offer is None or settings.resources is not None):
        actions += await _resource_actions(connection)
    if has.prompts is not None and (settings.offer is None or settings.prompts is not None):
        actions += _prompt_actions(connection, await _all(connection, "prompts"))
    tools = await _all(connection, "tools") if has.tools is not None else []
    actions += _tool_actions(connection, tools, taken=[each.name for each in actions])
    if len(actions) > MOST_ACTIONS:
        raise ConfigError(
            f"[mcp.{connection.name}]: found {len(actions)} tools and prompts; expected at most {MOST_ACTIONS}."
            ' Name those that you need: offer = ["..."].'
        )
    return tuple(sorted(actions, key=lambda each: each.name))


async def _all(connection: Connection, kind: str) -> list[Any]:  # Any: the library's Tool or Prompt
    """Every page of a list; two of one name are refused, for only one could be meant."""
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        here = cursor
        page = await connection.request(f"mcp:{connection.name}", lambda client: getattr(client, f"list_{kind}")(cursor=here))  # noqa: B023 - awaited at once
        found += getattr(page, kind)
        cursor = page.next_cursor
        if cursor is None:
            break
    names = [each.name for each in found]
    if cursor is not None or len(set(names)) < len(names):
        what = "a list without end" if cursor is not None else f"two {kind} of one name"
        raise ActionServerError(f"mcp:{connection.name}: found {what}; expected names that differ. Do not use this server.")
    return found


# tools


def _tool_actions(connection: Connection, tools: Sequence[Tool], *, taken: Sequence[str]) -> list[McpAction]:
    settings = connection.settings
    _check_named(connection, {tool.name for tool in tools})
    offered = [tool for tool in tools if settings.offer is None or tool.name in settings.offer]
    names = safe_names(connection.name, [tool.name for tool in offered], taken=taken)
    actions = []
    for tool in offered:
        try:
            schema = checked_schema(tool.input_schema)
        except ValueError as error:
            if settings.offer is not None:
                raise ActionServerError(
                    f"mcp:{connection.name}: tool {tool.name!r}: {error}; expected one. Take it out of offer."
                ) from error
            _log.warning("mcp:%s: tool %r is left out: %s", connection.name, cut(tool.name, 100), error)
            continue
        actions.append(
            McpAction(
                name=names[tool.name],
                description=_described(connection, tool.description or tool.title or tool.name),
                permissions=settings.touched_by(tool.name),
                parameters=schema,
                send=_tool_call(connection, names[tool.name], tool.name),
            )
        )
    return actions


def _check_named(connection: Connection, known: set[str]) -> None:
    """Refuse settings that speak of tools that are not there: whoever wrote them meant others."""
    for tool in (*(connection.settings.offer or ()), *connection.settings.tools):
        if tool not in known:
            raise ConfigError(
                f"[mcp.{connection.name}]: found tool {tool!r}; expected one that the server has. {did_you_mean(tool, known)}"
            )


def _tool_call(connection: Connection, name: str, tool: str) -> Callable[[dict[str, Any]], Awaitable[McpResult]]:
    source = f"mcp server {connection.name!r}, tool {tool!r}"

    async def send(arguments: dict[str, Any]) -> McpResult:
        answer = await connection.request(f"action {name!r}", lambda client: client.call_tool(tool, arguments))
        texts, left_out = texts_of_content(answer.content)
        texts = [connection.mask(text) for text in texts]
        if answer.is_error:
            raise ActionError(f"action {name!r}: {source} failed; it says (untrusted): {cut(chr(10).join(texts), 2_000)!r}.")
        structured = connection.masked(answer.structured_content)
        return result_of(source, texts, left_out, structured=structured, max_chars=connection.settings.max_chars)

    return send


def _described(connection: Connection, text: str) -> str:
    return f"{cut(connection.mask(text).strip(), _MOST_DESCRIPTION)} (Of MCP server {connection.name!r}.)"


# resources


async def _resource_actions(connection: Connection) -> list[McpAction]:
    """Two actions; none for a server that has no resources, which many say they have."""
    if not any(await _resources(connection, f"mcp:{connection.name}")):
        return []
    listing, reading = (f"{name}" for name in safe_names(connection.name, _RESOURCES).values())
    touched = permissions(connection.settings.resources)
    return [
        McpAction(
            name=listing,
            description=f"List the resources of MCP server {connection.name!r}, as name and uri; {{}} in a uri stands for what you choose.",
            permissions=touched,
            parameters=_NOTHING,
            send=_resource_list(connection, listing),
        ),
        McpAction(
            name=reading,
            description=f"Read a resource of MCP server {connection.name!r} by its uri.",
            permissions=touched,
            parameters=_URI,
            send=_resource_read(connection, reading),
        ),
    ]


def _resource_list(connection: Connection, name: str) -> Callable[[dict[str, Any]], Awaitable[McpResult]]:
    source = f"mcp server {connection.name!r}, its resources"

    async def send(arguments: dict[str, Any]) -> McpResult:
        lines, left_out = await _resources(connection, f"action {name!r}")
        return result_of(source, lines, left_out, max_chars=connection.settings.max_chars)

    return send


async def _resources(connection: Connection, owner: str) -> tuple[list[str], list[str]]:
    """A line for each resource and template of the first page, and what is left out."""
    plain = await connection.request(owner, lambda client: client.list_resources())
    listed = [(each.name, each.uri, each.description) for each in plain.resources]
    templates = await connection.request(owner, lambda client: client.list_resource_templates())
    listed += [(each.name, each.uri_template, each.description) for each in templates.resource_templates]
    lines = [cut(connection.mask(f"{uri}  {title}: {text or ''}"), 500).replace("\n", " ") for title, uri, text in listed]
    return lines, ["further pages"] if plain.next_cursor or templates.next_cursor else []


def _resource_read(connection: Connection, name: str) -> Callable[[dict[str, Any]], Awaitable[McpResult]]:
    async def send(arguments: dict[str, Any]) -> McpResult:
        uri: str = arguments["uri"]
        answer = await connection.request(f"action {name!r}", lambda client: client.read_resource(uri))
        texts, left_out = texts_of_contents(answer.contents)
        source = f"mcp server {connection.name!r}, resource {cut(uri, 200)!r}"
        return result_of(source, [connection.mask(text) for text in texts], left_out, max_chars=connection.settings.max_chars)

    return send


# prompts


def _prompt_actions(connection: Connection, prompts: Sequence[Prompt]) -> list[McpAction]:
    taken = safe_names(connection.name, _RESOURCES).values()
    names = safe_names(connection.name, [f"prompt_{prompt.name}" for prompt in prompts], taken=taken)
    return [
        McpAction(
            name=names[f"prompt_{prompt.name}"],
            description=_described(connection, f"Get the prompt {prompt.name!r}: {prompt.description or ''}"),
            permissions=permissions(connection.settings.prompts),
            parameters=_prompt_schema(prompt),
            send=_prompt_call(connection, names[f"prompt_{prompt.name}"], prompt.name),
        )
        for prompt in prompts
    ]


def _prompt_schema(prompt: Prompt) -> JsonSchema:
    given = prompt.arguments or []
    return {
        "type": "object",
        "properties": {each.name: {"type": "string", "description": cut(each.description or "", 300)} for each in given},
        "required": [each.name for each in given if each.required],
        "additionalProperties": False,
    }


def _prompt_call(connection: Connection, name: str, prompt: str) -> Callable[[dict[str, Any]], Awaitable[McpResult]]:
    source = f"mcp server {connection.name!r}, prompt {prompt!r}"

    async def send(arguments: dict[str, Any]) -> McpResult:
        answer = await connection.request(f"action {name!r}", lambda client: client.get_prompt(prompt, arguments))
        texts: list[str] = []
        left_out: list[str] = []
        for message in answer.messages:
            inner, without = texts_of_content([message.content])
            texts += [f"{message.role}: {connection.mask(text)}" for text in inner]
            left_out += without
        return result_of(source, texts, left_out, max_chars=connection.settings.max_chars)

    return send
