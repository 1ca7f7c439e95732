"""From runs to data: what became of every answer, and the examples, preference pairs and rewards that follow from it."""

from metagpt.lab.from_runs.credit import Attempt, credit
from metagpt.lab.from_runs.gathering import HELD_OUT, TRAIN, CallData, call_of, gather, is_held_out
from metagpt.lab.from_runs.prompts import CompactPrompts
from metagpt.lab.from_runs.publishing import data_from_runs, push_runs, record_models
from metagpt.lab.from_runs.reading import read_runs

__all__ = [
    "HELD_OUT",
    "TRAIN",
    "Attempt",
    "CallData",
    "CompactPrompts",
    "call_of",
    "credit",
    "data_from_runs",
    "gather",
    "is_held_out",
    "push_runs",
    "read_runs",
    "record_models",
]
