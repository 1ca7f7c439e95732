"""`ask` without `await`."""

from metagpt import Goal, Message, Role, on


class Draft(Message):
    text: str


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        return self.ask(Draft, "Write.")  # wrong
