"""Every form of `@on`, and what handlers may return."""

from collections.abc import Sequence

from metagpt import Approve, Goal, Message, RetryPolicy, Role, WaitLimit, on, reply, to


class Draft(Message):
    text: str


class Note(Message):
    text: str


class Short(Draft):
    pass


def is_long(draft: Draft) -> bool:
    return len(draft.text) > 80


class Writer(Role):
    @on(Goal)
    async def one(self, goal: Goal) -> Draft:
        return Draft(text=goal.text)

    @on(Draft | Note, when=lambda message: bool(message.text), limit=3)
    async def either(self, message: Draft | Note) -> Note | None:
        return None

    @on(Draft, Note)
    async def join(self, draft: Draft, note: Note) -> tuple[Draft, Note]:
        return draft, note

    @on(Draft, Note, Goal, keep=Goal, when=lambda draft, note, goal: draft.text == note.text == goal.text)
    async def join_three(self, draft: Draft, note: Note, goal: Goal) -> None:
        return None

    @on(Goal, retry=2, concurrency=4)
    async def fan_out(self, goal: Goal) -> list[Draft]:
        return [Draft(text=goal.text)]

    @on(list[Draft], when=lambda drafts: len(drafts) > 1)
    async def gather(self, drafts: list[Draft]) -> Note:
        return Note(text=drafts[0].text)

    @on(list[Draft])
    async def gather_wider(self, drafts: Sequence[Message]) -> None:
        return None

    @on(Short, when=is_long, retry=RetryPolicy(attempts=2), approve=True)
    async def wider(self, draft: Draft) -> list[Draft] | Note:
        return [draft]

    @on(Short, approve=WaitLimit(seconds=60, default=Approve()))
    async def limited(self, draft: Short) -> Draft:
        return draft

    @on(Draft)
    async def addressed(self, draft: Draft) -> tuple[Draft, Note]:
        return to(draft, "critic"), reply(Note(text=draft.text))


class Louder(Writer):
    @on(Goal)
    async def one(self, goal: Goal) -> Draft:
        return await super().one(goal)
