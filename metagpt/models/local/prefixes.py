"""Keys and values of prompts answered lately: what the next prompt begins with as well is not computed again.

Roles have personas that every prompt of theirs begins with, and a chat of many rounds begins with all earlier rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from metagpt.models.local.kv import RowCache

__all__ = ["PrefixStore"]

_LEAST_TOKENS = 16
"""A shorter beginning is computed sooner than copied."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    prompt: Sequence[int]
    adapter: str
    """An adapter's keys and values are its own."""
    cache: RowCache


class PrefixStore:
    """The last prompts, as many as their bound in tokens allows."""

    def __init__(self) -> None:
        self._kept: list[_Kept] = []
        """The one used last is the last."""

    @property
    def num_tokens(self) -> int:
        """Tokens whose keys and values are held."""
        return sum(len(each.prompt) for each in self._kept)

    def begin(self, prompt: Sequence[int], adapter: str) -> RowCache | None:
        """A cache of one row with the longest known beginning of the prompt; the last token is never in it, for its logits are wanted."""
        candidates = [(_common(each.prompt, prompt), each) for each in self._kept if each.adapter == adapter]
        length, best = max(candidates, key=lambda found: found[0], default=(0, None))
        length = min(length, len(prompt) - 1)
        if best is None or length < _LEAST_TOKENS:
            return None
        self._kept.remove(best)
        self._kept.append(best)
        return best.cache.head(length)

    def keep(self, prompt: Sequence[int], adapter: str, cache: RowCache, *, most_tokens: int) -> None:
        """Hold the prompt's cache, which nobody may write to from now on, and forget the longest unused beyond the bound."""
        if len(prompt) < _LEAST_TOKENS or len(prompt) > most_tokens:
            return
        self._kept = [each for each in self._kept if each.adapter != adapter or _common(each.prompt, prompt) < len(each.prompt)]
        self._kept.append(_Kept(prompt, adapter, cache))
        while self.num_tokens > most_tokens:
            del self._kept[0]

    def forget(self, adapter: str | None = None) -> bool:
        """Forget the prompts of an adapter, or all; whether there were any."""
        kept = [each for each in self._kept if adapter is not None and each.adapter != adapter]
        self._kept, before = kept, len(self._kept)
        return len(kept) < before


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Length of the common beginning; by halves, for comparing slices is fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
