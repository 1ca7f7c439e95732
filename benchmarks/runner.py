"""Runs a row's contenders in turn, round after round, each measurement a process of its own."""

from __future__ import annotations

import importlib
import json
import statistics
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.environments import PEERS, ROOT, child_environ
from benchmarks.probe import Contender, Figures, Row

__all__ = ["ROWS", "Result", "load_row", "measure_row"]

ROWS = ("hop", "broadcast", "construction", "journal", "imports", "teams", "growth")
SCRIPT_TIMEOUT_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """One row as it was measured."""

    row: Row
    medians: Mapping[str, Figures]
    """By contender, in base units."""
    skipped: Mapping[str, str]
    """Contenders without figures, and why."""

    @property
    def key(self) -> str:
        """The figure that ratios are made of."""
        return self.row.figures[0].key

    @property
    def best_peer(self) -> str | None:
        """The peer that does all of the row's work for the least."""
        peers = [name for name in self.medians if name in PEERS and self.row.contenders[name].counts]
        return min(peers, key=lambda name: self.medians[name][self.key], default=None)


def load_row(name: str) -> Row:
    """The row of that name."""
    row: Row = importlib.import_module(f"benchmarks.{name}").ROW
    return row


def measure_row(
    row: Row, pythons: Mapping[str, Path], *, rounds: int, quick: bool, only: Iterable[str] | None, tell: Callable[[str], None]
) -> Result:
    """Medians over `rounds` rounds; in each round every contender runs once, so that all meet the same disturbances.

    Args:
        row: What to measure.
        pythons: The interpreter of each contender that has one.
        rounds: How often each contender is measured.
        quick: Whether the row's small size is taken.
        only: The contenders wanted; None: all.
        tell: Called with a line for every failure.
    """
    wanted = [name for name in row.contenders if name in pythons and (only is None or name in only)]
    runs: dict[str, list[Figures]] = {name: [] for name in wanted}
    skipped = dict(row.left_out)
    for _ in range(rounds):
        for name in [each for each in wanted if each not in skipped]:
            try:
                runs[name].append(_measured(row, name, pythons[name], _size(row, row.contenders[name], quick=quick)))
            except (subprocess.SubprocessError, ValueError, LookupError) as error:
                skipped[name] = _why(error)
                tell(f"{row.name}: {name} {skipped[name]}")
    medians = {name: _median(figures) for name, figures in runs.items() if figures and name not in skipped}
    return Result(row=row, medians=medians, skipped=skipped)


def _size(row: Row, contender: Contender, *, quick: bool) -> int:
    size = row.quick if quick else row.size
    return max(1, round(size * contender.share))


def _measured(row: Row, contender: str, python: Path, size: int) -> Figures:
    command = [str(python), "-m", f"benchmarks.{row.name}", contender, str(size)]
    done = subprocess.run(command, cwd=ROOT, env=child_environ(), check=True, capture_output=True, text=True, timeout=SCRIPT_TIMEOUT_S)
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def _median(runs: list[Figures]) -> Figures:
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def _why(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        said = (error.stderr or "").strip().splitlines()
        return f"failed: {said[-1] if said else f'exit status {error.returncode}'}"
    if isinstance(error, subprocess.TimeoutExpired):
        return f"failed: no figures within {SCRIPT_TIMEOUT_S:g} s"
    return f"failed: {type(error).__name__}: {error}"
