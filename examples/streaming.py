"""A run is a stream of events: who works, what the model says word by word, what it costs.

Prints:
    poet.write starts
    The kettle sings.
    poet.write ends
    run_ended: done, 1 call
"""

import asyncio
from collections.abc import AsyncIterator

from metagpt import Goal, Message, Role, Team, on
from metagpt.events import DeltaEvent, HandlerEndedEvent, HandlerStartedEvent, RunEndedEvent
from metagpt.models.interface import Candidate, Delta, ModelProfile, ModelReply, ModelRequest


class Poem(Message):
    text: str


class Poet(Role):
    """A poet."""

    @on(Goal)
    async def write(self, goal: Goal) -> Poem:
        return Poem(text=await self.ask(str, "Write a poem about {{ goal.text }}", goal=goal))


class WordByWord:
    """A model that answers one word at a time."""

    profile = ModelProfile(reference="word-by-word")

    async def stream(self, request: ModelRequest) -> AsyncIterator[Delta | ModelReply]:
        for word in ("The ", "kettle ", "sings."):
            yield Delta(word)
        yield ModelReply(candidates=(Candidate(text="The kettle sings."),))

    async def close(self) -> None:
        """Nothing to free."""


async def main() -> None:
    team = Team([Poet()], final=Poem, model=WordByWord())
    async with team.stream("tea") as stream:
        async for event in stream:
            match event:
                case HandlerStartedEvent(handler=handler):
                    print(handler, "starts")
                case DeltaEvent(text=text):
                    print(text, end="", flush=True)
                case HandlerEndedEvent(handler=handler):
                    print(f"\n{handler} ends")
                case RunEndedEvent(name=name, status=status):
                    run = await stream.result()
                    print(f"{name}: {status}, {run.usage.calls} call")


if __name__ == "__main__":
    asyncio.run(main())
