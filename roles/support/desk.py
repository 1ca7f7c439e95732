"""The desk: hands a question over to a person, and waits."""

from __future__ import annotations

from metagpt import Role, on, template
from metagpt.errors import ActionError
from metagpt.roles.support.messages import Answer, Unanswered, Unsure

__all__ = ["SEND", "Desk"]

SEND = "send"
"""What a person answers to have the draft sent as it is."""


class Desk(Role):
    """The desk where people sit."""

    @on(Unsure)
    async def hand_over(self, unsure: Unsure) -> Answer | Unanswered:
        """Ask a person; the run waits in its journal, for minutes or for days."""
        try:
            said = await self.ask_person(
                str, template("desk/hand_over"), question=unsure.question, reason=unsure.reason, draft=unsure.draft,
                passages=unsure.passages, send=SEND,
            )  # fmt: skip
        except ActionError as refusal:
            return Unanswered(question=unsure.question, reason=str(refusal))
        text = unsure.draft if unsure.draft and said.strip().lower() == SEND else said.strip()
        return Answer(text=text, by="person")
