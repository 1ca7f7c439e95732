"""A goal of another type than the team starts with."""

from metagpt import Goal, Message, Role, Team


class Draft(Message):
    text: str


class Review(Message):
    good: bool


class Writer(Role):
    pass


async def main() -> None:
    await Team([Writer()], start=Draft, final=Review).run(Goal(text="a"))  # wrong
