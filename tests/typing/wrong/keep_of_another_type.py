"""`keep` names a type that is not joined."""

from metagpt import Goal, Message, Role, on


class Draft(Message):
    text: str


class Review(Message):
    good: bool


class Writer(Role):
    @on(Draft, Review, keep=Goal)  # wrong
    async def write(self, draft: Draft, review: Review) -> Draft:
        return draft
