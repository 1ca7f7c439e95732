"""A join of four."""

from metagpt import Goal, Message, Role, on


class Draft(Message):
    text: str


class Review(Message):
    good: bool


class Note(Message):
    pass


class Writer(Role):
    @on(Goal, Draft, Review, Note)  # wrong
    async def write(self, goal: Goal, draft: Draft, review: Review, note: Note) -> Draft:
        return draft
