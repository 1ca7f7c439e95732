"""What `ask` answers as a list, taken for an item."""

from metagpt import Goal, Message, Role, on


class Draft(Message):
    text: str


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        return await self.ask(list[Draft], "Write.")  # wrong
