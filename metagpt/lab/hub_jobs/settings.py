"""What every job of the hub may be told."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from metagpt.hub import ModelHub
from metagpt.lab.jobs import JobSettings

__all__ = ["HubJobSettings"]


class HubJobSettings(JobSettings):
    """The hub that is worked on; an accelerator is not waited for, as none is used."""

    device: str = Field("cpu", description="These jobs compute on the processor.")
    hub: Path | None = Field(None, description="The hub's folder; METAGPT_HUB or .metagpt/hub if left out.")

    def open_hub(self) -> ModelHub:
        """The hub that is meant."""
        return ModelHub(self.hub)
