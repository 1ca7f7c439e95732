"""What `ask` answers, taken for another type."""

from metagpt import Goal, Message, Role, on


class Draft(Message):
    text: str


class Review(Message):
    good: bool


class Writer(Role):
    @on(Goal)
    async def write(self, goal: Goal) -> Draft:
        review: Review = await self.ask(Draft, "Write.")  # wrong
        return Draft(text=str(review.good))
