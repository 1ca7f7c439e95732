"""A join with one parameter."""

from metagpt import Message, Role, on


class Draft(Message):
    text: str


class Review(Message):
    good: bool


class Writer(Role):
    @on(Draft, Review)  # wrong
    async def write(self, draft: Draft) -> Draft:
        return draft
