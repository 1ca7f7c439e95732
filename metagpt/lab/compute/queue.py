"""The queue of one machine: jobs of any number of processes wait until what they need is free, first come, first served.

Every job is a small file in one folder, written whole or not at all, and every change is made under one file lock. A job
whose process is gone is taken out by the next one that looks; nobody has to tidy up after a kill.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from metagpt.hub.durable import replacing
from metagpt.lab.compute.need import Claim, Need, admitted, candidates
from metagpt.lab.devices import Device, list_devices

__all__ = ["ComputeQueue", "Ticket"]

_log = logging.getLogger(__name__)
_POLL_S = 0.5
_held: ContextVar[str | None] = ContextVar("metagpt_reserved_device", default=None)
"""The device that this job of this process runs on: what it starts itself does not queue behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A job in the queue."""

    number: int
    """In the order of arrival."""
    what: str
    pid: int
    born: float
    """When its process began, in seconds since 1970: a pid alone may be another's by now."""
    claim: Claim
    since: float
    """When it came, in seconds since 1970."""


class ComputeQueue:
    """The jobs of this machine and user that need an accelerator or a known amount of memory."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        devices: Callable[[], list[Device]] = list_devices,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open the queue; nothing is written before a job comes.

        Args:
            folder: Where its files are: `metagpt/queue` in the user's cache, XDG_CACHE_HOME or `~/.cache`, if left out.
            devices: What there is and what is free, asked at each look.
            pause: Waits so many seconds between two looks.
            clock: Seconds since 1970.
        """
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.folder = folder or cache / "metagpt" / "queue"
        self._devices = devices
        self._pause = pause
        self._clock = clock

    @contextmanager
    def reserve(self, need: Need, *, what: str) -> Iterator[str]:
        """Wait until the need can be met, and hold it; yields the device's name.

        Inside a reservation, of this process or of one that it was started by, nothing waits: what holds it answers for all.

        Raises:
            LabError: more than this machine has.
        """
        held = _held.get()
        devices = {device.name: device for device in self._devices()}
        names = candidates(need, devices)
        if held is not None or self._is_below_a_holder() or (names == ("cpu",) and need.memory_bytes is None):
            yield held if held is not None and need.device == "auto" else names[0]
            return
        number = self._join(what, Claim(devices=names, memory_bytes=need.memory_bytes, is_running=False))
        try:
            device = self._wait(number)
            token = _held.set(device)
            try:
                yield device
            finally:
                _held.reset(token)
        finally:
            (self.folder / f"{number:08}.json").unlink(missing_ok=True)

    def tickets(self) -> list[Ticket]:
        """Who runs and who waits, in the order of arrival."""
        if not self.folder.is_dir():
            return []
        with self._locked():
            return self._living()

    def _join(self, what: str, claim: Claim) -> int:
        self.folder.mkdir(parents=True, exist_ok=True)
        with self._locked():
            last = self.folder / "last"
            number = max([int(last.read_text()) if last.is_file() else 0, *(ticket.number for ticket in self._living())]) + 1
            _write(last, str(number))
            self._keep(Ticket(number=number, what=what, pid=os.getpid(), born=_born(os.getpid()) or 0.0, claim=claim, since=self._clock()))
        return number

    def _wait(self, number: int) -> str:
        is_told = False
        while True:
            with self._locked():
                living = self._living()
                own = next(ticket for ticket in living if ticket.number == number)
                earlier = [ticket.claim for ticket in living if ticket.number < number]
                device = admitted(own.claim, earlier, {device.name: device for device in self._devices()})
                if device is not None:
                    claim = Claim(devices=(device,), memory_bytes=own.claim.memory_bytes, is_running=True)
                    self._keep(Ticket(number=number, what=own.what, pid=own.pid, born=own.born, claim=claim, since=own.since))
                    return device
            if not is_told:
                _log.warning("%s waits for %s, behind %d job(s).", own.what, " or ".join(own.claim.devices), len(earlier))
                is_told = True
            self._pause(_POLL_S)

    def _locked(self) -> FileLock:
        return FileLock(self.folder / "queue.lock")

    def _living(self) -> list[Ticket]:
        """The tickets, those of processes that are gone taken out; call it under the lock."""
        living = []
        for file in sorted(self.folder.glob("*.json")):
            ticket = _read(file)
            if ticket is None or _born(ticket.pid) != ticket.born:
                file.unlink(missing_ok=True)
            else:
                living.append(ticket)
        return living

    def _keep(self, ticket: Ticket) -> None:
        claim = ticket.claim
        said = {
            "number": ticket.number, "what": ticket.what, "pid": ticket.pid, "born": ticket.born, "since": ticket.since,
            "devices": claim.devices, "memory_bytes": claim.memory_bytes, "is_running": claim.is_running,
        }  # fmt: skip
        _write(self.folder / f"{ticket.number:08}.json", json.dumps(said))

    def _is_below_a_holder(self) -> bool:
        """Whether a process that this one was started by, near or far, holds a running ticket."""
        if not self.folder.is_dir():
            return False
        import psutil

        above = {process.pid for process in psutil.Process().parents()}
        return any(ticket.claim.is_running and ticket.pid in above for ticket in self.tickets())


def _read(file: Path) -> Ticket | None:
    try:
        said: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        claim = Claim(devices=tuple(said["devices"]), memory_bytes=said["memory_bytes"], is_running=said["is_running"])
        return Ticket(number=said["number"], what=said["what"], pid=said["pid"], born=said["born"], claim=claim, since=said["since"])
    except (OSError, ValueError, KeyError, TypeError):  # no ticket of ours
        return None


def _write(file: Path, text: str) -> None:
    with replacing(file) as aside:
        aside.write_text(text, encoding="utf-8")


def _born(pid: int) -> float | None:
    """When the process began; None if there is none."""
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None
