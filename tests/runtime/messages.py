"""Messages that the runtime's tests speak with."""

from __future__ import annotations

from typing import Any

from metagpt import Message, Run

__all__ = ["Draft", "Final", "Item", "Left", "Part", "Plan", "Result", "Review", "Right", "Special", "Sub", "Summary", "content", "tags"]


class Item(Message):
    n: int


class Special(Item):
    """An item of a special kind."""


class Part(Message):
    n: int


class Sub(Message):
    n: int


class Summary(Message):
    parts: list[int]


class Draft(Message):
    text: str


class Review(Message):
    approved: bool
    notes: str = ""


class Plan(Message):
    text: str


class Left(Message):
    n: int


class Right(Message):
    n: int


class Result(Message):
    text: str


class Final(Message):
    text: str


def tags(run: Run[Any]) -> list[str]:
    """Class names of a run's messages, in journal order."""
    return [type(message).__name__ for message in run.messages]


def content(run: Run[Any]) -> list[tuple[Any, ...]]:
    """All of a run's envelopes but their time, in an order that does not depend on which role was faster."""
    return sorted(
        (
            e.id,
            type(e.message).__name__,
            e.message.model_dump_json(),
            e.sender,
            e.recipients,
            e.causes,
            e.branch,
            tuple(sorted(e.counts.items())),
        )
        for e in run.envelopes
    )
