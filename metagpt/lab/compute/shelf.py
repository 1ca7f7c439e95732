"""Models in memory while they are used, and after that for as long as there is room."""

from __future__ import annotations

import gc
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

__all__ = ["ModelShelf"]

M = TypeVar("M")


@dataclass
class _Kept(Generic[M]):
    model: M
    size_bytes: int
    users: int = 0


class ModelShelf(Generic[M]):
    """Loads a model at its first use; where room is short, those unused for longest are released.

    Any number of threads may use it; a model that several use at once is in memory once.
    """

    def __init__(self, load: Callable[[str], M], *, room_bytes: int, size_of: Callable[[M], int] | None = None) -> None:
        """A shelf without models.

        Args:
            load: Makes the model of a name.
            room_bytes: What all models together may take; models in use are never released, even if they take more.
            size_of: Bytes of a model; those of its parameters and buffers if left out.
        """
        self._load = load
        self._room_bytes = room_bytes
        self._size_of = size_of or _module_bytes
        self._kept: OrderedDict[str, _Kept[M]] = OrderedDict()
        self._lock = threading.RLock()

    @property
    def loaded(self) -> list[str]:
        """Names of the models in memory, the one unused for longest first."""
        return list(self._kept)

    @property
    def size_bytes(self) -> int:
        """What they take together."""
        return sum(kept.size_bytes for kept in self._kept.values())

    @contextmanager
    def use(self, name: str) -> Iterator[M]:
        """The model of that name, held in memory until the block ends."""
        with self._lock:
            kept = self._kept.get(name)
            if kept is None:
                model = self._load(name)
                kept = self._kept[name] = _Kept(model, self._size_of(model))
            self._kept.move_to_end(name)
            kept.users += 1
            self._make_room()
        try:
            yield kept.model
        finally:
            with self._lock:
                kept.users -= 1
                self._make_room()

    def close(self) -> None:
        """Release every model that nobody uses."""
        with self._lock:
            self._release([name for name, kept in self._kept.items() if not kept.users])

    def _make_room(self) -> None:
        excess = self.size_bytes - self._room_bytes
        gone = []
        for name, kept in self._kept.items():
            if excess <= 0:
                break
            if not kept.users:
                gone.append(name)
                excess -= kept.size_bytes
        self._release(gone)

    def _release(self, names: list[str]) -> None:
        for name in names:
            del self._kept[name]
        if names:
            _hand_back()


def _module_bytes(model: Any) -> int:
    tensors = [*model.parameters(), *model.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _hand_back() -> None:
    """Give what torch holds in reserve back to the devices."""
    import torch

    gc.collect()  # modules and their hooks point at each other
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
