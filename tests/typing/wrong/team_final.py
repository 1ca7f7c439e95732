"""A final type that is no message."""

from metagpt import Role, Team


class Writer(Role):
    pass


team = Team([Writer()], final=str)  # wrong
