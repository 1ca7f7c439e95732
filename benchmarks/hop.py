"""A typed hop in memory: two roles hand a message to and fro, and what one such hand-over costs."""

# The peers live in environments of their own: what they export cannot be checked here.
# mypy: disable-error-code="import-not-found, misc, untyped-decorator, unused-ignore"

import asyncio
import time
from typing import TypedDict

from benchmarks.probe import Contender, Figure, Figures, Row, measured_async, run_script

WARM_UP = 50
MARKS: dict[int, float] = {}
"""Hops still to go -> CPU seconds when they were; filled where `growth` put the keys."""


def one_less(left: int) -> int:
    """What every contender's handler does."""
    if left in MARKS:
        MARKS[left] = time.process_time()
    return left - 1


def floor(num_hops: int) -> Figures:
    from pydantic import BaseModel, ConfigDict

    class Ball(BaseModel):
        model_config = ConfigDict(frozen=True, extra="forbid")
        left: int

    async def role(heard: asyncio.Queue[Ball], said: asyncio.Queue[Ball]) -> None:
        while (ball := await heard.get()).left > 0:
            said.put_nowait(Ball(left=one_less(ball.left)))
        said.put_nowait(Ball(left=-1))

    async def play(hops: int) -> None:
        ping: asyncio.Queue[Ball] = asyncio.Queue()
        pong: asyncio.Queue[Ball] = asyncio.Queue()
        ping.put_nowait(Ball(left=hops))
        await asyncio.gather(role(ping, pong), role(pong, ping))

    return measured_async(play, num_hops, warm_up=min(WARM_UP, num_hops))


def ours(num_hops: int) -> Figures:
    from metagpt import Message, Role, Team, on

    class Ball(Message):
        left: int

    class Return(Message):
        left: int

    class Missed(Message):
        pass

    class Ping(Role):
        @on(Ball, limit=1_000_000)
        async def hit(self, ball: Ball) -> Return | Missed:
            return Return(left=one_less(ball.left)) if ball.left > 0 else Missed()

    class Pong(Role):
        @on(Return, limit=1_000_000)
        async def hit(self, ball: Return) -> Ball | Missed:
            return Ball(left=one_less(ball.left)) if ball.left > 0 else Missed()

    async def play(hops: int) -> None:
        run = await Team([Ping(), Pong()], start=Ball, final=Missed).run(Ball(left=hops))
        assert run.success, run

    return measured_async(play, num_hops, warm_up=min(WARM_UP, num_hops))


def autogen(num_hops: int) -> Figures:
    from autogen_core import MessageContext, RoutedAgent, SingleThreadedAgentRuntime, TopicId, TypeSubscription, message_handler
    from pydantic import BaseModel

    class Ball(BaseModel):
        left: int

    class Player(RoutedAgent):
        def __init__(self, partner: str) -> None:
            super().__init__("a player")
            self.partner = TopicId(partner, "default")

        @message_handler
        async def hit(self, message: Ball, ctx: MessageContext) -> None:
            if message.left > 0:
                await self.publish_message(Ball(left=one_less(message.left)), self.partner)

    async def play(hops: int) -> None:
        runtime = SingleThreadedAgentRuntime()
        for name, partner in (("ping", "pong"), ("pong", "ping")):
            await Player.register(runtime, name, lambda partner=partner: Player(partner))
            await runtime.add_subscription(TypeSubscription(name, name))
        runtime.start()
        await runtime.publish_message(Ball(left=hops), TopicId("ping", "default"))
        await runtime.stop_when_idle()

    return measured_async(play, num_hops, warm_up=min(WARM_UP, num_hops))


class _Court(TypedDict):
    left: int


def langgraph(num_hops: int) -> Figures:
    from langgraph.graph import END, START, StateGraph

    async def hit(court: _Court) -> _Court:
        return {"left": one_less(court["left"])}

    graph = StateGraph(_Court)
    graph.add_node("ping", hit)
    graph.add_node("pong", hit)
    graph.add_edge(START, "ping")
    graph.add_conditional_edges("ping", lambda court: "pong" if court["left"] > 0 else END, ["pong", END])
    graph.add_conditional_edges("pong", lambda court: "ping" if court["left"] > 0 else END, ["ping", END])
    compiled = graph.compile()

    async def play(hops: int) -> None:
        await compiled.ainvoke({"left": hops}, {"recursion_limit": hops + 10})

    return measured_async(play, num_hops, warm_up=min(WARM_UP, num_hops))


def llamaindex(num_hops: int) -> Figures:
    from workflows import Workflow, step
    from workflows.events import Event, StartEvent, StopEvent

    class Ball(Event):
        left: int

    class Return(Event):
        left: int

    class Match(Workflow):
        @step
        async def serve(self, ev: StartEvent) -> Ball:
            return Ball(left=ev.left)

        @step
        async def ping(self, ev: Ball) -> Return | StopEvent:
            return Return(left=one_less(ev.left)) if ev.left > 0 else StopEvent()

        @step
        async def pong(self, ev: Return) -> Ball | StopEvent:
            return Ball(left=one_less(ev.left)) if ev.left > 0 else StopEvent()

    async def play(hops: int) -> None:
        await Match(timeout=None).run(left=hops)

    return measured_async(play, num_hops, warm_up=min(WARM_UP, num_hops))


def agno(num_hops: int) -> Figures:
    from agno.workflow import Step, StepInput, StepOutput, Workflow
    from pydantic import BaseModel

    class Ball(BaseModel):
        left: int

    async def hit(step_input: StepInput) -> StepOutput:
        ball = step_input.previous_step_content or step_input.input
        return StepOutput(content=Ball(left=one_less(ball.left)))

    async def play(hops: int) -> None:
        steps = [Step(name=f"hop {number}", executor=hit) for number in range(hops)]
        result = await Workflow(name="match", steps=steps, telemetry=False).arun(input=Ball(left=hops))
        assert result.content.left == 0, result.content

    return measured_async(play, num_hops, warm_up=min(WARM_UP, num_hops))


ROW = Row(
    name="hop",
    title="Typed hop in memory",
    unit_of_work="hops",
    size=5_000,
    quick=200,
    figures=(Figure(key="cpu", unit="µs CPU", scale=1e6, aim=25.0), Figure(key="wall", unit="µs wall", scale=1e6)),
    contenders={
        "floor": Contender(measure=floor, what="two asyncio tasks, a queue each, a frozen pydantic message per hop"),
        "metagpt": Contender(measure=ours, what="two roles; a typed message a hop, routed, counted, journaled in memory"),
        "autogen": Contender(measure=autogen, what="two RoutedAgents publishing a pydantic message to each other's topic"),
        "langgraph": Contender(measure=langgraph, what="two nodes and conditional edges, a superstep a hop, no checkpointer", share=0.2),
        "llamaindex": Contender(measure=llamaindex, what="two steps of a workflow, an event a hop", share=0.2),
        "agno": Contender(measure=agno, what="a chain of workflow steps: no bus, no routing, no cycle", share=0.1, counts=False),
    },
    left_out={},
)

if __name__ == "__main__":
    run_script(ROW)
