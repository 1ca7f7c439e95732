"""The agent: answers from the handbook, or says that it cannot."""

from __future__ import annotations

from metagpt import Goal, Role, on, template
from metagpt.roles.library import Found, standing
from metagpt.roles.support.messages import Answer, Draft, Unsure

__all__ = ["LEAST_COVERAGE", "Agent"]

LEAST_COVERAGE = 0.05
"""How much of a question must stand in the handbook before a model is asked at all: more than words like 'is' and 'the'."""

_PASSAGES = 5


class Agent(Role):
    """You answer customers, kindly and shortly, from the handbook and from nothing else."""

    @on(Goal)
    async def answer(self, goal: Goal) -> Answer | Unsure:
        """Three things make the agent unsure: words the handbook lacks, the model's own doubt, quotes that stand nowhere."""
        found: Found = await self.do("find_passages", query=goal.text, limit=_PASSAGES)
        if found.coverage < LEAST_COVERAGE:
            return Unsure(question=goal.text, reason="the handbook does not speak of it", passages=found.passages)
        draft = await self.ask(Draft, template("agent/answer"), question=goal.text, passages=found.passages)
        good, wrong = standing(draft.citations, found.passages)
        if draft.is_sure and good and not wrong:
            return Answer(text=draft.text, by="handbook", citations=good)
        reason = "the handbook does not say all of it" if not draft.is_sure else "the draft quotes what does not stand in the handbook"
        return Unsure(question=goal.text, reason=reason, draft=draft.text, passages=found.passages)
