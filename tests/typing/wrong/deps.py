"""An attribute that the deps do not have."""

from metagpt import Goal, Message, Role, on


class Draft(Message):
    text: str


class Database:
    name: str = "db"


class Reader(Role[Database]):
    @on(Goal)
    async def read(self, goal: Goal) -> Draft:
        return Draft(text=self.deps.nothing)  # wrong
