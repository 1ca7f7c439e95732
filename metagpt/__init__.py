"""MetaGPT: teams of role agents over a typed, journaled message bus, and the lab that trains their models."""

from metagpt.actions.interface import Action, ActionContext, action
from metagpt.errors import MetaGPTError
from metagpt.handler import on
from metagpt.journal.in_memory import InMemoryJournal
from metagpt.journal.interface import Journal
from metagpt.journal.sqlite import SqliteJournal
from metagpt.memory.interface import Memory
from metagpt.memory.window import WindowMemory
from metagpt.message import Envelope, Goal, Message, reply, to
from metagpt.models.interface import Model, ModelOptions
from metagpt.models.retry import RetryPolicy
from metagpt.role import Role
from metagpt.run import Run, RunStream
from metagpt.runtime.budget import Budget, Usage
from metagpt.runtime.policy import Policy, Rules
from metagpt.runtime.prompts import template
from metagpt.runtime.ticks import Approve, Edit, Reject
from metagpt.team import Team

__all__ = [
    "Action",
    "ActionContext",
    "Approve",
    "Budget",
    "Edit",
    "Envelope",
    "Goal",
    "InMemoryJournal",
    "Journal",
    "Memory",
    "Message",
    "MetaGPTError",
    "Model",
    "ModelOptions",
    "Policy",
    "Reject",
    "RetryPolicy",
    "Role",
    "Rules",
    "Run",
    "RunStream",
    "SqliteJournal",
    "Team",
    "Usage",
    "WindowMemory",
    "action",
    "on",
    "reply",
    "template",
    "to",
]
