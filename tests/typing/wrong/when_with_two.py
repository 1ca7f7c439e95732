"""A predicate of two arguments on a handler of one."""

from metagpt import Message, Role, on


class Draft(Message):
    text: str


class Review(Message):
    good: bool


def agree(draft: Draft, review: Review) -> bool:
    return review.good


class Writer(Role):
    @on(Draft, when=agree)  # wrong
    async def write(self, draft: Draft) -> Draft:
        return draft
