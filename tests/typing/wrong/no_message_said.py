"""A reply that is no message."""

from metagpt import Goal, Role, on


class Writer(Role):
    @on(Goal)  # wrong
    async def write(self, goal: Goal) -> str:
        return goal.text
