"""The hub: versioned models, adapters, datasets and compositions, found by what a task says. Importing it loads nothing heavy."""

from metagpt.hub.card import Card
from metagpt.hub.checks import Finding
from metagpt.hub.entry import Entry
from metagpt.hub.hub import ModelHub
from metagpt.hub.selection import SelectedModel, TaskDescription

__all__ = ["Card", "Entry", "Finding", "ModelHub", "SelectedModel", "TaskDescription"]
