"""Keys and values of the rows being decoded: right-aligned, so that all rows write the same column.

Shapes: B rows, H heads, T columns, D width of a head.

A row of 5 tokens beside one of 3 (columns of the shorter one to the left of its start are masked):
    a a a a a
    . . b b b
"""

# mypy: disallow-untyped-calls=False, disallow-subclassing-any=False
# (the base class of cache layers is not annotated)

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

__all__ = ["RowCache"]

_SPARE_COLUMNS = 128


class _Slab(CacheLayerMixin):
    """One layer's keys and values in buffers with spare columns: a step writes one column and copies nothing."""

    is_sliding = False  # every column is kept; a sliding window is the mask's affair
    is_croppable = False

    def __init__(self) -> None:
        super().__init__()
        self.length = 0

    @classmethod
    def filled(cls, keys_BHTD: Tensor, values_BHTD: Tensor, length: int) -> _Slab:
        """A slab over buffers of which `length` columns are in use."""
        slab = cls()
        slab.keys, slab.values, slab.length = keys_BHTD, values_BHTD, length
        slab.is_initialized = True
        return slab

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Buffers for the rows and heads of the first states."""
        self.keys = _spare(key_states, key_states.shape[2] + _SPARE_COLUMNS)
        self.values = _spare(value_states, value_states.shape[2] + _SPARE_COLUMNS)
        self.is_initialized = True

    def buffers(self) -> tuple[Tensor, Tensor]:
        """Keys and values with their spare columns."""
        return cast("Tensor", self.keys), cast("Tensor", self.values)

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:  # Any: as inherited
        """Write the new columns; all columns in use."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        keys_BHTD, values_BHTD = self.buffers()
        end = self.length + key_states.shape[2]
        if end > keys_BHTD.shape[2]:
            more = end - keys_BHTD.shape[2] + _SPARE_COLUMNS
            self.keys = keys_BHTD = torch.cat([keys_BHTD, _spare(keys_BHTD, more)], dim=2)
            self.values = values_BHTD = torch.cat([values_BHTD, _spare(values_BHTD, more)], dim=2)
        keys_BHTD[:, :, self.length : end] = key_states
        values_BHTD[:, :, self.length : end] = value_states
        self.length = end
        return keys_BHTD[:, :, :end], values_BHTD[:, :, :end]

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Columns that the next mask covers, and the first of them."""
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        """Columns in use."""
        return self.length

    def get_max_length(self) -> int:
        """No bound."""
        return -1


class RowCache:
    """The cache of a batch of rows, as transformers' models take it, and where each row starts in it."""

    def __init__(self, starts_B: Tensor, slabs: Sequence[_Slab] = ()) -> None:
        self.starts_B = starts_B
        """First column of each row."""
        self.layers = Cache(layers=list(slabs)) if slabs else Cache(layer_class_to_replicate=_Slab)
        """What transformers' models take as `past_key_values`."""
        self._padded = bool((starts_B > 0).any())

    @classmethod
    def empty(cls, device: torch.device) -> RowCache:
        """The cache of one row without tokens."""
        return cls(torch.zeros(1, dtype=torch.long, device=device))

    @property
    def slabs(self) -> list[_Slab]:
        """Keys and values of each layer, once a model has written some."""
        return cast("list[_Slab]", self.layers.layers)

    @property
    def length(self) -> int:
        """Columns in use."""
        return self.slabs[0].length if self.slabs else 0

    def mask(self, new_tokens: int) -> Tensor | None:
        """Which columns each row sees once `new_tokens` are added, B x T; None where all rows see all."""
        if not self._padded:
            return None
        columns_T = torch.arange(self.length + new_tokens, device=self.starts_B.device)
        return columns_T >= self.starts_B[:, None]

    def positions(self, new_tokens: int) -> Tensor:
        """Positions of the `new_tokens` in their rows, B x new_tokens."""
        columns_T = torch.arange(self.length, self.length + new_tokens, device=self.starts_B.device)
        return columns_T - self.starts_B[:, None]

    def head(self, num_tokens: int) -> RowCache:
        """A new cache of the first tokens of a cache of one row."""
        slabs = []
        for slab in self.slabs:
            keys_BHTD, values_BHTD = (_spare(part[:, :, :num_tokens], num_tokens + _SPARE_COLUMNS) for part in slab.buffers())
            keys_BHTD[:, :, :num_tokens], values_BHTD[:, :, :num_tokens] = (part[:, :, :num_tokens] for part in slab.buffers())
            slabs.append(_Slab.filled(keys_BHTD, values_BHTD, num_tokens))
        return RowCache(self.starts_B, slabs)

    @classmethod
    def merged(cls, parts: Sequence[tuple[RowCache, Sequence[int]]]) -> RowCache:
        """A new cache of the named rows of each part, in that order; a row may be named more than once."""
        device = parts[0][0].starts_B.device
        picks = [_Pick(cache, torch.tensor(rows, device=device)) for cache, rows in parts]
        width = max(pick.width for pick in picks)
        starts_B = torch.cat([pick.cache.starts_B[pick.rows_B] + (width - pick.cache.length) for pick in picks])
        slabs = []
        for layer in range(len(picks[0].cache.slabs)):
            buffers = [pick.cache.slabs[layer].buffers() for pick in picks]
            keys_BHTD = _right_aligned([(keys, pick) for (keys, _), pick in zip(buffers, picks, strict=True)], width)
            values_BHTD = _right_aligned([(values, pick) for (_, values), pick in zip(buffers, picks, strict=True)], width)
            slabs.append(_Slab.filled(keys_BHTD, values_BHTD, width))
        return cls(starts_B, slabs)


class _Pick:
    """Some rows of a cache, and the columns that they use."""

    def __init__(self, cache: RowCache, rows_B: Tensor) -> None:
        self.cache = cache
        self.rows_B = rows_B
        self.first = int(cache.starts_B[rows_B].min())
        self.width = cache.length - self.first


def _right_aligned(sources: Sequence[tuple[Tensor, _Pick]], width: int) -> Tensor:
    """The picked rows of each source, one below the other, flush right at column `width`."""
    example_BHTD = sources[0][0]
    num_rows = sum(len(pick.rows_B) for _, pick in sources)
    # zeros: what is masked is still multiplied, and 0 x NaN is NaN
    target_BHTD = example_BHTD.new_zeros((num_rows, example_BHTD.shape[1], width + _SPARE_COLUMNS, example_BHTD.shape[3]))
    row = 0
    for source_BHTD, pick in sources:
        used_BHTD = source_BHTD[:, :, pick.first : pick.cache.length]
        target_BHTD[row : row + len(pick.rows_B), :, width - pick.width : width] = used_BHTD.index_select(0, pick.rows_B)
        row += len(pick.rows_B)
    return target_BHTD


def _spare(states_BHTD: Tensor, columns: int) -> Tensor:
    return states_BHTD.new_zeros((states_BHTD.shape[0], states_BHTD.shape[1], columns, states_BHTD.shape[3]))
