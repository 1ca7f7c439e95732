"""What a role remembers belongs to a session: the next run of that session knows it, another one does not.

Prints:
    ada, first time: Good day. Who are you?
    ada, second time: Welcome back. I remember: likes green tea
    bob, first time: Good day. Who are you?
    in the model's window: You remember: likes green tea
"""

from metagpt import Goal, InMemoryJournal, Message, Role, Team, on
from metagpt.models.interface import ModelRequest
from metagpt.testing import FunctionModel


class Greeting(Message):
    text: str


class Host(Role):
    """A host who knows the guests."""

    @on(Goal)
    async def greet(self, goal: Goal) -> Greeting:
        known = await self.memory.recall("tea", limit=1)
        await self.memory.remember("likes green tea")
        opening = await self.ask(str, "Greet a guest: {{ goal.text }}", goal=goal)
        return Greeting(text=f"{opening} I remember: {known[0]}" if known else f"{opening} Who are you?")


def answer(request: ModelRequest) -> str:
    """Greets a guest whose notes stand in the window as one who came before."""
    return "Welcome back." if len([turn for turn in request.chat if "You remember" in turn.text]) > 1 else "Good day."


if __name__ == "__main__":
    model = FunctionModel(answer)
    team = Team([Host()], final=Greeting, model=model, journal=InMemoryJournal())
    print("ada, first time:", team.run_sync("hello", session="ada").output.text)
    print("ada, second time:", team.run_sync("hello again", session="ada").output.text)
    window = [turn.text for turn in model.requests[-1].chat]
    print("bob, first time:", team.run_sync("hello", session="bob").output.text)
    print("in the model's window:", next(line for line in window if "You remember" in line))
