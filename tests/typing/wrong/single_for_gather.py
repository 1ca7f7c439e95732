"""A gather that takes a single message."""

from metagpt import Message, Role, on


class Draft(Message):
    text: str


class Review(Message):
    good: bool


class Writer(Role):
    @on(list[Draft])  # wrong
    async def write(self, draft: Draft) -> Review:
        return Review(good=True)
