"""What a benchmark row is, and how its scripts measure: standard library only, for it runs in the peers' environments too.

A row's script is called `python -m benchmarks.<row> <contender> <size>` in a process of its own and prints one line of
JSON: the row's figures in base units (seconds, bytes).
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

__all__ = ["Contender", "Figure", "Figures", "Row", "measured", "measured_async", "run_script"]

Figures = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number of a row."""

    key: str
    """Its name in the script's JSON."""
    unit: str
    scale: float = 1.0
    """The JSON's number times this is in `unit`."""
    digits: int = 1
    aim: float | None = None
    """What ours is to reach at most, in `unit`; None: it is only told."""
    times_floor: bool = False
    """Whether `aim` is a multiple of the floor instead."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One way to do a row's work."""

    measure: Callable[[int], Figures]
    what: str
    """What is compared, in one line."""
    share: float = 1.0
    """Of the row's size, for the slow ones: figures are per unit of work."""
    counts: bool = True
    """Whether it may be named the best peer: it does the whole of the row's work."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One table of the report. The first figure is the one that ratios are made of."""

    name: str
    title: str
    unit_of_work: str
    """What `size` counts."""
    size: int
    quick: int
    """The size under --quick."""
    figures: tuple[Figure, ...]
    contenders: Mapping[str, Contender]
    left_out: Mapping[str, str]
    """Peers that have no comparable thing, and why."""


def measured(work: Callable[[], object], units: float) -> Figures:
    """CPU and wall seconds of `work`, per unit."""
    gc.collect()
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return {"cpu": (time.process_time() - cpu) / units, "wall": (time.perf_counter() - wall) / units}


def measured_async(work: Callable[[int], Awaitable[object]], size: int, *, warm_up: int, units: float | None = None) -> Figures:
    """CPU and wall seconds of `work(size)` per unit, on a running loop, after `work(warm_up)`."""

    async def main() -> Figures:
        await work(warm_up)
        gc.collect()
        cpu, wall = time.process_time(), time.perf_counter()
        await work(size)
        each = units or size
        return {"cpu": (time.process_time() - cpu) / each, "wall": (time.perf_counter() - wall) / each}

    return asyncio.run(main())


def run_script(row: Row) -> None:
    """Measure the contender and the size that the command line names, and print the figures."""
    name, size = sys.argv[1], int(sys.argv[2])
    print(json.dumps(row.contenders[name].measure(size)))
