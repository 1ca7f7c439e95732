"""An encoder whose vectors can be worked out by hand: one dimension for each word that it knows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from metagpt.memory.words import words

__all__ = ["BagEncoder"]


class BagEncoder:
    """Counts the words it was told of; those of one group are the same dimension, so they mean the same."""

    name = "bag"

    def __init__(self, *groups: str) -> None:
        self._dimension = {word: number for number, group in enumerate(groups) for word in group.split()}
        self._width = len(groups) + 1
        self.batches: list[int] = []
        self.texts: list[str] = []

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.batches.append(len(texts))
        self.texts += texts
        rows = np.zeros((len(texts), self._width), np.float32)
        for row, text in zip(rows, texts, strict=True):
            row[-1] = 1e-3  # no text is nothing
            for word in words(text):
                if word in self._dimension:
                    row[self._dimension[word]] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)
