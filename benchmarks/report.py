"""The tables: on the terminal and in RESULTS.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.environments import PEERS, Environment
from benchmarks.probe import Figure
from benchmarks.runner import Result

__all__ = ["Conditions", "row_table", "summary_table", "write_results"]

RESULTS = Path(__file__).with_name("RESULTS.md")
ONE_BY_ONE = "# Measured one by one"
"""The heading from which on RESULTS.md is written by hand: figures of single scripts, each with its command; they are kept."""


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a reader must know to judge the figures."""

    command: str
    rounds: int
    load_before: float
    environments: Mapping[str, Environment]


def summary_table(results: Iterable[Result]) -> str:
    """All rows, a line for every figure that has an aim."""
    lines = [["figure", "floor", "best peer", "ours", "aim", "ours / floor", "ours / best peer"]]
    for result in results:
        if "metagpt" in result.medians:
            lines += [_summary_line(result, figure) for figure in result.row.figures if figure.aim is not None]
    return _table(lines)


def _summary_line(result: Result, figure: Figure) -> list[str]:
    ours, floor = result.medians["metagpt"], result.medians.get("floor")
    best = result.best_peer
    peer = result.medians[best] if best else None
    aim = f"{figure.aim:g} x floor" if figure.times_floor else f"{figure.aim:g}"
    return [
        f"{result.row.title} ({figure.unit})",
        _shown(floor, figure),
        f"{_shown(peer, figure)} {best}" if best else "-",
        _shown(ours, figure),
        aim,
        _ratio(ours, floor, figure.key),
        _ratio(ours, peer, figure.key),
    ]


def row_table(result: Result) -> str:
    """One row, a line for every contender."""
    floor = result.medians.get("floor")
    best = result.medians[result.best_peer] if result.best_peer else None
    figures = result.row.figures
    lines = [["", *(figure.unit for figure in figures), "x floor", "x best peer", "compared"]]
    for name, contender in result.row.contenders.items():
        if name in result.medians:
            mine = result.medians[name]
            shown = [_shown(mine, figure) for figure in figures]
            lines.append([name, *shown, _ratio(mine, floor, result.key), _ratio(mine, best, result.key), contender.what])
    absent = [f"- {name}: {why}." for name, why in result.skipped.items()]
    return "\n".join([_table(lines), *(["", *absent] if absent else [])])


def _shown(figures: Mapping[str, float] | None, figure: Figure) -> str:
    return "-" if figures is None else f"{figures[figure.key] * figure.scale:,.{figure.digits}f}"


def _ratio(mine: Mapping[str, float], other: Mapping[str, float] | None, key: str) -> str:
    return "-" if other is None or not other[key] else f"{mine[key] / other[key]:.2f}"


def _table(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table, padded so that it can be read as it stands."""
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    rows = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
    return "\n".join([rows[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *rows[1:]])


def write_results(results: Sequence[Result], conditions: Conditions) -> Path:
    """Write RESULTS.md anew, up to what was measured one by one."""
    kept = RESULTS.read_text().partition(ONE_BY_ONE)[1:] if RESULTS.exists() else ()
    parts = [
        "# Benchmarks",
        _preamble(conditions),
        summary_table(results),
        *(f"## {result.row.title}\n\n{row_table(result)}" for result in results),
    ]
    if any(kept):
        parts.append("".join(kept).rstrip("\n"))
    RESULTS.write_text("\n\n".join(parts) + "\n")
    return RESULTS


def _preamble(conditions: Conditions) -> str:
    lines = [
        f"Written by `{conditions.command}` on {datetime.now(UTC).date().isoformat()}; do not edit above “Measured one by one”."
        " CPU time is what counts: wall time depends on what else the machine does.",
        f"Medians of {conditions.rounds} rounds; in a round every contender runs once, in a process of its own, after a warm-up.",
        "",
        f"- Machine: {_cpu_model()}, {os.cpu_count()} cores, {platform.system()} {platform.release().split('-')[0]} {platform.machine()},"
        f" load {conditions.load_before:.1f} before the run.",
        f"- Python {platform.python_version()}.",
        *(f"- {name}: {_state(each)}." for name, each in conditions.environments.items()),
        "",
        "`floor` is plain code without a framework; the best peer is the cheapest of those that do the whole of a row's work.",
    ]
    return "\n".join(lines)


def _state(environment: Environment) -> str:
    return environment.problem or ", ".join(f"{name} {version}" for name, version in environment.versions.items())


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def peers_of(environments: Mapping[str, Environment]) -> Mapping[str, Path]:
    """The interpreter of every contender that has one."""
    own = environments["metagpt"].python
    assert own is not None
    pythons = {"floor": own, "streamed": own, "metagpt": own}
    return pythons | {name: each.python for name, each in environments.items() if name in PEERS and each.python is not None}
