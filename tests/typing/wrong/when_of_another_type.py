"""A predicate over another message."""

from metagpt import Message, Role, on


class Draft(Message):
    text: str


class Review(Message):
    good: bool


def is_good(review: Review) -> bool:
    return review.good


class Writer(Role):
    @on(Draft, when=is_good)  # wrong
    async def write(self, draft: Draft) -> Draft:
        return draft
