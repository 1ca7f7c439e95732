"""`keep` on a handler of one message."""

from metagpt import Message, Role, on


class Draft(Message):
    text: str


class Writer(Role):
    @on(Draft, keep=Draft)  # wrong
    async def write(self, draft: Draft) -> Draft:
        return draft
