"""The libraries' own progress bars, shown where somebody sees them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["bars_for"]


@contextmanager
def bars_for(*, long: bool) -> Iterator[None]:
    """Bars of transformers and its hub for what is `long`, on a terminal; none else. Whoever turned them off is left alone."""
    if long and sys.stderr is not None and sys.stderr.isatty():
        yield
        return
    loading = importlib.import_module("transformers.utils.logging")
    download = importlib.import_module("huggingface_hub.utils")
    if not loading.is_progress_bar_enabled() or download.are_progress_bars_disabled():
        loading.disable_progress_bar()
        yield
        return
    loading.disable_progress_bar()  # the hub's with it
    try:
        yield
    finally:
        loading.enable_progress_bar()
