"""`to` keeps the type of its message."""

from metagpt import Goal, Message, Role, on, to


class Draft(Message):
    text: str


class Review(Message):
    good: bool


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        return to(Review(good=True), "critic")  # wrong
