"""A parameter of another type than `@on` names."""

from metagpt import Goal, Message, Role, on


class Draft(Message):
    text: str


class Writer(Role):
    @on(Goal)  # wrong
    async def write(self, goal: Draft) -> Draft:
        return goal
