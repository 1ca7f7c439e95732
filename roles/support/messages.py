"""What the support team says to each other."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from metagpt import Message
from metagpt.roles.library import Citation, Passage

__all__ = ["Answer", "Draft", "Unanswered", "Unsure"]


class Draft(BaseModel):
    """What the agent's model answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    text: str
    """The answer to the customer."""
    is_sure: bool
    """Whether the handbook says all of it."""
    citations: list[Citation] = Field(default_factory=list)
    """Quotes that it rests on."""


class Answer(Message):
    """What the customer is told."""

    text: str
    by: Literal["handbook", "person"]
    citations: list[Citation] = Field(default_factory=list)
    """Where the handbook says so."""


class Unsure(Message):
    """A question that the handbook does not answer well enough."""

    question: str
    reason: str
    draft: str = ""
    """What would have been answered."""
    passages: list[Passage] = Field(default_factory=list)
    """What the handbook says that comes closest."""


class Unanswered(Message):
    """No answer: the person who was asked would not give one, or not in time."""

    question: str
    reason: str
