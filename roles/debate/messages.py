"""What the debate team says to each other."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from metagpt import Message

__all__ = ["Case", "Reply", "Round", "Ruling", "Side", "Speech", "Verdict"]

Side = Literal["proponent", "opponent"]


class Speech(BaseModel):
    """What one side said in one round."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    side: Side
    text: str


class Round(Message):
    """A round begins."""

    motion: str
    number: int = 1
    said: list[Speech] = Field(default_factory=list)
    question: str = ""
    """What the judge wants to hear more of."""


class Case(Message):
    """The proponent has spoken in this round."""

    round: Round
    text: str


class Reply(Message):
    """Both have spoken in this round."""

    case: Case
    text: str

    @property
    def said(self) -> list[Speech]:
        """Everything so far."""
        return [*self.case.round.said, Speech(side="proponent", text=self.case.text), Speech(side="opponent", text=self.text)]


class Ruling(BaseModel):
    """What the judge's model answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    winner: Literal["proponent", "opponent", "draw"]
    """Who is ahead."""
    reasons: str
    """Which arguments decided it, and which were answered."""
    is_settled: bool
    """Whether another round could change it no more."""
    question: str = ""
    """What another round should be about."""


class Verdict(Message):
    """The debate is over."""

    motion: str
    winner: Literal["proponent", "opponent", "draw"]
    reasons: str
    rounds: int
