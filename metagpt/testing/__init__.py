"""Strict doubles and checks, for our tests and for users': scripted models, a fake clock, crashes on purpose, no network.

`check_model`, `check_memory`, `check_journal` and `check_action` say whether a plugin keeps what its interface promises.
"""

from metagpt.testing.clock import FakeClock
from metagpt.testing.conformance import check_action, check_memory, check_model
from metagpt.testing.crash import Crash, CrashingJournal, crash_at
from metagpt.testing.journals import check_journal
from metagpt.testing.mutation import MutationError, WatchedJournal, forbid_mutation
from metagpt.testing.network import NetworkForbiddenError, forbid_network
from metagpt.testing.scripted import Data, FunctionModel, ScriptedModel, call, data, error, text

__all__ = [
    "Crash",
    "CrashingJournal",
    "Data",
    "FakeClock",
    "FunctionModel",
    "MutationError",
    "NetworkForbiddenError",
    "ScriptedModel",
    "WatchedJournal",
    "call",
    "check_action",
    "check_journal",
    "check_memory",
    "check_model",
    "crash_at",
    "data",
    "error",
    "forbid_mutation",
    "forbid_network",
    "text",
]
