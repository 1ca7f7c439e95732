"""What `ask` answers as a union, taken for one of its types."""

from metagpt import Goal, Message, Role, on


class Draft(Message):
    text: str


class Review(Message):
    good: bool


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        return await self.ask(Draft | Review, "Write.")  # wrong
