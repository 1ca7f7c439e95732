"""A limit that is no number."""

from metagpt import Message, Role, on


class Draft(Message):
    text: str


class Writer(Role):
    @on(Draft, limit="3")  # wrong
    async def write(self, draft: Draft) -> Draft:
        return draft
