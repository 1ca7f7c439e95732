"""Starts one confined command, reads its output up to the cap, watches what it uses, and ends it without exception."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from metagpt.actions.sandbox.census import kin_of, marked, memory_of
from metagpt.actions.sandbox.interface import KilledBy, SandboxResult
from metagpt.actions.sandbox.launch import STARTED
from metagpt.actions.sandbox.limits import Limits
from metagpt.errors import SandboxError

__all__ = ["Launch", "supervise"]

_WATCH_S = 0.05
_DRAIN_S = 2.0
_BACKEND_PROCESSES = 2  # bubblewrap itself and the first process of its namespace
_CHUNK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class Launch:
    """How a backend starts a command."""

    backend: str
    argv: Callable[[int], Sequence[str]]
    """The whole command line, given the descriptor that the launcher reports to."""
    env: Mapping[str, str]
    cwd: str
    mark: str = ""
    """A word in `env` by which processes are found that left the session; empty where they cannot."""


async def supervise(launch: Launch, *, stdin: bytes, limits: Limits) -> SandboxResult:
    """Run to the end, of itself or of a limit; afterwards nothing of it is alive.

    Raises:
        SandboxError: When the launcher did not get as far as the program.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    with _started(launch, stdin) as (process, status):
        output = _Output(process, limits.output_bytes)
        ended = asyncio.ensure_future(_end_of(process))
        watch = _Watch(process, output, limits)
        try:
            killed_by = await watch.passed_limit(ended, deadline=began + limits.wall_s)
        finally:
            _kill(process, launch.mark, ended=ended.done())
            await _uninterrupted(_settle(ended, output))
        code, cpu_s = _reap(process)
        _require_started(launch, status, output, killed=killed_by is not None)
    if killed_by is None and output.overflowed:
        killed_by = "output"
    if killed_by is None and code in {128 + signal.SIGXCPU, 128 + signal.SIGKILL} and max(cpu_s, watch.cpu_s) >= limits.cpu_s - 0.5:
        killed_by = "cpu"
    return SandboxResult(
        exit_status=None if killed_by else code,
        stdout=output.stdout,
        stderr=output.stderr,
        truncated=output.overflowed,
        timed_out=killed_by == "wall",
        killed_by=killed_by,
        wall_s=loop.time() - began,
        backend=launch.backend,
    )


