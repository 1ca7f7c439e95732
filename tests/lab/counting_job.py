"""A job for tests: it counts, and can be cut."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from metagpt.lab.jobs import JobSettings, RunFolder


class Settings(JobSettings):
    """What to count to, and where the power fails."""

    steps: int = Field(description="How far to count.", ge=1)
    cut_at: int | None = Field(None, description="The step before which it fails.")


def run(settings: Settings, folder: RunFolder) -> Mapping[str, Any]:
    """Count on from the checkpoint; a run that goes on is not cut again."""
    done = int(folder.checkpoint.read_text()) if folder.checkpoint.exists() else 0
    for step in range(done, settings.steps):
        if step == settings.cut_at and done == 0:
            raise KeyboardInterrupt
        folder.log(step=step)
        folder.checkpoint.write_text(str(step + 1))
    return {"counted": settings.steps, "seed": settings.seed}
