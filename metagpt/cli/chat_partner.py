"""Who a person talks with: a team, which takes every line as a goal, or one role, which answers in its own words.

A role's handlers hear typed messages, which nobody types; and a person who talks with a role expects to be talked with. So
a chat with a role is one with its persona, through its model and memory, with its actions as tools. What it was made for
is had by a chat with its team.
"""

from __future__ import annotations

import copy
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from metagpt.cli.teams import DATA_FILES, find_team, is_file, is_installed, make_team
from metagpt.errors import ConfigError, TeamError, did_you_mean
from metagpt.from_file.team_policy import CAUTIOUS
from metagpt.handler import on
from metagpt.journal.interface import Journal
from metagpt.memory.interface import Memory
from metagpt.memory.window import WindowMemory
from metagpt.message import Goal, Message
from metagpt.models.interface import Model
from metagpt.plugins import load_plugin, open_memory
from metagpt.role import Role
from metagpt.team import Team

__all__ = ["ASSISTANT", "Said", "Talker", "find_partner", "partner_team"]

ASSISTANT = "assistant"
"""Who answers where nobody is named."""

_EXCHANGES = 1000
"""Most turns that stand in a role's window; what does not fit into the model's is left out, the oldest first."""


class Said(Message):
    """What a role says in a chat."""

    text: str


class Talker(Role):
    """You are a helpful assistant."""

    @on(Goal)
    async def chat(self, goal: Goal) -> Said:
        return Said(text=await self.ask(str, "{{ text }}", tools=self.actions or None, name="chat", text=goal.text))


def find_partner(spec: str) -> Any:  # Any: a Role, a Team, or a function that makes one
    """What the user named: an installed team or role, FILE.py:NAME of either, or a file that is data.

    Raises:
        ConfigError: there is none of that name.
        TeamError: the file is neither a role nor a team.
    """
    if spec == ASSISTANT:
        return Talker(ASSISTANT)
    if spec.endswith(DATA_FILES):
        return _from_file(spec)
    if is_file(spec) or is_installed(spec):
        found = find_team(spec)
        return found() if isinstance(found, type) and issubclass(found, Role) else found
    roles = entry_points(group="metagpt.roles").names
    if spec not in roles:
        known = {*roles, *entry_points(group="metagpt.teams").names, ASSISTANT}
        raise ConfigError(
            f"metagpt chat: found {spec!r}; expected an installed role or team, or a FILE.py:NAME. {did_you_mean(spec, known)}"
        )
    return load_plugin("roles", spec)()


def _from_file(spec: str) -> Any:  # Any: a Role, or a function that makes a team
    try:
        return Role.from_file(Path(spec))
    except TeamError as no_role:
        try:
            Team.from_file(Path(spec))
        except TeamError as no_team:
            findings = [*(f"as a role: {each}" for each in no_role.findings), *(f"as a team: {each}" for each in no_team.findings)]
            raise TeamError(f"file {spec!r}", findings) from None
    return find_team(spec)


def partner_team(spec: str, found: Any, journal: Journal) -> Team[Any, Any]:
    """A team that keeps what is said: the one named, or a role that talks.

    Raises:
        ConfigError: it is neither.
    """
    if isinstance(found, Role):
        model: Model | str | None = found.model
        persona = found.persona or Talker.persona
        actions = (*found.actions, *found.action_sources)
        talker = Talker(found.name, memory=_keeping(found.own_memory), actions=actions, persona=persona)
        return Team([talker], final=Said, model=model, journal=journal, policy=CAUTIOUS, name=f"chat-{found.name}")
    team = make_team(spec, found, journal=journal)
    return team if team._keywords["memory"] is not None else team.with_(memory=WindowMemory(exchanges=True))


def _keeping(memory: Memory | str | None) -> Memory:
    """The role's memory, or the usual one; made to remember every turn."""
    if memory is None:
        return WindowMemory(_EXCHANGES, exchanges=True)
    own = copy.copy(open_memory(memory) if isinstance(memory, str) else memory)
    own.exchanges = True
    return own
