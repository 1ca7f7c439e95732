"""Tables of examples: a head whose last column is the result, then a line for each example."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from metagpt.roles.software.example_wording import RESULT_HEADS, VALUE
from metagpt.roles.software.goal_tokens import LINE

__all__ = ["table_rows"]

_BORDERS = {"|", ",", "+", ":"}


def table_rows(words: Sequence[str], num_columns: int) -> Iterator[Sequence[int]]:
    """Positions of the values of each row of such tables with so many columns."""
    is_table = False
    for line in _lines(words):
        cells = [index for index in line if words[index] == VALUE]
        others = [words[index] for index in line if words[index] != VALUE and not _is_border(words[index])]
        if not cells and not others:
            continue  # a rule between head and rows
        if is_table and len(cells) == num_columns and not others:
            yield cells
        else:
            is_table = not cells and len(others) > 1 and others[-1] in RESULT_HEADS


def _lines(words: Sequence[str]) -> Iterator[range]:
    start = 0
    for index, word in enumerate([*words, LINE]):
        if word == LINE:
            yield range(start, index)
            start = index + 1


def _is_border(word: str) -> bool:
    return word in _BORDERS or set(word) <= {"-", "="}
