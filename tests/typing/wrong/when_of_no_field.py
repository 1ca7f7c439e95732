"""A predicate that reads a field the message does not have."""

from metagpt import Message, Role, on


class Draft(Message):
    text: str


class Writer(Role):
    @on(Draft, when=lambda draft: draft.good)  # wrong
    async def write(self, draft: Draft) -> Draft:
        return draft
