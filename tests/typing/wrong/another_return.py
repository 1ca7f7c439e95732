"""A body that returns another message than the annotation says."""

from metagpt import Goal, Message, Role, on


class Draft(Message):
    text: str


class Review(Message):
    good: bool


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        return Review(good=True)  # wrong
