"""The support team, ready-made: an answer from the handbook, or a run that waits for a person."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from metagpt import Goal, Team
from metagpt.roles.library import library_actions
from metagpt.roles.support.agent import Agent
from metagpt.roles.support.desk import Desk
from metagpt.roles.support.messages import Answer, Unanswered

__all__ = ["HANDBOOK", "support_team"]

HANDBOOK = "handbook"
"""The folder, in the working folder, where nothing else is said."""


def support_team(*, handbook: str | Path = HANDBOOK, **keywords: Any) -> Team[Goal, Answer | Unanswered]:
    """Agent and desk: a customer's question is answered from the handbook, or by a person.

    Args:
        handbook: The folder of its .md, .txt and .rst files.
        keywords: Of `Team`: model, journal, wait_limit (how long the person may take), …
    """
    keywords.setdefault("name", "support")
    find_passages, _ = library_actions(handbook)
    return Team(
        [Agent(actions=[find_passages]), Desk()], final=Answer | Unanswered, success=lambda output: isinstance(output, Answer), **keywords
    )
