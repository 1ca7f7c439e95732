"""The thread that owns one model's weights and answers every event loop's requests."""

from __future__ import annotations

import gc
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import torch

from metagpt.errors import MetaGPTError, ModelUnavailableError
from metagpt.models.local.decoder import Decoder
from metagpt.models.local.faults import as_model_error, while_loading
from metagpt.models.local.job import Job
from metagpt.models.local.weights import Source, Weights, load_weights

__all__ = ["Engine"]

T = TypeVar("T")


@dataclass(slots=True)
class _Errand(Generic[T]):
    work: Callable[[Weights], T]
    future: Future[T] = field(default_factory=Future)


class Engine:
    """One copy of the weights of `source`, loaded at the first request, and the thread that decodes with them."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._arrived: deque[Job] = deque()
        self._errands: deque[_Errand[Any]] = deque()
        self._dropped: list[str] = []
        self._changed = threading.Condition()
        self._stopping = False
        self._decoder: Decoder | None = None
        self._thread = threading.Thread(target=self._serve, name=f"metagpt-local-{source.path}", daemon=True)
        self._thread.start()

    @property
    def num_live(self) -> int:
        """Answers being decoded at this moment."""
        decoder = self._decoder  # read once: its thread may drop it
        return decoder.num_live if decoder else 0

    def submit(self, job: Job) -> None:
        """Queue a request; callable from any thread."""
        with self._changed:
            if self._stopping:
                job.finish(self._closed())
                return
            self._arrived.append(job)
            self._changed.notify()

    def ask(self, work: Callable[[Weights], T]) -> Future[T]:
        """Have the thread do something with the weights between two steps; callable from any thread.

        The future fails with `ModelUnavailableError` where the weights cannot be loaded, or the engine stops before.
        """
        errand = _Errand(work)
        with self._changed:
            if self._stopping:
                errand.future.set_exception(self._closed())
                return errand.future
            self._errands.append(errand)
            self._changed.notify()
        return errand.future

    def drop_adapter(self, path: str) -> None:
        """Free an adapter as soon as no request under way answers with it; callable from any thread."""
        with self._changed:
            self._dropped.append(path)
            self._changed.notify()

    def stop(self) -> None:
        """End the thread and free the weights; requests under way fail. Returns when both are done."""
        with self._changed:
            self._stopping = True
            self._changed.notify()
        self._thread.join()

    def _serve(self) -> None:
        while (jobs := self._next_jobs()) is not None:
            self._admit(jobs)
            self._do_errands()
            if self._decoder is not None:
                self._step(self._decoder)
        self._end()

    def _next_jobs(self) -> list[Job] | None:
        """What arrived since the last step, waiting for it while there is nothing to decode; None: stop."""
        with self._changed:
            self._changed.wait_for(self._has_work)
            if self._stopping:
                return None
            if self._decoder is not None:
                self._decoder.drop_adapters(self._dropped)
            self._dropped = []
            jobs = list(self._arrived)
            self._arrived.clear()
            return jobs

    def _has_work(self) -> bool:
        return bool(self._stopping or self._arrived or self._errands or self._dropped or (self._decoder and self._decoder.is_busy))

    def _loaded(self) -> Decoder:
        """The decoder; the first time the weights are loaded.

        Raises:
            MetaGPTError: they cannot be.
        """
        if self._decoder is None:
            try:
                self._decoder = Decoder(load_weights(self.source))
            except Exception as error:  # the loader's libraries raise anything, and the asker must hear of it
                raise while_loading(f"local:{self.source.path}", error) from error
        return self._decoder

    def _do_errands(self) -> None:
        while self._errands:
            errand = self._errands.popleft()
            if not errand.future.set_running_or_notify_cancel():
                continue  # nobody waits any more
            try:
                errand.future.set_result(errand.work(self._loaded().weights))
            except Exception as error:  # noqa: BLE001  # boundary of the thread
                errand.future.set_exception(as_model_error(f"local:{self.source.path}", error))

    def _admit(self, jobs: list[Job]) -> None:
        for job in jobs:
            if job.is_over:
                continue
            try:
                decoder = self._loaded()
                decoder.add(job, job.prepare(decoder.weights))
            except MetaGPTError as error:
                job.finish(error)
            except Exception as error:  # noqa: BLE001  # boundary of the thread: an error belongs to its request alone
                job.finish(as_model_error(f"local:{self.source.path}", error))

    def _step(self, decoder: Decoder) -> None:
        try:
            with torch.inference_mode():
                decoder.step()
        except Exception as error:  # noqa: BLE001  # boundary of the thread: nobody may wait for ever
            for job in decoder.jobs:
                job.finish(as_model_error(f"local:{self.source.path}", error))
            self._decoder = Decoder(decoder.weights)
            _hand_back(self.source.device)
        decoder.drop_adapters(())  # those that had to wait for these rows

    def _end(self) -> None:
        waiting = [*(self._decoder.jobs if self._decoder else []), *self._arrived]
        for job in waiting:
            job.finish(self._closed())
        self._arrived.clear()
        for errand in self._errands:
            if errand.future.set_running_or_notify_cancel():
                errand.future.set_exception(self._closed())
        self._errands.clear()
        self._decoder = None
        gc.collect()  # modules and their hooks point at each other
        _hand_back(self.source.device)

    def _closed(self) -> ModelUnavailableError:
        return ModelUnavailableError(
            f"local:{self.source.path}: closed while it was answering; expected to stay open. Close a model after its last request."
        )


def _hand_back(device: str) -> None:
    """Give what torch holds in reserve back to the device, for other programs."""
    if device.startswith("cuda"):
        torch.cuda.empty_cache()
    elif device == "mps":
        torch.mps.empty_cache()
