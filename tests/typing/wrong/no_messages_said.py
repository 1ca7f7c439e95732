"""A list of what are no messages."""

from metagpt import Goal, Role, on


class Writer(Role):
    @on(Goal)  # wrong
    async def write(self, goal: Goal) -> list[str]:
        return [goal.text]
