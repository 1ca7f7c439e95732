"""The next token of every row at once, each with its own temperature, nucleus, mask and chance.

Shapes: B rows, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from llguidance import LLMatcher
from torch import Tensor

from metagpt.models.local.constrained import allowed_tokens

__all__ = ["Chance", "RowSampling", "draw_tokens", "sampling_tensors"]

_CHUNK = 64


class Chance:
    """The random numbers of one answer: they depend on its seed and number alone, so on no other row."""

    def __init__(self, seed: int, number: int) -> None:
        self._generator = torch.Generator().manual_seed((seed * 1_000_003 + number) % 2**63)
        self._drawn: list[float] = []

    def next(self) -> float:
        """A number in [0, 1)."""
        if not self._drawn:
            self._drawn = torch.rand(_CHUNK, generator=self._generator, dtype=torch.float64).tolist()
        return self._drawn.pop()


@dataclass(frozen=True, slots=True)
class RowSampling:
    """How rows draw, as tensors: made anew only when rows join or leave."""

    temperatures: Tensor
    top_ps: Tensor
    any_drawn: bool
    any_nucleus: bool


def sampling_tensors(temperatures: Sequence[float], top_ps: Sequence[float], device: torch.device) -> RowSampling:
    """The settings of the rows, in their order; temperature 0 is greedy."""
    return RowSampling(
        temperatures=torch.tensor(temperatures, dtype=torch.float32, device=device),
        top_ps=torch.tensor(top_ps, dtype=torch.float32, device=device),
        any_drawn=any(temperature > 0 for temperature in temperatures),
        any_nucleus=any(top_p < 1 for top_p in top_ps),
    )


def draw_tokens(
    logits_BV: Tensor,
    how: RowSampling,
    *,
    chances: Sequence[float],
    matchers: Sequence[tuple[int, LLMatcher]],
) -> tuple[list[int], list[float]]:
    """The next token of each row and the model's own log-probability of it (temperature 1, no mask).

    Args:
        logits_BV: what the model says.
        how: temperature and nucleus of each row.
        chances: a number in [0, 1) for each row; greedy rows do not look at theirs.
        matchers: of the constrained rows, with the row's number.
    """
    allowed_logits_BV = _masked(logits_BV, matchers)
    tokens_B = allowed_logits_BV.argmax(dim=-1)
    if how.any_drawn:
        drawn_B = _drawn(allowed_logits_BV, how, chances)
        tokens_B = torch.where(how.temperatures > 0, drawn_B, tokens_B)
    chosen_B = logits_BV.gather(1, tokens_B[:, None])[:, 0]
    logprobs_B = chosen_B - logits_BV.logsumexp(dim=-1)
    return tokens_B.tolist(), logprobs_B.tolist()


def _masked(logits_BV: Tensor, matchers: Sequence[tuple[int, LLMatcher]]) -> Tensor:
    if not matchers:
        return logits_BV
    rows = torch.tensor([row for row, _ in matchers], device=logits_BV.device)
    allowed_BV = allowed_tokens([matcher for _, matcher in matchers], logits_BV.shape[1]).to(logits_BV.device)
    masked_BV = logits_BV.clone()
    masked_BV[rows] = logits_BV[rows].masked_fill(~allowed_BV, float("-inf"))
    return masked_BV


def _drawn(logits_BV: Tensor, how: RowSampling, chances: Sequence[float]) -> Tensor:
    """Inverse of the distribution function at each row's chance: one number per row and step, however big the vocabulary."""
    temperature_B1 = how.temperatures.where(how.temperatures > 0, 1.0)[:, None]
    probabilities_BV = torch.softmax(logits_BV / temperature_B1, dim=-1)
    if how.any_nucleus:
        probabilities_BV = _nucleus(probabilities_BV, how.top_ps)
    exact = torch.float32 if logits_BV.device.type == "mps" else torch.float64
    cumulative_BV = probabilities_BV.to(exact).cumsum(dim=-1)
    chances_B1 = torch.tensor(chances, dtype=exact, device=logits_BV.device)[:, None]
    # below the total even after rounding, so that the token found has a probability above zero
    targets_B1 = (chances_B1 * (1 - 1e-6)) * cumulative_BV[:, -1:]
    return torch.searchsorted(cumulative_BV, targets_B1, right=True)[:, 0]


def _nucleus(probabilities_BV: Tensor, top_p_B: Tensor) -> Tensor:
    """The smallest set of likeliest tokens whose mass reaches top_p; the others at zero. Source: Holtzman et al. 2020, arXiv:1904.09751."""
    sorted_BV, order_BV = probabilities_BV.sort(dim=-1, descending=True)
    mass_before_BV = sorted_BV.cumsum(dim=-1) - sorted_BV
    kept_BV = (mass_before_BV < top_p_B[:, None]) | (top_p_B[:, None] >= 1)
    kept_BV[:, 0] = True
    return torch.zeros_like(probabilities_BV).scatter(1, order_BV, sorted_BV * kept_BV)
