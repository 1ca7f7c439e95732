"""A person as a member of the team."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, LiteralString, cast

from typing_extensions import TypeVar

from metagpt.handler import on
from metagpt.memory.interface import MemoryEntry
from metagpt.models.interface import ModelOptions
from metagpt.models.structured import output_type
from metagpt.role import Role
from metagpt.runtime.asking import Answers
from metagpt.runtime.prompts import PromptFile, render
from metagpt.runtime.questions import ask_person
from metagpt.runtime.ticks import WaitLimit

if TYPE_CHECKING:
    from typing import Self

    from typing_extensions import TypeForm

__all__ = ["Human"]

T = TypeVar("T")
Deps = TypeVar("Deps", default=Any)


class Human(Role[Deps]):
    """A person of the team.

    What its handlers `ask` is asked of a person, who sees the messages in hand; all else is as for any role. So a role of a
    model becomes one of a person by its base class alone. For a person who just answers one message with another, no
    subclass is needed: `Human("editor", hears=Draft, says=Review, question="May this be printed?")`.

    Args:
        name: What messages are addressed by; the class's name in snake_case if left out.
        hears: The message, union of messages, or list of them that the person answers.
        says: What they answer with: a Message, or a union of them.
        question: What they are asked then.
        limit: Most answers in one chain of causes.
        wait_limit: How long they may take, and what counts then; the team's if left out.
        persona: Who they are, for the other roles and for lists.
    """

    persona = "A person."
    _wait_limit: WaitLimit | None = None

    def __new__(cls, name: str | None = None, *, hears: Any = None, says: Any = None, **keywords: Any) -> Self:  # Any: type forms
        if hears is None:
            return object.__new__(cls)
        answering = _answering(cls, hears, says, keywords.get("question", ""), keywords.get("limit"))
        return cast("Self", object.__new__(answering))

    def __init__(
        self,
        name: str | None = None,
        *,
        hears: Any = None,
        says: Any = None,
        question: str = "",
        limit: int | None = None,
        wait_limit: WaitLimit | None = None,
        persona: str | None = None,
    ) -> None:
        super().__init__(name, persona=persona)
        if wait_limit is not None:
            self._wait_limit = wait_limit

    async def _ask_all(
        self,
        form: TypeForm[T],
        prompt: LiteralString | PromptFile,
        tools: Sequence[Any] | None,
        options: ModelOptions | None,
        name: str | None,
        context: Any,
    ) -> Answers[T]:
        """The person's answer. Tools, options and the call's name are for models; a person needs none."""
        attempt = self._attempt
        text = render(prompt, context, self.prompt_folders, owner=attempt.handler)
        if self.feedback is not None:
            text += f"\nYour last answer was rejected: {self.feedback}"
        about = [envelope.message for envelope in attempt.invocation.heard]
        answer = ask_person(attempt, form, text, limit=self._wait_limit, about=about)
        if attempt.memory.exchanges:
            attempt.remember(MemoryEntry(kind="exchange", text=text, answer=output_type(form).encode(answer)))
        return Answers([answer])


def _answering(base: type[Human[Any]], hears: Any, says: Any, question: str, limit: int | None) -> type[Human[Any]]:
    """A class whose one handler puts the question to the person."""

    async def answer(self: Human[Any], message: Any) -> Any:
        return await self.ask(says, "{{ question }}", question=question or f"{self.name}: what is your answer?")

    answer.__annotations__ = {"message": hears, "return": says}
    handler = on(hears, limit=limit)(answer)
    body = {"answer": handler, "__module__": base.__module__, "__doc__": base.__doc__, "name": base.name, "persona": base.persona}
    return cast("type[Human[Any]]", type(base.__name__, (base,), body))
