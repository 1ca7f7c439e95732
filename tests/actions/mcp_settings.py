"""Settings that start the servers of these tests, and a role that uses them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from metagpt import Goal, Message, ModelOptions, Role, on
from metagpt.actions.mcp import McpServer, McpServerSettings

HERE = Path(__file__).parent


class Note(Message):
    text: str


class Clerk(Role):
    """You use tools."""

    @on(Goal)
    async def work(self, goal: Goal) -> Note:
        return Note(text=await self.ask(str, "{{ goal.text }}", tools=self.actions, options=ModelOptions(max_rounds=12), goal=goal))


class Doer(Role):
    """Performs one action by its name, without a model."""

    @on(Goal)
    async def work(self, goal: Goal) -> Note:
        name, _, word = goal.text.partition(" ")
        result = await self.do(name, **({"word": word} if word else {}))
        return Note(text=result["text"])


def plain(**settings: Any) -> McpServer:
    """The server made with the mcp package, over standard input and output."""
    return McpServer("plain", McpServerSettings(command=(sys.executable, str(HERE / "mcp_plain_server.py")), **settings))


def odd(*ways: str, **settings: Any) -> McpServer:
    """The server that behaves in these odd ways."""
    command = (sys.executable, "-I", "-S", str(HERE / "mcp_odd_server.py"), *ways)
    return McpServer("odd", McpServerSettings(**{"command": command, "touches": (), **settings}))
