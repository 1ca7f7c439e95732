"""The second model of a folder: how likely a goal is to be put as it is, told from a reading of it.

By Bayes' rule p(reading | goal) is in proportion to p(reading) p(goal | reading). Source: the noisy channel as a reranker, Ng et al.
2019, arXiv:1907.06616, section 3.4. What it is weighed with: `metagpt.models.local.weighing`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from metagpt.models.compact import compact_prompt

if TYPE_CHECKING:
    from metagpt.models.local.weighing import Reading
    from metagpt.models.local.weights import Weights

__all__ = ["FOLDER", "RETELL", "Retelling", "retell_prompt"]

FOLDER = "retelling"
"""Of a model folder: the model that tells goals, a folder of its own."""
RETELL = "product_manager.retell"
"""The call that it was trained for."""


def retell_prompt(summary: str, takes: str) -> str:
    """What the model reads that is to tell a goal.

    Args:
        summary: The steps of a spec.
        takes: The type of the argument.
    """
    return compact_prompt(RETELL, {"summary": summary, "takes": takes})


@dataclass
class Retelling:
    """The second model, which is loaded when it is first needed."""

    keys: Mapping[str, str]
    """From the call to the key of its context that is told anew."""
    load: Callable[[], Weights]
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _weights: Weights | None = field(default=None, init=False)

    def log_likelihoods(self, goal: str, readings: Sequence[Reading]) -> tuple[list[float], int]:
        """Of the goal, told from each reading (nats); and its tokens, the end among them. Blocks, and may load.

        Raises:
            ModelUnavailableError: the second model cannot be loaded.
        """
        with self._lock:
            if self._weights is None:
                self._weights = self.load()
            weights = self._weights
        prompts = [weights.tokenizer(retell_prompt(*reading), add_special_tokens=False)["input_ids"] for reading in readings]
        told = [*weights.tokenizer(goal, add_special_tokens=False)["input_ids"], min(weights.end_tokens)]
        return weights.log_likelihoods([(prompt, told) for prompt in prompts]), len(told)

    def close(self) -> None:
        """Give up the second model's weights."""
        with self._lock:
            self._weights = None
