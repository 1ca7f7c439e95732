"""What is known of a program from running it: its tests, its behaviour on inputs, and which of several to trust."""

from metagpt.behaviour.choosing import Choice, choose
from metagpt.behaviour.inputs import sample_inputs
from metagpt.behaviour.properties import PROPERTIES, holds
from metagpt.behaviour.running import Outcome, TestReport, observe, observe_each, run_tests, same_value

__all__ = [
    "PROPERTIES",
    "Choice",
    "Outcome",
    "TestReport",
    "choose",
    "holds",
    "observe",
    "observe_each",
    "run_tests",
    "same_value",
    "sample_inputs",
]
