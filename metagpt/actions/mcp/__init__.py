"""Tools, resources and prompts of MCP servers as actions of a role: `actions=["mcp:NAME"]`.

NAME is a table [mcp.NAME] of the user's settings, which say what is started or reached and what it may touch. Whatever a
server says of itself, its tools, their schemas and their results included, is data from a stranger: checked, bounded,
marked, and never what decides. A tool that the settings say nothing about is `unvetted`, and the policy asks a person.
"""

from __future__ import annotations

from metagpt.actions.mcp.server import McpServer
from metagpt.actions.mcp.settings import McpServerSettings

__all__ = ["McpServer", "McpServerSettings", "open_server"]


def open_server(name: str) -> McpServer:
    """The server that the user's settings call so; nothing is started or read yet."""
    return McpServer(name)
