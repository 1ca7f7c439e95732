"""A predicate of one argument on a join."""

from metagpt import Message, Role, on


class Draft(Message):
    text: str


class Review(Message):
    good: bool


class Writer(Role):
    @on(Draft, Review, when=lambda draft: bool(draft))  # wrong
    async def write(self, draft: Draft, review: Review) -> Draft:
        return draft
