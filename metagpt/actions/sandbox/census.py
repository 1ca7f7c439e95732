"""Who belongs to a run and what they use, read from /proc; one reading serves all runs for a moment."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Kin", "count_tasks", "kin_of", "marked", "memory_of"]

_FRESH_S = 0.04
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True, slots=True)
class Kin:
    """One process of a run."""

    pid: int
    parent: int
    session: int
    cpu_s: float
    """Its own and that of the children it has waited for."""
    resident_bytes: int
    tasks: int
    """Threads, the first included."""


_latest: tuple[float, dict[int, Kin]] = (float("-inf"), {})


def kin_of(root: int, *, fresh: bool = False) -> list[Kin]:
    """The processes of the session and of the family tree of `root`, itself included; empty where there is no /proc."""
    everyone = _everyone(fresh=fresh)
    found = {pid: kin for pid, kin in everyone.items() if root in {pid, kin.session}}
    children: dict[int, list[Kin]] = {}
    for kin in everyone.values():
        children.setdefault(kin.parent, []).append(kin)
    waiting = list(found)
    while waiting:
        for child in children.get(waiting.pop(), ()):
            if child.pid not in found:
                found[child.pid] = child
                waiting.append(child.pid)
    return list(found.values())


def memory_of(family: list[Kin], *, above: int) -> int:
    """Resident bytes of all; shared pages are counted once if the plain sum is above the given figure."""
    total = sum(kin.resident_bytes for kin in family)
    return total if total <= above else sum(_proportional_bytes(kin) for kin in family)


def count_tasks(uid: int) -> int:
    """Processes and threads of a user, as RLIMIT_NPROC counts them; 0 where there is no /proc."""
    total = 0
    for pid in _pids():
        try:
            if os.stat(f"/proc/{pid}").st_uid == uid:
                total += len(os.listdir(f"/proc/{pid}/task"))
        except OSError:
            continue  # it ended meanwhile
    return total


def marked(word: str, *, beside: int) -> list[int]:
    """Living processes other than `beside` with the word in the environment they were started with."""
    return [pid for pid in _pids() if pid != beside and _carries(pid, word.encode())]


def _carries(pid: int, word: bytes) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as file:
            return word in file.read()
    except OSError:
        return False


def _everyone(*, fresh: bool) -> dict[int, Kin]:
    global _latest  # noqa: PLW0603 - a reading shared by all runs: with fifty of them /proc is still read once
    read_at, everyone = _latest
    now = time.monotonic()
    if fresh or now - read_at > _FRESH_S:
        everyone = {kin.pid: kin for pid in _pids() if (kin := _read(pid)) is not None}
        _latest = (now, everyone)
    return everyone


def _pids() -> Iterator[int]:
    try:
        names = os.listdir("/proc")
    except OSError:
        return iter(())
    return (int(name) for name in names if name.isdecimal())


def _read(pid: int) -> Kin | None:
    """From /proc/PID/stat; the fields after the parenthesised name start with the third."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            fields = file.read(4096).rpartition(b") ")[2].split()
    except OSError:
        return None
    return Kin(
        pid=pid,
        parent=int(fields[1]),
        session=int(fields[3]),
        cpu_s=sum(map(int, fields[11:15])) / _TICKS,
        tasks=int(fields[17]),
        resident_bytes=int(fields[21]) * _PAGE,
    )


def _proportional_bytes(kin: Kin) -> int:
    try:
        with open(f"/proc/{kin.pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return kin.resident_bytes
