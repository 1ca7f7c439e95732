"""A role made and kept: microseconds and kilobytes for each."""

# The peers live in environments of their own: what they export cannot be checked here.
# mypy: disable-error-code="import-not-found, misc, untyped-decorator, unused-ignore"

import gc
import tracemalloc
from collections.abc import Callable

from benchmarks.probe import Contender, Figure, Figures, Row, measured, run_script

PERSONA = "A strict critic."


def _made(make: Callable[[str], object], num_roles: int) -> Figures:
    names = [f"critic_{number}" for number in range(num_roles)]
    warm = [make(name) for name in names[:50]]
    figures = measured(lambda: [make(name) for name in names], num_roles)
    del warm
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    kept: list[object] = [None] * num_roles
    for number, name in enumerate(names):
        kept[number] = make(name)
    gc.collect()
    figures["bytes"] = (tracemalloc.get_traced_memory()[0] - before) / num_roles - 8  # less the list's own slot
    return figures


def floor(num_roles: int) -> Figures:
    class Critic:
        def __init__(self, name: str, persona: str | None = None) -> None:
            self.name = name
            self.persona = persona or PERSONA

        async def review(self, pitch: str) -> str:
            return pitch

    return _made(Critic, num_roles)


def ours(num_roles: int) -> Figures:
    from metagpt import Goal, Message, Role, on

    class Review(Message):
        approved: bool

    class Critic(Role):
        """A strict critic."""

        @on(Goal)
        async def review(self, goal: Goal) -> Review:
            return Review(approved=True)

    return _made(Critic, num_roles)


def autogen(num_roles: int) -> Figures:
    from autogen_core import AgentId, AgentInstantiationContext, MessageContext, RoutedAgent, SingleThreadedAgentRuntime, message_handler
    from pydantic import BaseModel

    class Pitch(BaseModel):
        text: str

    class Critic(RoutedAgent):
        @message_handler
        async def review(self, message: Pitch, ctx: MessageContext) -> None:
            pass

    runtime = SingleThreadedAgentRuntime()

    def make(name: str) -> object:
        with AgentInstantiationContext.populate_context((runtime, AgentId(name, "default"))):
            return Critic(PERSONA)

    return _made(make, num_roles)


def agno(num_roles: int) -> Figures:
    from agno.agent import Agent

    return _made(lambda name: Agent(name=name, instructions=PERSONA, telemetry=False), num_roles)


ROW = Row(
    name="construction",
    title="Role construction",
    unit_of_work="roles",
    size=10_000,
    quick=200,
    figures=(
        Figure(key="cpu", unit="µs CPU", scale=1e6, digits=2, aim=5.0),
        Figure(key="bytes", unit="kB", scale=1e-3, digits=2, aim=0.9),
    ),
    contenders={
        "floor": Contender(measure=floor, what="a plain object with two attributes"),
        "metagpt": Contender(measure=ours, what="a role of a class with one handler, named"),
        "autogen": Contender(measure=autogen, what="a RoutedAgent with one handler, made in a runtime's context"),
        "agno": Contender(measure=agno, what="an Agent with a name and instructions"),
    },
    left_out={"langgraph": "has no role object, only nodes of a graph", "llamaindex": "has no role object, only steps of a workflow"},
)

if __name__ == "__main__":
    run_script(ROW)
