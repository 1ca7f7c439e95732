"""What the program's exit status says."""

from __future__ import annotations

from typing import Any

from metagpt.errors import LabError, MetaGPTError, RunError
from metagpt.run import Run

__all__ = ["FAILURE", "INTERRUPTED", "SUCCESS", "USAGE", "WAITING", "status_of_error", "status_of_run"]

SUCCESS = 0
FAILURE = 1
"""The run ended without success; findings of `check`; faults of `doctor`."""
USAGE = 2
"""The command or the configuration is wrong; nothing was run."""
WAITING = 3
"""The run waits for a person."""
INTERRUPTED = 130
"""Ctrl-C; what was done is recorded."""


def status_of_run(run: Run[Any]) -> int:
    """The exit status for a run as it stands."""
    if run.status == "waiting":
        return WAITING
    if run.status == "cancelled":
        return INTERRUPTED
    return SUCCESS if run.success else FAILURE


def status_of_error(error: MetaGPTError) -> int:
    """The exit status for an error that reached the command; without a run, nothing was started."""
    is_of_run = isinstance(error, RunError) and error.run is not None
    return FAILURE if is_of_run or isinstance(error, LabError) else USAGE
