"""A parameter that takes one of the two types that `@on` names."""

from metagpt import Message, Role, on


class Draft(Message):
    text: str


class Review(Message):
    good: bool


class Writer(Role):
    @on(Draft | Review)  # wrong
    async def write(self, message: Draft) -> Draft:
        return message