@contextlib.contextmanager
def _started(launch: Launch, stdin: bytes) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process and the reading end of its status pipe."""
    with contextlib.ExitStack() as stack:
        source: IO[bytes] | int = subprocess.DEVNULL
        if stdin:
            source = stack.enter_context(tempfile.TemporaryFile())
            source.write(stdin)
            source.seek(0)
        status, report = os.pipe()
        stack.callback(os.close, status)
        os.set_blocking(status, False)
        try:
            process = subprocess.Popen(
                list(launch.argv(report)),
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(launch.env),
                cwd=launch.cwd,
                pass_fds=(report,),
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise SandboxError(f"Sandbox {launch.backend}: its launcher could not be started ({error}).") from error
        finally:
            os.close(report)
        stack.enter_context(process)
        yield process, status


class _Output:
    """Reads both streams as they come; what is above the cap is thrown away and reported."""

    def __init__(self, process: subprocess.Popen[bytes], limit_bytes: int) -> None:
        self.overflowed = False
        self.changed = asyncio.Event()
        """Set at overflow and when both streams have ended."""
        self._left = limit_bytes
        self._loop = asyncio.get_running_loop()
        self._parts: dict[int, list[bytes]] = {stream.fileno(): [] for stream in (process.stdout, process.stderr) if stream is not None}
        self._open = set(self._parts)
        for descriptor in self._parts:
            os.set_blocking(descriptor, False)
            self._loop.add_reader(descriptor, self._read, descriptor)

    @property
    def stdout(self) -> bytes:
        return b"".join(next(iter(self._parts.values())))

    @property
    def stderr(self) -> bytes:
        return b"".join(next(reversed(self._parts.values())))

    def close(self) -> None:
        for descriptor in list(self._open):
            self._end(descriptor)

    async def drain(self) -> None:
        """Until both streams have ended."""
        while self._open:
            self.changed.clear()
            await self.changed.wait()

    def _read(self, descriptor: int) -> None:
        try:
            part = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return
        if not part:
            self._end(descriptor)
            return
        if kept := part[: self._left]:
            self._parts[descriptor].append(kept)
            self._left -= len(kept)
        if len(part) > len(kept):
            self.overflowed = True
            self.changed.set()

    def _end(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        self._open.discard(descriptor)
        self.changed.set()


class _Watch:
    """Waits for the end of a run, and looks every few milliseconds at what it uses."""

    def __init__(self, process: subprocess.Popen[bytes], output: _Output, limits: Limits) -> None:
        self.cpu_s = 0.0
        """As last seen: a backend's own process need not report what the program used."""
        self._process, self._output, self._limits = process, output, limits

    async def passed_limit(self, ended: asyncio.Future[None], *, deadline: float) -> KilledBy | None:
        """The limit that was passed, or None when the program ended by itself."""
        loop, output = asyncio.get_running_loop(), self._output
        while (left := deadline - loop.time()) > 0:
            changed = asyncio.ensure_future(output.changed.wait())
            first: set[asyncio.Future[Any]] = {ended, changed}  # Any: whichever it is, only that it came counts
            try:
                await asyncio.wait(first, timeout=min(left, _WATCH_S), return_when=asyncio.FIRST_COMPLETED)
            finally:
                changed.cancel()
            output.changed.clear()
            if output.overflowed:
                return "output"
            if ended.done():
                return None
            if passed := self._look():
                return passed
        return "wall"

    def _look(self) -> KilledBy | None:
        family, limits = kin_of(self._process.pid), self._limits
        self.cpu_s = max(self.cpu_s, sum(kin.cpu_s for kin in family))
        if self.cpu_s > limits.cpu_s:
            return "cpu"
        if memory_of(family, above=limits.memory_bytes) > limits.memory_bytes:
            return "memory"
        if sum(kin.tasks for kin in family) > limits.processes + _BACKEND_PROCESSES:
            return "processes"
        return None


async def _end_of(process: subprocess.Popen[bytes]) -> None:
    """Until the process has ended; it is not reaped, so that its number still stands for its group."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except (AttributeError, OSError):  # no Linux, or one before 5.3: a thread waits, and reaps
        await asyncio.to_thread(process.wait)
        return
    loop, readable = asyncio.get_running_loop(), asyncio.Event()
    try:
        loop.add_reader(descriptor, readable.set)
        await readable.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _kill(process: subprocess.Popen[bytes], mark: str, *, ended: bool) -> None:
    """Everything of the run: the group, the family where it still stands, and whoever carries the mark."""
    doomed = [] if ended else [kin.pid for kin in kin_of(process.pid, fresh=True)]
    with contextlib.suppress(ProcessLookupError, PermissionError):  # gone, or (macOS) a group of zombies
        os.killpg(process.pid, signal.SIGKILL)
    for pid in doomed:
        _kill_one(pid)
    while mark and (strays := marked(mark, beside=process.pid)):
        for pid in strays:
            _kill_one(pid)


def _kill_one(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


async def _settle(ended: asyncio.Future[None], output: _Output) -> None:
    await ended
    # what was written before the end is still in the pipes; a stray that holds them open is not waited for
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_S):
            await output.drain()
    output.close()


async def _uninterrupted(work: Coroutine[None, None, None]) -> None:
    """Finish the work although this task is cancelled: no process may outlive its run."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
    task.result()


def _reap(process: subprocess.Popen[bytes]) -> tuple[int, float]:
    """Exit status as a shell says it, and CPU seconds of the process and all it waited for."""
    cpu_s = 0.0
    if process.returncode is None:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        cpu_s = usage.ru_utime + usage.ru_stime
    code = process.returncode
    return (code if code >= 0 else 128 - code), cpu_s


def _require_started(launch: Launch, status: int, output: _Output, *, killed: bool) -> None:
    try:
        report = os.read(status, _CHUNK)
    except BlockingIOError:
        report = b""
    if report.startswith(STARTED) or (killed and not report):
        return
    reason = (report or output.stderr).decode(errors="replace").strip() or "no word from it"
    raise SandboxError(f"Sandbox {launch.backend}: it could not be set up ({reason}); the program was not started.")
