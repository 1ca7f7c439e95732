"""The project's own generated source as modules, for building the corpus. Never for anything a model wrote: that is the sandbox's."""

import sys
from collections.abc import Callable
from importlib.abc import InspectLoader
from importlib.util import module_from_spec, spec_from_loader
from types import FrameType, ModuleType
from typing import Any

__all__ = ["TooLongError", "load_source", "run_briefly"]

LINES = 20_000


class TooLongError(Exception):
    """A program goes on and on: it may look for the divisors of a factorial."""


class _Source(InspectLoader):
    def __init__(self, source: str) -> None:
        self._source = source

    def get_source(self, fullname: str) -> str:
        return self._source


def load_source(name: str, source: str) -> ModuleType:
    """A module of this source, through the import system; it is not entered in `sys.modules`.

    Raises:
        Exception: whatever the source raises when it is run, a SyntaxError included.
    """
    loader = _Source(source)
    spec = spec_from_loader(name, loader)
    assert spec is not None, "a loader was given"
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def run_briefly(function: Callable[[Any], Any], value: Any) -> Any:  # Any: programs take and give every type of the catalogue
    """What the function returns within so many lines: lines, unlike seconds, are the same in a training that is resumed.

    Raises:
        TooLongError: it does not return.
    """
    left = LINES

    def count(_frame: FrameType, _event: str, _argument: object) -> Any:  # Any: a trace function returns its like
        nonlocal left
        left -= 1
        if left < 0:
            raise TooLongError
        return count

    before = sys.gettrace()
    sys.settrace(count)
    try:
        return function(value)
    finally:
        sys.settrace(before)
