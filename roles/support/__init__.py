"""The support team: answers from a handbook, and a person where the handbook does not do."""

from metagpt.roles.support.agent import Agent
from metagpt.roles.support.desk import Desk
from metagpt.roles.support.messages import Answer, Unanswered, Unsure
from metagpt.roles.support.team import support_team

__all__ = ["Agent", "Answer", "Desk", "Unanswered", "Unsure", "support_team"]
