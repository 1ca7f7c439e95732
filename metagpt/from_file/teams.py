"""Teams of a file: roles, message types, models, budget and policy as data."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path, PurePosixPath
from typing import Any

from metagpt.errors import ConfigError, TeamError, did_you_mean
from metagpt.from_file.handlers import SENDER, read_condition
from metagpt.from_file.messages import open_types
from metagpt.from_file.parts import read_memory, read_model
from metagpt.from_file.places import Places
from metagpt.from_file.roles import RolePlan, is_role_file, open_source, plan_role
from metagpt.from_file.section import Section
from metagpt.from_file.signatures import Slot, read_union, snake_case
from metagpt.from_file.source import Findings
from metagpt.from_file.team_policy import CAUTIOUS, read_policy
from metagpt.from_file.type_texts import TypeTextError
from metagpt.message import Message, tag_of
from metagpt.plugins import load_plugin
from metagpt.runtime.budget import Budget
from metagpt.runtime.policy import Policy

__all__ = ["TeamPlan", "fingerprint", "read_team"]

_KEYS = ("name", "description", "start", "final", "success", "model", "memory", "seed", "messages", "roles", "models", "budget", "policy")


@dataclass(frozen=True, kw_only=True)
class TeamPlan:
    """One team, read and checked as far as that goes without its graph."""

    roles: Sequence[RolePlan | Callable[[], Any]]  # Any: a role that is installed
    keywords: Mapping[str, Any]
    """Of `Team`."""
    policy: Policy
    places: Places

    def make(self, team: type[Any], role: type[Any], keywords: Mapping[str, Any]) -> Any:  # Any: both stand above this package
        """The team.

        Args:
            team: `Team`.
            role: `Role`.
            keywords: Of `team`; they come before what the file says, but for the policy, which the file can only tighten.

        Raises:
            TeamError: everything that is wrong with its graph, each with `FILE:LINE`.
        """
        roles = [plan.make(role) if isinstance(plan, RolePlan) else plan() for plan in self.roles]
        models = {**self.keywords["models"], **(keywords.get("models") or {})}
        policy = replace(self.policy, also=keywords.get("policy") or CAUTIOUS)
        try:
            return team(roles, **{**self.keywords, **keywords, "models": models, "policy": policy})
        except TeamError as error:
            raise TeamError(error.owner, [self.places.located(finding) for finding in error.findings]) from None


def read_team(path: Path, role: type[Any]) -> TeamPlan:
    """The team of a file.

    Args:
        path: Markdown with front matter, or TOML.
        role: `Role`.

    Raises:
        ConfigError: there is no such file, or it is no Markdown or TOML.
        TeamError: everything that is wrong with it, at once.
    """
    if is_role_file(path):
        found = f"{path}:1: found a role's file; expected a team's. Name it in one: [roles.{path.stem}] file = {path.name!r}."
        raise TeamError(f"team file {str(path)!r}", [found])
    source, findings = open_source(path, "team"), Findings()
    body = Section(source, findings, source.table)
    body.only(*_KEYS)
    reading = _Reading(body, role)
    roles = reading.roles()
    final = reading.final()
    keywords = {
        "name": body.text("name") or path.stem,
        "start": reading.start(),
        "final": None if final is None else _union(final),
        "success": _success(body, final),
        "model": read_model(body),
        "memory": read_memory(body),
        "seed": body.whole("seed", 0),
        "models": _models(body, reading.names),
        "budget": _budget(body),
    }
    policy = read_policy(body, reading.names)
    if findings.lines:
        raise TeamError(f"team file {str(path)!r}", findings.lines)
    return TeamPlan(roles=roles, keywords=keywords, policy=policy, places=reading.places(roles))


def fingerprint(path: Path) -> str:
    """What a team's file and the role files that it names hold: the same text as long as none of them was changed.

    Raises:
        ConfigError: there is no such file, or it is no Markdown or TOML.
    """
    tables = open_source(path, "team").table.get("roles")
    named = [each.get("file") for each in tables.values() if isinstance(each, dict)] if isinstance(tables, dict) else []
    digest = hashlib.blake2b(digest_size=16)
    for file in (path, *(path.parent / name for name in named if isinstance(name, str))):
        held = file.read_bytes() if file.is_file() else b""
        digest.update(len(held).to_bytes(8, "big") + held)
    return digest.hexdigest()


class _Reading:
    """The parts of a team's file that name each other: message types and roles."""

    def __init__(self, body: Section, role: type[Any]) -> None:
        self._body, self._role = body, role
        self._tables = dict(body.sections("roles"))
        self.names = tuple(self._tables)
        self._installed = {name: made for name, table in self._tables.items() if (made := self._open_installed(name, table))}
        self._types = open_types(body, _types_of(self._installed.values()))
        self._message_places = {name: body.section("messages").place(name) for name in self._types.declared}

    def roles(self) -> list[RolePlan | Callable[[], Any]]:
        """Plans of all roles; a file's own types are known to the roles below it."""
        if not self._tables:
            self._body.wrong("roles", "found no roles; expected one or more. Add [roles.NAME].")
        found: dict[str, RolePlan | Callable[[], Any]] = {}
        for name, table in self._tables.items():
            if "file" in table.table:
                read = self._from_file(name, table)
                found.update({name: read} if read else {})
        for name, table in self._tables.items():
            if name in self._installed:
                found[name] = self._maker(name, table)
            elif "file" not in table.table and "use" not in table.table:
                table.only("persona", "model", "memory", "actions", "handlers", "file", "use")
                planned = plan_role(name, table, self._types, self._role)
                found.update({name: planned} if planned else {})
        for plan in found.values():
            self._check_addresses(plan)
        return [found[name] for name in self.names if name in found]

    def _open_installed(self, name: str, table: Section) -> Any:
        """The role that an installed package registers; None where the table names none."""
        used = table.text("use")
        if used is None:
            return None
        table.only("use", "model", "memory")
        try:
            return load_plugin("roles", used)
        except ConfigError as error:
            table.wrong("use", str(error))
            return None

    def _maker(self, name: str, table: Section) -> Callable[[], Any]:
        made, keywords = self._installed[name], {"model": read_model(table), "memory": read_memory(table)}
        return lambda: made(name=name, **keywords)

    def _from_file(self, name: str, table: Section) -> RolePlan | None:
        """The role of another file, beside this one or below it."""
        table.only("file", "model", "memory")
        given = table.text("file")
        if given is None:
            return None
        relative = PurePosixPath(given)
        if relative.is_absolute() or ".." in relative.parts or "\\" in given:
            table.wrong("file", f'found file = {given!r}; expected one beside this file or below. Write it as "roles/reviewer.md".')
            return None
        try:
            source = open_source(table.source.file.parent / relative, "role")
        except ConfigError as error:
            table.wrong("file", str(error))
            return None
        body = Section(source, table.findings, source.table)
        body.only("name", "messages", "persona", "model", "memory", "actions", "handlers")
        types = open_types(body, self._types.values())
        plan = plan_role(name, body, types, self._role)
        self._message_places |= {each: body.section("messages").place(each) for each in types.declared}
        self._types.learn(types.declared)
        model, memory = read_model(table), read_memory(table)
        return plan and replace(plan, model=model or plan.model, memory=memory or plan.memory)

    def _check_addresses(self, plan: RolePlan | Callable[[], Any]) -> None:
        """Each `to` is a role of the team's."""
        for handler in plan.handlers if isinstance(plan, RolePlan) else ():
            for name in handler.to:
                if name not in self.names and handler.to != (SENDER,):
                    text = f"{plan.name}.{handler.name}: found to = {name!r}; expected a role, or {SENDER!r} alone."  # type: ignore[union-attr]
                    self._body.findings.add(handler.place, f"{text} {did_you_mean(name, self.names)}")

    def start(self) -> type[Message]:
        """The message that starts a run."""
        found = self._named("start")
        if found is not None and len(found) > 1:
            self._body.wrong("start", f"found {len(found)} types; expected one. Name one message.")
        return found[0] if found else self._types["Goal"]

    def final(self) -> Slot | None:
        """The messages that a run is for."""
        return self._named("final")

    def _named(self, key: str) -> Slot | None:
        given = self._body.texts(key)
        try:
            return read_union(" | ".join(given), self._types.look_up) if given else None
        except TypeTextError as error:
            self._body.told(key, error)
            return None

    def places(self, roles: Sequence[RolePlan | Callable[[], Any]]) -> Places:
        """Where everything stands."""
        plans = [plan for plan in roles if isinstance(plan, RolePlan)]
        return Places(
            roles={name: table.place() for name, table in self._tables.items()} | {plan.name: plan.place for plan in plans},
            handlers={f"{plan.name}.{handler.name}": handler.place for plan in plans for handler in plan.handlers},
            messages={tag_of(self._types[name]): place for name, place in self._message_places.items()},
            start=self._body.place("start"),
            final=self._body.place("final"),
        )


