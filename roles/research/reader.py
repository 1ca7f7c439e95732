"""The reader: one question, the passages that it is about, and quotes that really stand there."""

from __future__ import annotations

from metagpt import Role, on, template
from metagpt.roles.library import Citation, Found, standing
from metagpt.roles.research.messages import Finding, Question, Reading

__all__ = ["Reader"]

_PASSAGES = 6
_TRIES = 2


class Reader(Role):
    """You read documents closely. You say what they say, you quote them word for word, and you add nothing of your own."""

    @on(Question, concurrency=4)
    async def read(self, question: Question) -> Finding:
        """Answer from the passages; an answer whose quotes stand nowhere is no answer."""
        found: Found = await self.do("find_passages", query=question.text, limit=_PASSAGES)
        if not found.passages:
            return Finding(goal=question.goal, question=question.text)
        answer, good, wrong = "", list[Citation](), list[Citation]()
        for _ in range(_TRIES):
            reading = await self.ask(
                Reading, template("reader/read"), name="read", question=question.text, passages=found.passages, wrong=wrong
            )
            answer = reading.answer.strip()
            good, wrong = standing(reading.citations, found.passages)
            if not answer or not wrong:
                break
        is_supported = bool(answer and good)
        return Finding(
            goal=question.goal,
            question=question.text,
            answer=answer if is_supported else "",
            citations=good if is_supported else [],
            refused=len(wrong),
        )
