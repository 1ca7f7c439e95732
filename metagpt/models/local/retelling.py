"""Which of several readings of a goal would be said as the goal is: answers weighed by how likely they make their question.

By Bayes' rule p(answer | goal) is in proportion to p(answer) p(goal | answer). A small model that reads goals overlooks parts of
them; one that tells goals from answers cannot, for every word of the goal must come from the answer. So the votes that the
reader gave are multiplied by p(goal | answer) ** CHANNEL, a second model's. Source: the noisy channel as a reranker, Ng et al.
2019, arXiv:1907.06616, section 3.4; the exponent makes up for both models being too sure. A goal that no answer makes likely has
votes for none of them.
"""

from __future__ import annotations

import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from metagpt.models.compact import compact_prompt
from metagpt.models.interface import Candidate, ModelRequest

if TYPE_CHECKING:
    from metagpt.models.local.weights import Weights

__all__ = ["CHANNEL", "FOLDER", "RETELL", "Retelling", "retell_prompt"]

FOLDER = "retelling"
"""Of a model folder: the model that tells goals, a folder of its own."""
RETELL = "product_manager.retell"
"""The call that it was trained for."""
CHANNEL = 0.3
"""Exponent of the goal's likelihood; set on the validation goals."""
NATS_UNTOLD = 5.0
"""Of each token of a goal that is told from none of the readings; set on the validation goals, where it is 2.7 for the median goal
within the scope, told from its best reading, and 5.2 outside."""
MOST_RETOLD = 24
"""Answers that are weighed anew, those with the most votes; the others keep theirs."""


Reading: TypeAlias = tuple[str, str]
"""Steps and argument type of a spec."""


def retell_prompt(summary: str, takes: str) -> str:
    """What the model reads that is to tell a goal.

    Args:
        summary: The steps of a spec.
        takes: The type of the argument.
    """
    return compact_prompt(RETELL, {"summary": summary, "takes": takes})


@dataclass
class Retelling:
    """The votes of answers to some calls, weighed by the second model, which is loaded when it is first needed."""

    keys: Mapping[str, str]
    """From the call to the key of its context that is told anew."""
    load: Callable[[], Weights]
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _weights: Weights | None = field(default=None, init=False)

    def weighed(self, request: ModelRequest, candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
        """The candidates with new votes, as many in all; those that decline the goal, or are no spec, keep theirs.

        The votes for none of them come last, as an answer without text.

        Raises:
            ModelUnavailableError: the second model cannot be loaded.
        """
        key = self.keys.get(request.call)
        if key is None:
            return tuple(candidates)
        readings = [_reading(candidate.text) for candidate in candidates]
        votes: Counter[Reading] = Counter()
        for reading, candidate in zip(readings, candidates, strict=True):
            if reading is not None and candidate.votes:
                votes[reading] += candidate.votes
        factors = self._factors(str(request.context[key]), dict(votes.most_common(MOST_RETOLD)))
        weighed = [
            replace(candidate, votes=round(candidate.votes * factors[reading])) if reading in factors else candidate
            for reading, candidate in zip(readings, candidates, strict=True)
        ]
        lost = sum(round(votes[reading] * (1 - factor)) for reading, factor in factors.items())
        return (*weighed, Candidate(text="", votes=lost)) if lost > 0 else tuple(weighed)

    def close(self) -> None:
        """Give up the second model's weights."""
        with self._lock:
            self._weights = None

    def _factors(self, goal: str, votes: Mapping[Reading, int]) -> dict[Reading, float]:
        """What each reading's votes are to be multiplied by; what is lost in all is for none of them."""
        if not votes:
            return {}
        with self._lock:
            if self._weights is None:
                self._weights = self.load()
            weights = self._weights
        prompts = [weights.tokenizer(retell_prompt(*reading), add_special_tokens=False)["input_ids"] for reading in votes]
        told = [*weights.tokenizer(goal, add_special_tokens=False)["input_ids"], min(weights.end_tokens)]
        likelihoods = weights.log_likelihoods([(prompt, told) for prompt in prompts])
        untold = -NATS_UNTOLD * len(told)
        highest = max(untold, *likelihoods)
        factors = [math.exp(CHANNEL * (each - highest)) for each in likelihoods]
        total = sum(votes.values())
        mass = sum(factor * count for factor, count in zip(factors, votes.values(), strict=True))
        mass += total * math.exp(CHANNEL * (untold - highest))
        return {reading: factor * total / mass for reading, factor in zip(votes, factors, strict=True)}


def _reading(answer: str) -> Reading | None:
    """Steps and argument type of a spec; None for what is none."""
    try:
        spec = json.loads(answer)
        summary, signature = spec["summary"], spec["signature"]
    except (ValueError, TypeError, KeyError):
        return None
    takes = str(signature).partition(": ")[2].partition(") -> ")[0]
    return (str(summary), takes) if summary and takes else None
