"""A handler without `async`."""

from metagpt import Goal, Message, Role, on


class Draft(Message):
    text: str


class Writer(Role):
    @on(Goal)  # wrong
    def write(self, goal: Goal) -> Draft:
        return Draft(text=goal.text)
