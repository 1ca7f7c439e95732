"""The engines of this process: one for each model, however many roles use it."""

from __future__ import annotations

import atexit
import threading
from collections import Counter
from pathlib import Path
from weakref import WeakValueDictionary

from metagpt.models.local.adapter_place import adapter_folder
from metagpt.models.local.device import choose_device, choose_dtype
from metagpt.models.local.engine import Engine
from metagpt.models.local.faults import while_loading
from metagpt.models.local.job import Job
from metagpt.models.local.settings import LocalSettings
from metagpt.models.local.weights import Source, Weights, load_weights

__all__ = ["SharedEngine", "load_beside", "num_engines", "share_engine"]


class SharedEngine:
    """One user's hold on an engine, and on the adapter that it answers with."""

    def __init__(self, source: Source, adapter: str = "") -> None:
        self.adapter = adapter
        self._source = source
        self._engine = _acquire(source, adapter)

    @property
    def engine(self) -> Engine:
        """The engine itself, the same for all who share it."""
        return self._engine

    def submit(self, job: Job) -> None:
        """Queue a request."""
        self._engine.submit(job)

    def release(self) -> None:
        """Use the engine no longer; with its last user it stops and frees the weights. Call once, off the event loop."""
        _release(self._source, self.adapter)


def share_engine(owner: str, path: str, settings: LocalSettings) -> SharedEngine:
    """A hold on the engine of this path, device and dtype, which is started if nobody has one yet.

    Adapters are no part of that: models of one base with different adapters share an engine. One of a hub is downloaded here.

    Raises:
        ConfigError: a device that is not there.
        ModelUnavailableError: the adapter cannot be downloaded.
    """
    adapter = adapter_folder(owner, settings.adapter) if settings.adapter else ""
    return SharedEngine(_source(owner, path, settings), adapter)


def load_beside(owner: str, path: Path, settings: LocalSettings) -> Weights:
    """A second model that an engine's model needs, where and as that one is; one copy for all who hold it, freed with the last.

    Raises:
        ConfigError: a device that is not there.
        ModelUnavailableError: the folder holds no model, or it does not load.
    """
    source = _source(owner, str(path), settings)
    with _beside_lock:
        try:
            weights = _beside.get(source) or load_weights(source)
        except Exception as error:
            raise while_loading(f"local:{path}", error) from error
        _beside[source] = weights
        return weights


def _source(owner: str, path: str, settings: LocalSettings) -> Source:
    device = choose_device(owner, settings.device)
    is_int8 = settings.dtype == "int8"
    return Source(path, device, choose_dtype(None if is_int8 else settings.dtype, device), is_int8=is_int8)


def num_engines() -> int:
    """Engines in use in this process, each with a copy of its weights."""
    return len(_engines)


_beside_lock = threading.Lock()
_beside: WeakValueDictionary[Source, Weights] = WeakValueDictionary()
_lock = threading.Lock()
_engines: dict[Source, Engine] = {}
_users: dict[Source, Counter[str]] = {}
"""Holds on each engine, by adapter."""


def _acquire(source: Source, adapter: str) -> Engine:
    with _lock:
        if source not in _engines:
            _engines[source] = Engine(source)
            _users[source] = Counter()
        _users[source][adapter] += 1
        return _engines[source]


def _release(source: Source, adapter: str) -> None:
    with _lock:
        if source not in _engines:  # the process is ending
            return
        users = _users[source]
        users[adapter] -= 1
        if users.total():
            if adapter and not users[adapter]:
                _engines[source].drop_adapter(adapter)
            return
        del _users[source]
        engine = _engines.pop(source)
    engine.stop()


def _stop_all() -> None:
    with _lock:
        engines = list(_engines.values())
        _engines.clear()
        _users.clear()
    for engine in engines:
        engine.stop()


atexit.register(_stop_all)  # a thread inside torch while the interpreter is torn down would crash it
