"""What the research team says to each other."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from metagpt import Message
from metagpt.roles.library import Citation

__all__ = ["Finding", "Question", "Reading", "Report", "Source"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Question(Message):
    """One question that the documents may answer."""

    goal: str
    text: str


class Reading(_Part):
    """What the reader's model answers."""

    answer: str
    """Empty where the passages do not answer the question."""
    citations: list[Citation] = Field(default_factory=list)
    """Quotes that the answer rests on."""


class Finding(Message):
    """What the documents say to a question; every citation stands in its document."""

    goal: str
    question: str
    answer: str = ""
    """Empty where they say nothing."""
    citations: list[Citation] = Field(default_factory=list)
    refused: int = 0
    """How many quotes stood nowhere, after they were asked for again."""


class Source(_Part):
    """What `[number]` in a report stands for."""

    number: int
    document: str
    quote: str


class Report(Message):
    """The answer to the goal."""

    text: str
    sources: list[Source]
    """Those that the text cites."""
    unanswered: list[str] = Field(default_factory=list)
    """Questions to which the documents say nothing."""
