"""The action that asks a person: the run waits for the answer, in this process or in another one."""

from __future__ import annotations

from metagpt.actions.interface import ActionContext, action
from metagpt.errors import ActionError

__all__ = ["ask_human"]

_MOST_CHARS = 4_000


@action(idempotent=True)
async def ask_human(question: str, context: ActionContext) -> str:  # noqa: D417 - the docstring is for the model, which does not see the context
    """Ask a person, and wait for the answer. Use it for what only they can know or decide.

    Args:
        question: in full sentences; the person sees nothing else of this conversation.
    """
    if not question.strip() or len(question) > _MOST_CHARS:
        raise ActionError(
            f"action 'ask_human': found a question of {len(question)} characters; expected one of 1 to {_MOST_CHARS}. Ask briefly."
        )
    answer: str = await context.ask_person(f"{context.role} asks: {question}")
    return answer