def _types_of(roles: Any) -> list[type[Message]]:
    """The message types that installed roles hear and say."""
    specs = [spec for role in roles for spec in getattr(role, "handlers", {}).values()]
    named = [cls for spec in specs for slot in (*spec.hears, spec.published.types, spec.published.fanned) for cls in slot]
    return list(dict.fromkeys(named))


def _union(slot: Slot) -> Any:
    found: Any = slot[0]
    for cls in slot[1:]:
        found = found | cls
    return found


def _success(body: Section, final: Slot | None) -> Callable[[Any], bool] | None:
    """The condition under which a run has succeeded, over the final message by its type's name."""
    if "success" in body.table and "final" not in body.table:
        body.wrong("success", "found success without final; expected the message that it judges. Add final.")
    condition = read_condition(body, "success", {snake_case(cls.__name__): (cls,) for cls in final} if final else None)
    if condition is None:
        return None
    return lambda output: condition.holds({snake_case(type(output).__name__): output})


def _models(body: Section, roles: Sequence[str]) -> dict[str, str]:
    """The table `[models]`: references by role."""
    table = body.section("models")
    table.only(*roles)
    found = {name: read_model(table, name) for name in table.table}
    return {name: reference for name, reference in found.items() if reference is not None}


def _budget(body: Section) -> Budget | None:
    if "budget" not in body.table:
        return None
    table = body.section("budget")
    table.only(*(field.name for field in fields(Budget)))
    bounds: dict[str, Any] = {name: table.number(name) for name in ("usd", "seconds")}
    bounds |= {name: table.whole(name) for name in ("tokens", "calls", "steps")}
    try:
        return Budget(**bounds)
    except ValueError as error:
        table.wrong(None, str(error))
        return None
