"""A model of your own is one class with `profile`, `stream` and `close`; no base class, no registration needed.

To give it a reference that others can write, such as `echo:loud`, publish a function under the entry point group
`metagpt.models` that makes it: `def open_echo(rest: str, settings: dict[str, object]) -> Model`.

Prints:
    asked for: crier.cry
    output: TEA IS READY!
    tokens: 13
"""

from collections.abc import AsyncIterator

from metagpt import Goal, Message, Role, Team, on
from metagpt.models.interface import Candidate, Delta, ModelProfile, ModelReply, ModelRequest, Price, TokenUsage


class Cry(Message):
    text: str


class Crier(Role):
    """A town crier."""

    @on(Goal)
    async def cry(self, goal: Goal) -> Cry:
        return Cry(text=await self.ask(str, "{{ goal.text }}", goal=goal))


class LoudModel:
    """Answers with the last thing it was told, in capitals."""

    profile = ModelProfile(reference="loud", price=Price(input=0, output=0))

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta | ModelReply]:
        print("asked for:", request.call)
        answer = f"{request.chat[-1].text.upper()}!"
        yield Delta(answer)
        usage = TokenUsage(input_tokens=len(request.chat[-1].text), output_tokens=1)
        yield ModelReply(candidates=(Candidate(text=answer),), usage=usage)

    async def close(self) -> None:
        """Nothing to free."""


if __name__ == "__main__":
    run = Team([Crier()], final=Cry, model=LoudModel()).run_sync("Tea is ready")
    print("output:", run.output.text)
    print("tokens:", run.usage.tokens)
