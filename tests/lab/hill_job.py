"""A job for tests of the search: a hill with its top at x = 3, climbed in steps; it can fail, and be cut."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from metagpt.errors import LabError
from metagpt.lab.jobs import JobSettings, RunFolder


class Settings(JobSettings):
    """Where to stand on the hill."""

    x: float = Field(description="The place.")
    shoe: str = Field("boot", description="What to wear; sandals lose a tenth.")
    steps: int = Field(4, description="How far to climb.", ge=1)
    fails_above: float = Field(1e9, description="No ground above this place.")
    cut_file: str | None = Field(None, description="While this file is there, the power fails before the third step.")


def run(settings: Settings, folder: RunFolder) -> Mapping[str, Any]:
    """Log the height at every step; goes on from the checkpoint."""
    from pathlib import Path

    if settings.x > settings.fails_above:
        raise LabError(f"hill: found x = {settings.x}; expected ground. Stay below.")
    top = 10 - (settings.x - 3) ** 2 - (0.1 if settings.shoe == "sandal" else 0)
    done = int(folder.checkpoint.read_text()) if folder.checkpoint.exists() else 0
    for step in range(done, settings.steps):
        if step == 2 and settings.cut_file and Path(settings.cut_file).exists():
            raise KeyboardInterrupt
        folder.log(step=step, height=top * (step + 1) / settings.steps)
        folder.checkpoint.write_text(str(step + 1))
    return {"height": top, "device": settings.device, "view": {"far": top / 2}}
