"""A class in the place of a role."""

from metagpt import Role, Team


class Writer(Role):
    pass


team = Team([Writer])  # wrong
