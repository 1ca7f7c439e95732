"""A field that the message does not have."""

from metagpt import Message


class Draft(Message):
    text: str


draft = Draft(txt="a")  # wrong
