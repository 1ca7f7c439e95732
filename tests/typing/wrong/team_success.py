"""A `success` over another message than the final one."""

from metagpt import Message, Role, Team


class Draft(Message):
    text: str


class Writer(Role):
    pass


team = Team([Writer()], final=Draft, success=lambda draft: draft.good)  # wrong
