"""A prompt that a value was pasted into: braces in it would be rendered."""

from metagpt import Goal, Message, Role, on


class Draft(Message):
    text: str


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        return await self.ask(Draft, f"Write {goal.text}.")  # wrong: pyright
