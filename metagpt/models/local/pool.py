"""The engines of this process: one for each model, however many roles use it."""

from __future__ import annotations

import atexit
import threading

from metagpt.models.local.device import choose_device, choose_dtype
from metagpt.models.local.engine import Engine
from metagpt.models.local.job import Job
from metagpt.models.local.settings import LocalSettings
from metagpt.models.local.weights import Source

__all__ = ["SharedEngine", "num_engines", "share_engine"]


class SharedEngine:
    """One user's hold on an engine."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._engine = _acquire(source)

    @property
    def engine(self) -> Engine:
        """The engine itself, the same for all who share it."""
        return self._engine

    def submit(self, job: Job) -> None:
        """Queue a request."""
        self._engine.submit(job)

    def release(self) -> None:
        """Use the engine no longer; with its last user it stops and frees the weights. Call once, off the event loop."""
        _release(self._source)


def share_engine(owner: str, path: str, settings: LocalSettings) -> SharedEngine:
    """A hold on the engine of this path, device and dtype, which is started if nobody has one yet.

    Raises:
        ConfigError: a device that is not there.
    """
    device = choose_device(owner, settings.device)
    return SharedEngine(Source(path, device, choose_dtype(settings.dtype, device)))


def num_engines() -> int:
    """Engines in use in this process, each with a copy of its weights."""
    return len(_engines)


_lock = threading.Lock()
_engines: dict[Source, Engine] = {}
_num_users: dict[Source, int] = {}


def _acquire(source: Source) -> Engine:
    with _lock:
        if source not in _engines:
            _engines[source] = Engine(source)
        _num_users[source] = _num_users.get(source, 0) + 1
        return _engines[source]


def _release(source: Source) -> None:
    with _lock:
        if source not in _engines:  # the process is ending
            return
        _num_users[source] -= 1
        if _num_users[source]:
            return
        del _num_users[source]
        engine = _engines.pop(source)
    engine.stop()


def _stop_all() -> None:
    with _lock:
        engines = list(_engines.values())
        _engines.clear()
        _num_users.clear()
    for engine in engines:
        engine.stop()


atexit.register(_stop_all)  # a thread inside torch while the interpreter is torn down would crash it
