"""The research team, ready-made: a fan-out of questions, readers side by side, and a gather."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metagpt import Goal, Team
from metagpt.roles.library import library_actions
from metagpt.roles.research.author import Author
from metagpt.roles.research.messages import Report
from metagpt.roles.research.planner import Planner
from metagpt.roles.research.reader import Reader

__all__ = ["DOCUMENTS", "research_team"]

DOCUMENTS = "documents"
"""The folder, in the working folder, where nothing else is said."""


def research_team(*, documents: str | Path = DOCUMENTS, **keywords: Any) -> Team[Goal, Report]:
    """Planner, reader and author: from a goal to a report that cites a folder of documents.

    Args:
        documents: The folder; its .md, .txt and .rst files are read, with those of the folders below.
        keywords: Of `Team`: model, models, budget, journal, workspace, …
    """
    keywords.setdefault("name", "research")
    find_passages, list_documents = library_actions(documents)
    roles = [Planner(actions=[list_documents]), Reader(actions=[find_passages]), Author()]
    return Team(roles, final=Report, success=lambda report: bool(report.sources), **keywords)
