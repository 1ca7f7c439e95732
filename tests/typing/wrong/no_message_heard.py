"""Something that is no message is heard."""

from metagpt import Message, Role, on


class Draft(Message):
    text: str


class Writer(Role):
    @on(str)  # wrong
    async def write(self, text: str) -> Draft:
        return Draft(text=text)
