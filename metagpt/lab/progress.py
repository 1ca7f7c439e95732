"""The bar of a long job: on a terminal it shows how far it is, into a file or a pipe it writes nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any

__all__ = ["progress_bar", "shown"]

_WIDTH, _ROWS = 80, 24
"""Of terminals that do not tell theirs: such are those of `script` and of many containers, and a bar of width 0 is none."""


def progress_bar(
    total: int | None, what: str, *, done: int = 0, unit: str = "step", patience_s: float = 0.0
) -> Any:  # Any: tqdm has no types
    """A bar of tqdm on standard error; use it as a context, and call `update()`.

    Args:
        total: Of the units; None where it is not known.
        what: The job, in a word.
        done: What was done before.
        unit: What is counted.
        patience_s: Work that is done sooner shows no bar; one that waited so is gone with the work.
    """
    from tqdm import tqdm

    width = _width()
    return tqdm(
        total=total, initial=done, desc=what, unit=unit, file=sys.stderr, disable=None,
        ncols=None if width else _WIDTH, nrows=None if width else _ROWS, delay=patience_s, leave=not patience_s,
    )  # fmt: skip


def shown(batches: Iterable[list[int]], total: int, what: str) -> Iterator[list[int]]:
    """The batches of places as they come, and a bar of the examples where they take their time."""
    with progress_bar(total, what, unit="example", patience_s=2.0) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))


def _width() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError, AttributeError):  # no terminal, or none at all
        return 0
