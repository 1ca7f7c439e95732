"""The planner: from a goal to the questions that must be answered for it."""

from __future__ import annotations

from metagpt import Goal, Role, on, template
from metagpt.roles.research.messages import Question

__all__ = ["MOST_QUESTIONS", "Planner"]

MOST_QUESTIONS = 6
"""How many readers are sent out at most."""

_MOST_NAMES = 100


class Planner(Role):
    """You plan research. You ask few questions, each of which can be answered by itself from documents."""

    @on(Goal)
    async def plan(self, goal: Goal) -> list[Question]:
        """Ask the questions, all at once: each opens a branch."""
        documents = await self.do("list_documents")
        asked = await self.ask(list[str], template("planner/plan"), goal=goal.text, documents=documents[:_MOST_NAMES], most=MOST_QUESTIONS)
        texts = list(dict.fromkeys(text.strip() for text in asked if text.strip())) or [goal.text]
        return [Question(goal=goal.text, text=text) for text in texts[:MOST_QUESTIONS]]
