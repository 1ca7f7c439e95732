"""Roles of a file: `Role.from_file` for one, and the tables of a team's file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from metagpt.actions.interface import Action
from metagpt.actions.sources import ActionSource
from metagpt.errors import ConfigError, TeamError, did_you_mean
from metagpt.from_file.handlers import HandlerPlan, read_handler
from metagpt.from_file.markdown_file import read_markdown
from metagpt.from_file.messages import MessageTypes, open_types
from metagpt.from_file.parts import read_actions, read_memory, read_model
from metagpt.from_file.section import Section
from metagpt.from_file.source import Findings, Source
from metagpt.from_file.toml_file import read_toml
from metagpt.memory.interface import Memory
from metagpt.message import Message

__all__ = ["SUFFIXES", "RolePlan", "is_role_file", "open_source", "plan_role", "read_role"]

SUFFIXES = (".md", ".toml")
_KEYS = ("persona", "model", "memory", "actions", "handlers")


@dataclass(frozen=True, kw_only=True)
class RolePlan:
    """One role, read and checked."""

    name: str
    persona: str
    handlers: tuple[HandlerPlan, ...]
    place: str
    """`FILE:LINE`."""
    model: str | None = None
    memory: Memory | str | None = None
    actions: tuple[Action | ActionSource, ...] = ()

    def make(self, base: type[Any], **keywords: Any) -> Any:  # Any: Role stands above this package
        """The role: an object of a new subclass of `base`.

        Args:
            base: `Role`, or a subclass.
            keywords: Of its constructor; they come before what the file says.
        """
        title = "".join(part[:1].upper() + part[1:] for part in re.split("[_-]", self.name))
        handlers = {plan.name: plan.make() for plan in self.handlers}
        cls = type(title, (base,), {"__module__": base.__module__, "name": self.name, "persona": self.persona, **handlers})
        own: Mapping[str, Any] = {"model": self.model, "memory": self.memory, "actions": self.actions}
        return cls(**{**own, **{name: value for name, value in keywords.items() if value is not None}})


def read_role(path: Path, base: type[Any], *, messages: Iterable[type[Message]] = (), actions: Sequence[Any] = ()) -> RolePlan:
    """The role of a file.

    Args:
        path: Markdown with front matter, or TOML.
        base: The class that it is to be one of.
        messages: Message classes that the file may name beside those it declares.
        actions: Actions that it may name beside the installed ones.

    Raises:
        ConfigError: there is no such file, or it is no Markdown or TOML.
        TeamError: everything that is wrong with it, at once.
    """
    source, findings = open_source(path, "role"), Findings()
    body = Section(source, findings, source.table)
    body.only("name", "messages", *_KEYS)
    types = open_types(body, messages)
    plan = plan_role(body.text("name") or path.stem, body, types, base, actions=actions)
    if findings.lines or plan is None:
        raise TeamError(f"role file {str(path)!r}", findings.lines)
    return plan


def open_source(path: Path, kind: Any) -> Source:
    """The file's tables.

    Raises:
        ConfigError: its name ends in neither .md nor .toml, or it cannot be read.
    """
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: found a file that ends in {path.suffix!r}; expected .md or .toml. Rename it.")
    return read_markdown(path, kind) if path.suffix == ".md" else read_toml(path)


def is_role_file(path: Path) -> bool:
    """Whether a file has handlers of its own, and no roles, as a role's file has; one that cannot be read is left to its reader."""
    try:
        table = open_source(path, "role").table
    except ConfigError:  # whoever reads it for what it holds is told
        return False
    handlers = table.get("handlers")
    if "roles" in table or not isinstance(handlers, dict):
        return False
    headed = [name for name, each in handlers.items() if "->" in name or (isinstance(each, dict) and "hears" in each)]
    return path.suffix == ".toml" or bool(headed)  # in a team's Markdown, headings of that level are roles


def plan_role(name: str, body: Section, types: MessageTypes, base: type[Any], *, actions: Sequence[Any] = ()) -> RolePlan | None:
    """The role of a table; None where findings were added."""
    before = len(body.findings.lines)
    if not re.fullmatch(r"[A-Za-z][\w-]*", name):
        body.wrong("name", f"found a role {name!r}; expected a name in snake_case, as product_manager. Rename it.")
    persona = body.text("persona")
    if persona is None:
        body.wrong(None, 'found no persona; expected who the role is. Add persona = "You are …".')
    model, memory = read_model(body), read_memory(body)
    own = read_actions(body, actions)
    plans = [read_handler(each, section, types, taken=base) for each, section in body.sections("handlers")]
    if not plans:
        body.wrong(None, "found no handlers; expected one or more. Add what the role hears, says and asks its model.")
    handlers = tuple(plan for plan in plans if plan is not None)
    for plan in handlers:
        _check_tools(body, plan, own)
    if persona is None or len(body.findings.lines) > before:
        return None
    return RolePlan(name=name, persona=persona.strip(), handlers=handlers, place=body.place(), model=model, memory=memory, actions=own)


def _check_tools(body: Section, plan: HandlerPlan, actions: Sequence[Action | ActionSource]) -> None:
    """Each tool a handler offers is an action of the role's; what a source offers is known only once it is open."""
    if any(isinstance(action, ActionSource) for action in actions):
        return
    names = [action.name for action in actions if isinstance(action, Action)]
    wanted = plan.tools
    handler = body.section("handlers").section(plan.name)
    if wanted is True and not names:
        handler.wrong("tools", "found tools = true in a role without actions; expected some. Add actions to the role.")
    for name in () if isinstance(wanted, bool) else wanted:
        if name not in names:
            handler.wrong("tools", f"found tool {name!r}; expected one of the role's actions. {did_you_mean(name, names)}")
