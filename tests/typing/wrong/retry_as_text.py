"""A retry that is neither number nor policy."""

from metagpt import Message, Role, on


class Draft(Message):
    text: str


class Writer(Role):
    @on(Draft, retry="twice")  # wrong
    async def write(self, draft: Draft) -> Draft:
        return draft
