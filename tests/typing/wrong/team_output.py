"""A field that the output of the run does not have."""

from metagpt import Message, Role, Team


class Draft(Message):
    text: str


class Writer(Role):
    pass


async def main() -> None:
    run = await Team([Writer()], final=Draft).run("a goal")
    print(run.output.good)  # wrong
