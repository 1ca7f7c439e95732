"""A parameter that is narrower than what `@on` names."""

from metagpt import Message, Role, on


class Draft(Message):
    text: str


class Short(Draft):
    pass


class Writer(Role):
    @on(Draft)  # wrong
    async def write(self, draft: Short) -> Draft:
        return draft
