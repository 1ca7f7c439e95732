"""The project's own generated source as modules, for building the corpus. Never for anything a model wrote: that is the sandbox's."""

from importlib.abc import InspectLoader
from importlib.util import module_from_spec, spec_from_loader
from types import ModuleType

__all__ = ["load_source"]


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
