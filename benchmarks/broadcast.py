"""A broadcast to 1,000 roles, and what delivering it to one of them costs."""

# The peers live in environments of their own: what they export cannot be checked here.
# mypy: disable-error-code="import-not-found, misc, untyped-decorator, unused-ignore"

import asyncio
from typing import TypedDict

from benchmarks.probe import Contender, Figure, Figures, Row, measured_async, run_script

NUM_ROLES = 1_000


def floor(num_broadcasts: int) -> Figures:
    from pydantic import BaseModel

    class News(BaseModel):
        text: str

    async def role(heard: asyncio.Queue[News | None]) -> None:
        while await heard.get() is not None:
            pass

    async def play(broadcasts: int) -> None:
        queues: list[asyncio.Queue[News | None]] = [asyncio.Queue() for _ in range(NUM_ROLES)]
        tasks = [asyncio.create_task(role(queue)) for queue in queues]
        for news in [*(News(text="it works") for _ in range(broadcasts)), None]:
            for queue in queues:
                queue.put_nowait(news)
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    return measured_async(play, num_broadcasts, warm_up=1, units=num_broadcasts * NUM_ROLES)


def ours(num_broadcasts: int) -> Figures:
    from metagpt import Message, Role, Team, on

    class News(Message):
        text: str

    class Listener(Role):
        @on(News)
        async def listen(self, news: News) -> None:
            pass

    team = Team([Listener(f"listener_{number}") for number in range(NUM_ROLES)], start=News)

    async def play(broadcasts: int) -> None:
        for _ in range(broadcasts):
            run = await team.run(News(text="it works"))
            assert run.success, run

    return measured_async(play, num_broadcasts, warm_up=1, units=num_broadcasts * NUM_ROLES)


def autogen(num_broadcasts: int) -> Figures:
    from autogen_core import MessageContext, RoutedAgent, SingleThreadedAgentRuntime, TopicId, TypeSubscription, message_handler
    from pydantic import BaseModel

    class News(BaseModel):
        text: str

    class Listener(RoutedAgent):
        @message_handler
        async def listen(self, message: News, ctx: MessageContext) -> None:
            pass

    async def play(broadcasts: int) -> None:
        for _ in range(broadcasts):
            await runtime.publish_message(News(text="it works"), TopicId("news", "default"))
        runtime.start()
        await runtime.stop_when_idle()

    async def found() -> SingleThreadedAgentRuntime:
        runtime = SingleThreadedAgentRuntime()
        for number in range(NUM_ROLES):
            name = f"listener_{number}"
            await Listener.register(runtime, name, lambda: Listener("a listener"))
            await runtime.add_subscription(TypeSubscription("news", name))
        return runtime

    runtime = asyncio.run(found())
    return measured_async(play, num_broadcasts, warm_up=1, units=num_broadcasts * NUM_ROLES)


class _Desk(TypedDict):
    text: str


def langgraph(num_broadcasts: int) -> Figures:
    from langgraph.graph import START, StateGraph

    async def listen(desk: _Desk) -> None:
        pass

    graph = StateGraph(_Desk)
    for number in range(NUM_ROLES):
        graph.add_node(f"listener_{number}", listen)
        graph.add_edge(START, f"listener_{number}")
    compiled = graph.compile()

    async def play(broadcasts: int) -> None:
        for _ in range(broadcasts):
            await compiled.ainvoke({"text": "it works"})

    return measured_async(play, num_broadcasts, warm_up=1, units=num_broadcasts * NUM_ROLES)


def agno(num_broadcasts: int) -> Figures:
    from agno.workflow import Parallel, Step, StepInput, StepOutput, Workflow

    async def listen(step_input: StepInput) -> StepOutput:
        return StepOutput(content="heard")

    steps = [Step(name=f"listener {number}", executor=listen) for number in range(NUM_ROLES)]
    workflow = Workflow(name="news", steps=[Parallel(*steps)], telemetry=False)

    async def play(broadcasts: int) -> None:
        for _ in range(broadcasts):
            await workflow.arun(input="it works")

    return measured_async(play, num_broadcasts, warm_up=1, units=num_broadcasts * NUM_ROLES)


ROW = Row(
    name="broadcast",
    title="Broadcast to 1,000 roles, per message delivered",
    unit_of_work="broadcasts",
    size=20,
    quick=1,
    figures=(Figure(key="cpu", unit="µs CPU", scale=1e6, aim=20.0), Figure(key="wall", unit="µs wall", scale=1e6)),
    contenders={
        "floor": Contender(measure=floor, what="1,000 asyncio tasks, a queue each"),
        "metagpt": Contender(measure=ours, what="a team of 1,000 roles that hear the goal, a run for each broadcast"),
        "autogen": Contender(measure=autogen, what="1,000 RoutedAgents subscribed to one topic", share=0.25),
        "langgraph": Contender(measure=langgraph, what="1,000 nodes behind START, one superstep", share=0.25),
        "agno": Contender(measure=agno, what="1,000 steps in one Parallel: no bus, no routing", share=0.25, counts=False),
    },
    left_out={"llamaindex": "copies the state of every step at every event: one broadcast to 1,000 steps took 90 s of CPU"},
)

if __name__ == "__main__":
    run_script(ROW)
