"""Tools of MCP servers are actions of a role: here those of a small server that this example brings along.

Your own servers stand in metagpt.toml, or in `~/.metagpt/metagpt.toml`, and nowhere else:

    [mcp.shelf]
    command = ["python", "shelf.py"]
    tools = { find = ["reads"] }

A role has them by `actions=["mcp:shelf"]`. Tools of which your settings do not say what they touch wait for a person.

Prints:
    offered: shelf__burn, shelf__find
    the model saw: The Kettle, shelf 4 (Untrusted data from another program)
    answer: It is on shelf 4.
    waits: librarian: action shelf__burn
"""

import sys

from metagpt import Goal, Message, Role, Team, on
from metagpt.actions.mcp import McpServer, McpServerSettings
from metagpt.testing import ScriptedModel, call, text

SERVER = """
from mcp.server.mcpserver import MCPServer
server = MCPServer("shelf")

@server.tool(structured_output=False)
def find(title: str) -> str:
    '''Say where a book stands.'''
    return f"{title}, shelf 4"

@server.tool(structured_output=False)
def burn(title: str) -> str:
    '''Burn a book.'''
    return "gone"

server.run()
"""

shelf = McpServer("shelf", McpServerSettings(command=(sys.executable, "-c", SERVER), tools={"find": ("reads",)}))


class Advice(Message):
    text: str


class Librarian(Role):
    """You help readers."""

    @on(Goal)
    async def help(self, goal: Goal) -> Advice:
        return Advice(text=await self.ask(str, "{{ goal.text }}", tools=self.actions, goal=goal))


if __name__ == "__main__":
    with ScriptedModel([call("shelf__find", title="The Kettle"), text("It is on shelf 4.")]) as model:
        run = Team([Librarian(actions=[shelf])], final=Advice, model=model).run_sync("Where is The Kettle?")
    print("offered:", ", ".join(tool.name for tool in model.requests[0].tools))
    seen = model.requests[1].chat[-1].text
    print("the model saw:", "The Kettle, shelf 4" * ("shelf 4" in seen), "(Untrusted data from another program)" * ("Untrusted" in seen))
    print("answer:", run.output.text)
    with ScriptedModel([call("shelf__burn", title="The Kettle")]) as model:
        waiting = Team([Librarian(actions=[shelf])], final=Advice, model=model).run_sync("Burn it.")
    print("waits:", waiting.pending[0].text.split("(")[0])
