"""Fifty teams at once on a model that answers after 20 ms: CPU for each model call."""

# The peers live in environments of their own: what they export cannot be checked here.
# mypy: disable-error-code="import-not-found, misc, untyped-decorator, unused-ignore"

import asyncio
import operator
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, TypedDict

from benchmarks.model_server import serving
from benchmarks.probe import Contender, Figure, Figures, Row, measured_async, run_script

NUM_TEAMS = 50
PERSONAS = ("You write one-line product pitches.", "You are a strict critic.")
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "answer",
        "strict": True,
        "schema": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"], "additionalProperties": False},
    },
}


def _fifty(play: Callable[[int], Awaitable[object]], num_calls: int) -> Figures:
    """`play(calls of a team)` for every team at once; figures per model call."""

    async def play_all(calls: int) -> None:
        await asyncio.gather(*(play(calls) for _ in range(NUM_TEAMS)))

    return measured_async(play_all, num_calls, warm_up=2, units=num_calls * NUM_TEAMS)


def _chat(turn: int, said: str) -> list[Any]:
    return [{"role": "system", "content": PERSONAS[turn % 2]}, {"role": "user", "content": f"Go on from: {said}"}]


async def _asked(client: Any, turn: int, said: str) -> str:
    """One call of the plain client for a whole reply."""
    answer = await client.chat.completions.create(model="bench", messages=_chat(turn, said), response_format=SCHEMA)
    return str(answer.choices[0].message.content)


def floor(num_calls: int) -> Figures:
    from openai import AsyncOpenAI
    from pydantic import BaseModel

    class Text(BaseModel):
        text: str

    async def play(calls: int) -> None:
        said = "a teapot"
        for turn in range(calls):
            said = Text.model_validate_json(await _asked(client, turn, said)).text

    with serving() as url:
        client = AsyncOpenAI(base_url=url, api_key="no-key", max_retries=0)
        return _fifty(play, num_calls)


def streamed(num_calls: int) -> Figures:
    from openai import AsyncOpenAI
    from pydantic import BaseModel

    class Text(BaseModel):
        text: str

    async def play(calls: int) -> None:
        said = "a teapot"
        for turn in range(calls):
            stream = await client.chat.completions.create(
                model="bench", messages=_chat(turn, said), response_format=SCHEMA, stream=True, stream_options={"include_usage": True}
            )  # type: ignore[call-overload, unused-ignore]
            pieces = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
            said = Text.model_validate_json("".join(pieces)).text

    with serving() as url:
        client = AsyncOpenAI(base_url=url, api_key="no-key", max_retries=0)
        return _fifty(play, num_calls)


def ours(num_calls: int) -> Figures:
    from metagpt import Message, Role, Team, on
    from metagpt.plugins import open_model

    class Text(Message):
        text: str

    class Pitch(Message):
        text: str
        left: int

    class Review(Message):
        text: str
        left: int

    class Approved(Message):
        text: str

    class Writer(Role):
        """You write one-line product pitches."""

        @on(Review, limit=1_000_000)
        async def pitch(self, review: Review) -> Pitch | Approved:
            answer = await self.ask(Text, "Go on from: {{ said }}", said=review.text)
            return Pitch(text=answer.text, left=review.left - 1) if review.left > 1 else Approved(text=answer.text)

    class Critic(Role):
        """You are a strict critic."""

        @on(Pitch, limit=1_000_000)
        async def review(self, pitch: Pitch) -> Review | Approved:
            answer = await self.ask(Text, "Go on from: {{ said }}", said=pitch.text)
            return Review(text=answer.text, left=pitch.left - 1) if pitch.left > 1 else Approved(text=answer.text)

    with serving() as url:
        model = open_model(f"openai:bench@{url}", {"max_concurrency": NUM_TEAMS})

        async def play(calls: int) -> None:
            run = await Team([Writer(), Critic()], start=Review, final=Approved, model=model).run(Review(text="a teapot", left=calls))
            assert run.success, run
            assert run.usage.calls == calls, run.usage

        return _fifty(play, num_calls)


def autogen(num_calls: int) -> Figures:
    from autogen_core import MessageContext, RoutedAgent, SingleThreadedAgentRuntime, TopicId, TypeSubscription, message_handler
    from openai import AsyncOpenAI
    from pydantic import BaseModel

    class Text(BaseModel):
        text: str

    class Turn(BaseModel):
        text: str
        left: int

    class Author(RoutedAgent):
        def __init__(self, turn: int, partner: str) -> None:
            super().__init__(PERSONAS[turn])
            self.turn = turn
            self.partner = TopicId(partner, "default")

        @message_handler
        async def go_on(self, message: Turn, ctx: MessageContext) -> None:
            text = Text.model_validate_json(await _asked(client, self.turn, message.text)).text
            if message.left > 1:
                await self.publish_message(Turn(text=text, left=message.left - 1), self.partner)

    async def play(calls: int) -> None:
        runtime = SingleThreadedAgentRuntime()
        for turn, (name, partner) in enumerate((("writer", "critic"), ("critic", "writer"))):
            await Author.register(runtime, name, lambda turn=turn, partner=partner: Author(turn, partner))
            await runtime.add_subscription(TypeSubscription(name, name))
        runtime.start()
        await runtime.publish_message(Turn(text="a teapot", left=calls), TopicId("writer", "default"))
        await runtime.stop_when_idle()

    with serving() as url:
        client = AsyncOpenAI(base_url=url, api_key="no-key", max_retries=0)
        return _fifty(play, num_calls)


