"""The research team: questions are read up in a folder of documents, and the report cites what stands there."""

from metagpt.roles.research.author import Author
from metagpt.roles.research.messages import Finding, Question, Report, Source
from metagpt.roles.research.planner import Planner
from metagpt.roles.research.reader import Reader
from metagpt.roles.research.team import research_team

__all__ = ["Author", "Finding", "Planner", "Question", "Reader", "Report", "Source", "research_team"]
