"""What an engine is asked to do; free of torch, so that a model can be opened without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from metagpt.models.interface import Candidate, TokenUsage

if TYPE_CHECKING:
    from llguidance import LLMatcher

    from metagpt.models.local.weights import Weights

__all__ = ["Answers", "Delivery", "Draw", "Job"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """What one request wants decoded."""

    prompt: list[int]
    num_candidates: int
    max_tokens: int
    """Most tokens of one candidate."""
    temperature: float
    """0 is greedy."""
    top_p: float
    seed: int
    stop: tuple[str, ...] = ()
    matcher: LLMatcher | None = None
    """What each candidate must match; its rows get copies."""
    adapter: str = ""
    """Path of the loaded adapter to answer with; empty: the base alone."""
    prefix_tokens: int = 0
    """Most tokens of prompts to hold for prompts that begin alike, once this one is computed; 0 neither holds nor uses any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """All candidates of one request."""

    candidates: tuple[Candidate, ...]
    usage: TokenUsage


Delivery: TypeAlias = str | Answers | Exception
"""A piece of the first candidate's text, then the answers or what went wrong."""


@dataclass(slots=True, kw_only=True, eq=False)
class Job:
    """One request on its way through the engine."""

    prepare: Callable[[Weights], Draw]
    """Render and check the request; run by the engine's thread, for it needs the tokenizer."""
    deliver: Callable[[Delivery], None]
    """Callable from any thread."""
    max_batch: int
    """Most rows decoding at once for this job to add more."""
    is_over: bool = False
    """Answered, failed or cancelled: its rows leave at the next step. Any thread may set it."""

    def finish(self, last: Answers | Exception) -> None:
        """End the job with its answers or an error, unless it is over already."""
        if not self.is_over:
            self.is_over = True
            self.deliver(last)
