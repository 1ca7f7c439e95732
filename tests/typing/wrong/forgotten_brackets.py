"""`@on` without its brackets."""

from metagpt import Goal, Message, Role, on


class Draft(Message):
    text: str


class Writer(Role):
    @on  # wrong
    async def write(self, goal: Goal) -> Draft:
        return Draft(text=goal.text)
