"""The kinds of jobs; each is a module that is imported when it is asked for.

Such a module holds `Settings`, a subclass of `JobSettings`, and `run(settings, folder)`, which returns the job's results.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from metagpt.errors import ConfigError
from metagpt.lab.jobs.folder import RunFolder
from metagpt.lab.jobs.kinds import JOB_KINDS

__all__ = ["Job", "JobSettings", "load_job"]


class JobSettings(BaseModel):
    """What every job may be told; each kind adds its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seed: int = Field(7, description="Same seed, same result on the same machine.")
    device: str = Field("auto", description="cpu, cuda, cuda:1, mps, or auto for the best at hand.")
    memory_gb: float | None = Field(
        None, gt=0, description="What the job needs on its device; it waits until so much is free. Left out: an accelerator for itself."
    )


class Job(Protocol):
    """A kind's module."""

    Settings: type[JobSettings]

    def run(self, settings: Any, folder: RunFolder) -> Mapping[str, Any]:  # Any: its own Settings; results are JSON values
        """Do the job, or go on with it where the folder's checkpoint stands; returns the results."""
        ...


def load_job(kind: str) -> Job:
    """The module of a kind of job.

    Raises:
        ConfigError: there is no such kind, or the extra that it needs is not installed.
    """
    if kind not in JOB_KINDS:
        near = difflib.get_close_matches(kind, JOB_KINDS, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Name one of them."
        raise ConfigError(f"job: found {kind!r}; expected one of {', '.join(JOB_KINDS)}. {hint}")
    try:
        job: Any = importlib.import_module(JOB_KINDS[kind][0])
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("metagpt"):
            raise
        found = f"lab {kind}: the package {error.name!r} is not installed"
        raise ConfigError(f"{found}; expected the lab extra. Run: pip install 'metagpt[lab]'") from error
    loaded: Job = job
    return loaded
