"""MetaGPT: teams of role agents over a typed, journaled message bus, and the lab that trains their models."""

from importlib import import_module
from typing import TYPE_CHECKING

from metagpt.errors import *  # noqa: F403 - every error by its name; `__all__` keeps to the words of every day
from metagpt.errors import MetaGPTError

if TYPE_CHECKING:
    from metagpt.actions.interface import Action, ActionContext, action
    from metagpt.handler import on
    from metagpt.hub import ModelHub, TaskDescription
    from metagpt.hub.data import load_data
    from metagpt.human import Human
    from metagpt.journal.in_memory import InMemoryJournal
    from metagpt.journal.interface import Journal
    from metagpt.journal.sqlite import SqliteJournal
    from metagpt.lab.contrastive import ContrastiveTrainer
    from metagpt.lab.evaluation import evaluate_model
    from metagpt.lab.generation import generate_response
    from metagpt.memory.interface import Memory
    from metagpt.memory.long_term import LongTermMemory
    from metagpt.memory.summary import SummaryMemory
    from metagpt.memory.token_budget import TokenBudgetMemory
    from metagpt.memory.vector import VectorMemory
    from metagpt.memory.window import WindowMemory
    from metagpt.message import Envelope, Goal, Message, reply, to
    from metagpt.models.context_fit import ContextFit
    from metagpt.models.interface import Model, ModelOptions
    from metagpt.models.retry import RetryPolicy
    from metagpt.role import Role
    from metagpt.run import Run, RunStream
    from metagpt.runtime.budget import Budget, Usage
    from metagpt.runtime.policy import Policy, Rules
    from metagpt.runtime.prompts import template
    from metagpt.runtime.ticks import Approve, Edit, EditArguments, Reject, WaitLimit
    from metagpt.team import Team

__all__ = [
    "Action",
    "ActionContext",
    "Approve",
    "Budget",
    "ContextFit",
    "ContrastiveTrainer",
    "Edit",
    "EditArguments",
    "Envelope",
    "Goal",
    "Human",
    "InMemoryJournal",
    "Journal",
    "LongTermMemory",
    "Memory",
    "Message",
    "MetaGPTError",
    "Model",
    "ModelHub",
    "ModelOptions",
    "Policy",
    "Reject",
    "RetryPolicy",
    "Role",
    "Rules",
    "Run",
    "RunStream",
    "SqliteJournal",
    "SummaryMemory",
    "TaskDescription",
    "Team",
    "TokenBudgetMemory",
    "Usage",
    "VectorMemory",
    "WaitLimit",
    "WindowMemory",
    "action",
    "evaluate_model",
    "generate_response",
    "load_data",
    "on",
    "reply",
    "template",
    "to",
]

_ON_FIRST_USE = {
    "Action": "metagpt.actions.interface",
    "ActionContext": "metagpt.actions.interface",
    "Approve": "metagpt.runtime.ticks",
    "Budget": "metagpt.runtime.budget",
    "ContextFit": "metagpt.models.context_fit",
    "ContrastiveTrainer": "metagpt.lab.contrastive",
    "Edit": "metagpt.runtime.ticks",
    "EditArguments": "metagpt.runtime.ticks",
    "Envelope": "metagpt.message",
    "Goal": "metagpt.message",
    "Human": "metagpt.human",
    "InMemoryJournal": "metagpt.journal.in_memory",
    "Journal": "metagpt.journal.interface",
    "LongTermMemory": "metagpt.memory.long_term",
    "Memory": "metagpt.memory.interface",
    "Message": "metagpt.message",
    "Model": "metagpt.models.interface",
    "ModelHub": "metagpt.hub",
    "ModelOptions": "metagpt.models.interface",
    "Policy": "metagpt.runtime.policy",
    "Reject": "metagpt.runtime.ticks",
    "RetryPolicy": "metagpt.models.retry",
    "Role": "metagpt.role",
    "Rules": "metagpt.runtime.policy",
    "Run": "metagpt.run",
    "RunStream": "metagpt.run",
    "SqliteJournal": "metagpt.journal.sqlite",
    "SummaryMemory": "metagpt.memory.summary",
    "TaskDescription": "metagpt.hub",
    "Team": "metagpt.team",
    "TokenBudgetMemory": "metagpt.memory.token_budget",
    "Usage": "metagpt.runtime.budget",
    "VectorMemory": "metagpt.memory.vector",
    "WaitLimit": "metagpt.runtime.ticks",
    "WindowMemory": "metagpt.memory.window",
    "action": "metagpt.actions.interface",
    "evaluate_model": "metagpt.lab.evaluation",
    "generate_response": "metagpt.lab.generation",
    "load_data": "metagpt.hub.data",
    "on": "metagpt.handler",
    "reply": "metagpt.message",
    "template": "metagpt.runtime.prompts",
    "to": "metagpt.message",
}
"""Every name is loaded when it is first used: a program pays for the parts that it touches."""


if not TYPE_CHECKING:  # checkers would take every name for one of ours

    def __getattr__(name):
        if name not in _ON_FIRST_USE:
            raise AttributeError(f"module 'metagpt' has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(_ON_FIRST_USE[name]), name)
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