class _Desk(TypedDict):
    text: str
    left: Annotated[int, operator.add]


def langgraph(num_calls: int) -> Figures:
    from langgraph.graph import END, START, StateGraph
    from openai import AsyncOpenAI
    from pydantic import BaseModel

    class Text(BaseModel):
        text: str

    async def pitch(desk: _Desk) -> _Desk:
        return {"text": Text.model_validate_json(await _asked(client, 0, desk["text"])).text, "left": -1}

    async def review(desk: _Desk) -> _Desk:
        return {"text": Text.model_validate_json(await _asked(client, 1, desk["text"])).text, "left": -1}

    graph = StateGraph(_Desk)
    graph.add_node("writer", pitch)
    graph.add_node("critic", review)
    graph.add_edge(START, "writer")
    graph.add_conditional_edges("writer", lambda desk: "critic" if desk["left"] > 0 else END, ["critic", END])
    graph.add_conditional_edges("critic", lambda desk: "writer" if desk["left"] > 0 else END, ["writer", END])
    compiled = graph.compile()

    async def play(calls: int) -> None:
        await compiled.ainvoke({"text": "a teapot", "left": calls}, {"recursion_limit": calls + 10})

    with serving() as url:
        client = AsyncOpenAI(base_url=url, api_key="no-key", max_retries=0)
        return _fifty(play, num_calls)


def llamaindex(num_calls: int) -> Figures:
    from openai import AsyncOpenAI
    from pydantic import BaseModel
    from workflows import Workflow, step
    from workflows.events import Event, StartEvent, StopEvent

    class Text(BaseModel):
        text: str

    class Pitch(Event):
        text: str
        left: int

    class Review(Event):
        text: str
        left: int

    class Desk(Workflow):
        @step
        async def begin(self, ev: StartEvent) -> Review:
            return Review(text="a teapot", left=ev.left)

        @step
        async def pitch(self, ev: Review) -> Pitch | StopEvent:
            text = Text.model_validate_json(await _asked(client, 0, ev.text)).text
            return Pitch(text=text, left=ev.left - 1) if ev.left > 1 else StopEvent()

        @step
        async def review(self, ev: Pitch) -> Review | StopEvent:
            text = Text.model_validate_json(await _asked(client, 1, ev.text)).text
            return Review(text=text, left=ev.left - 1) if ev.left > 1 else StopEvent()

    async def play(calls: int) -> None:
        await Desk(timeout=None).run(left=calls)

    with serving() as url:
        client = AsyncOpenAI(base_url=url, api_key="no-key", max_retries=0)
        return _fifty(play, num_calls)


def agno(num_calls: int) -> Figures:
    from agno.agent import Agent
    from agno.models.openai.like import OpenAILike
    from agno.workflow import Step, Workflow
    from pydantic import BaseModel

    class Text(BaseModel):
        text: str

    async def play(calls: int) -> None:
        model = OpenAILike(id="bench", api_key="no-key", base_url=url)
        agents = [
            Agent(name=f"author {turn}", model=model, instructions=persona, output_schema=Text, telemetry=False)
            for turn, persona in enumerate(PERSONAS)
        ]
        steps = [Step(name=f"turn {turn}", agent=agents[turn % 2]) for turn in range(calls)]
        result = await Workflow(name="desk", steps=steps, telemetry=False).arun(input="a teapot")
        assert isinstance(result.content, Text), result.content

    with serving() as url:
        return _fifty(play, num_calls)


ROW = Row(
    name="teams",
    title="50 teams at once on a 20 ms model, per model call",
    unit_of_work="calls of each team",
    size=10,
    quick=2,
    figures=(
        Figure(key="cpu", unit="ms CPU", scale=1e3, digits=2, aim=1.1, times_floor=True),
        Figure(key="wall", unit="ms wall", scale=1e3, digits=2),
    ),
    contenders={
        "floor": Contender(measure=floor, what="the plain openai client, whole replies, validated"),
        "streamed": Contender(measure=streamed, what="the plain openai client, streamed replies as ours, validated", counts=False),
        "metagpt": Contender(measure=ours, what="two roles that ask for a typed answer; streamed, budgeted, journaled in memory"),
        "autogen": Contender(measure=autogen, what="two RoutedAgents that call the plain openai client, whole replies"),
        "langgraph": Contender(measure=langgraph, what="two nodes that call the plain openai client, whole replies"),
        "llamaindex": Contender(measure=llamaindex, what="two steps that call the plain openai client, whole replies"),
        "agno": Contender(measure=agno, what="a workflow of two Agents with an output schema, whole replies"),
    },
    left_out={},
)

if __name__ == "__main__":
    run_script(ROW)
